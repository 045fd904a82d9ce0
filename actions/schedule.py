"""Say when a channel is expected on air."""

from __future__ import annotations

from actions.permission import require
from cdn import months, schedule
from cdn.errors import Unknown
from cdn.model import Actor, Invalid
from db import audit
from db.engine import Engine, editing
from db.models import Channel


def set_schedule(engine: Engine, channel_id: int, words: str, zone: str, *, by: Actor) -> None:
    """Expect a channel on air as `words` say (see `cdn.schedule`), on the clock of `zone`. Its history is judged anew.

    Raises Invalid with every fault by field (schedule, zone), Unknown, Forbidden, Unavailable.
    """
    require(by, "admin")
    words, zone = " ".join(words.split()), zone.strip()
    faults: dict[str, str] = {}
    try:
        schedule.parse(words)
    except schedule.ScheduleError as error:
        faults["schedule"] = str(error)
    try:
        months.zone_of(zone)
    except ValueError as error:
        faults["zone"] = str(error)
    if faults:
        raise Invalid(faults)
    with editing(engine) as session:
        channel = session.get(Channel, channel_id)
        if channel is None:
            raise Unknown
        before = {"schedule": channel.schedule, "zone": channel.zone}
        after = {"schedule": words, "zone": zone}
        if before != after:
            channel.schedule, channel.zone = words, zone
            subject = "/".join(part for part in (channel.vhost, channel.app, channel.name) if part)
            audit.record(session, by, "channel.schedule", subject, before=before, after=after)
