"""A channel's month: on air when expected, its drop-outs, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cdn import months
from cdn.errors import Unknown
from cdn.model import PublicationEnd
from db import airtime
from db import engine as engines
from db.frame import records
from web.reports import Asked, between, exact, lasted, share

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ENDED = {
    PublicationEnd.STOPPED: "its publisher left",
    PublicationEnd.RECONNECTED: "its publisher came back over another connection",
    PublicationEnd.RESTARTED: "its server started again",
}


def read(asked: Asked) -> tuple[str, Mapping[str, Any]]:
    """See web.reports.Read."""
    engine = engines.shared()
    whole = months.span(asked.month, asked.zone)
    channels = records(airtime.plan(engine, asked.id))
    if not channels:
        raise Unknown
    channel = channels[0]
    days = [asked.month.first_day + timedelta(days=number) for number in range(asked.month.last_day.day)]
    bounds = [*(months.day_begins(day, asked.zone) for day in days), whole.end]
    by_day = airtime.airtime(engine, bounds, asked.now, asked.id)
    total = records(airtime.told(by_day, []))[0]
    drops = records(airtime.drop_outs(engine, whole.start, whole.end, asked.now, asked.id))
    return "report_channel.html", {
        "name": channel["name"],
        "app": channel["app"],
        "vhost": "" if channel["vhost"] == "__defaultVhost__" else channel["vhost"],
        "month": asked.month.words,
        "schedule": f"{channel['schedule']} ({channel['zone']})" if channel["schedule"] else "always",
        "judged": bool(by_day["judged"].any()),
        "on_air": share(total["on_least"], total["on_most"]),
        "expected": lasted(total["expected"]),
        "off": between(total["off_least"], total["off_most"]),
        "drops": [_drop(row, asked) for row in reversed(drops)],
        "days": [
            _day(days[row["part"]], row)
            for row in records(airtime.told(by_day, ["part"]))
            if bounds[row["part"]] < asked.now
        ],
    }


def _day(day: Any, row: dict[str, Any]) -> dict[str, str]:
    expected = row["expected"] > 0
    return {
        "day": f"{DAYS[day.weekday()]} {day.day} {months.NAMES[day.month - 1][:3]}",
        "expected": lasted(row["expected"]) if expected else "–",
        "off": between(row["off_least"], row["off_most"]) if expected else "–",
        "on_air": share(row["on_least"], row["on_most"]),
    }


def _drop(row: dict[str, Any], asked: Asked) -> dict[str, str]:
    ended: datetime | None = row["ended_by"]
    return {
        "began": exact(row["began_after"], asked.zone),
        "ended": "it goes on" if ended is None else exact(ended, asked.zone),
        "off": between(row["off_least"], row["off_most"]),
        "server": row["server"] or "–",
        "why": "not known" if row["end_reason"] is None else _ENDED[PublicationEnd(row["end_reason"])],
    }
