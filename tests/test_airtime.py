"""Channels on air where expected, and drop-outs, equal a computation second by second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cdn.model import Kind, Role
from cdn.schedule import on_the_wall
from db import airtime
from db.fleet import Draft, add
from db.measurements import publication
from db.models import Channel, Stream

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=60)
_names = count(1)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def new_channel(
    engine: Engine, schedule: str = "", zone: str = "UTC", homes: int = 1
) -> tuple[int, list[tuple[int, int]]]:
    """Its id, and (server, stream) of each home."""
    with Session(engine) as session, session.begin():
        channel = Channel(vhost="", app="live", name=f"c{next(_names)}", schedule=schedule, zone=zone, created_at=NOON)
        session.add(channel)
        session.flush()
        streams = []
        for _ in range(homes):
            draft = Draft(f"origin-{next(_names)}", Kind.SRS, "http://127.0.0.1:1985", Role.ORIGIN)
            server = add(session, draft, "")
            session.flush()
            stream = Stream(server_id=server.id, channel_id=channel.id, url=f"/live/{channel.name}")
            session.add(stream)
            session.flush()
            streams.append((server.id, stream.id))
        return channel.id, streams


@dataclass(frozen=True)
class Published:
    """Seconds after NOON of the four bounds."""

    began_after: float | None
    began_by: float
    ended_after: float | None
    ended_by: float | None


def publish(engine: Engine, home: tuple[int, int], rows: list[Published]) -> None:
    made = [
        {
            "server_id": home[0],
            "stream_id": home[1],
            "began_after": at(row.began_after),
            "began_by": at(row.began_by),
            "ended_after": at(row.ended_after),
            "ended_by": at(row.ended_by),
            "end_reason": None if row.ended_by is None else "stopped",
        }
        for row in rows
    ]
    with engine.begin() as connection:
        connection.execute(publication.insert(), made)


def test_off_air_is_a_range_between_the_looks(engine: Engine) -> None:
    channel, homes = new_channel(engine)
    publish(engine, homes[0], [Published(None, 0, 100, 115), Published(200, 215, 1_000, 1_015)])
    found = airtime.airtime(engine, [NOON, NOON + timedelta(seconds=1_000)], LATER, channel)
    row = found.iloc[0]
    assert (row["expected"], row["off_least"], row["off_most"]) == (1_000.0, 85.0, 115.0)
    told = airtime.told(found).iloc[0]
    assert told["on_least"] == pytest.approx(0.885)
    assert told["on_most"] == pytest.approx(0.915)
    drops = airtime.drop_outs(engine, NOON, NOON + timedelta(seconds=900), LATER, channel)
    assert drops[["began_after", "began_by", "ended_after", "ended_by", "off_least", "off_most"]].values.tolist() == [
        [at(100), at(115), at(200), at(215), 85.0, 115.0]
    ]


def test_a_publisher_that_came_back_between_two_looks_dropped_out_for_at_most_that_time(engine: Engine) -> None:
    channel, homes = new_channel(engine)
    publish(engine, homes[0], [Published(None, 0, 100, 115), Published(100, 115, 5_000, 5_015)])
    drops = airtime.drop_outs(engine, NOON, NOON + timedelta(seconds=900), LATER, channel)
    assert drops[["off_least", "off_most", "goes_on"]].values.tolist() == [[0.0, 15.0, False]]


def test_who_takes_over_on_another_origin_leaves_no_gap(engine: Engine) -> None:
    channel, homes = new_channel(engine, homes=2)
    publish(engine, homes[0], [Published(None, 0, 500, 515)])
    publish(engine, homes[1], [Published(300, 315, 5_000, 5_015)])
    window = NOON, NOON + timedelta(seconds=900)
    assert airtime.drop_outs(engine, *window, LATER, channel).empty
    assert airtime.airtime(engine, window, LATER, channel)["off_most"].tolist() == [0.0]


def test_leaving_and_coming_as_the_schedule_says_is_no_drop_out(engine: Engine) -> None:
    channel, homes = new_channel(engine, schedule="12:00-13:00")
    day = 86_400
    publish(
        engine, homes[0], [Published(None, 0, 3_590, 3_605), Published(day - 10, day + 5, day + 3_600, day + 3_615)]
    )
    window = NOON, NOON + timedelta(days=1, hours=1)
    assert airtime.drop_outs(engine, *window, LATER, channel).empty
    row = airtime.airtime(engine, window, LATER, channel).iloc[0]
    assert (row["expected"], row["off_least"], row["off_most"]) == (7_200.0, 0.0, 15.0)


def test_coming_late_is_a_drop_out_from_the_time_of_the_schedule_on(engine: Engine) -> None:
    channel, homes = new_channel(engine, schedule="12:00-13:00")
    day = 86_400
    publish(
        engine, homes[0], [Published(None, 0, 3_600, 3_615), Published(day + 600, day + 615, day + 4_000, day + 4_015)]
    )
    drops = airtime.drop_outs(engine, NOON, NOON + timedelta(days=3), LATER, channel)
    late = drops[drops["began_after"] == at(day)]
    assert late[["off_least", "off_most"]].values.tolist() == [[600.0, 615.0]]
    # The same late comer is one of that day only.
    assert len(airtime.drop_outs(engine, NOON + timedelta(days=1, minutes=5), LATER, LATER, channel)) == 1
    # It never came again: that one goes on.
    assert drops["goes_on"].tolist() == [True, False]


def test_a_publication_that_goes_on_is_on_air_up_to_the_last_look(engine: Engine) -> None:
    channel, homes = new_channel(engine)
    publish(engine, homes[0], [Published(None, 0, None, None)])
    row = airtime.airtime(engine, [NOON, NOON + timedelta(hours=1)], NOON + timedelta(hours=2), channel).iloc[0]
    assert row["off_least"] == 0
    assert airtime.drop_outs(engine, NOON, LATER, NOON + timedelta(hours=2), channel).empty


def test_a_channel_that_was_never_published_is_not_judged(engine: Engine) -> None:
    channel, _ = new_channel(engine)
    found = airtime.airtime(engine, [NOON, NOON + timedelta(hours=1)], LATER, channel)
    assert not found["judged"].any()
    assert math.isnan(airtime.told(found)["on_least"].iloc[0])


def test_no_channel_is_no_error(engine: Engine) -> None:
    found = airtime.airtime(engine, [NOON, LATER], LATER)
    assert found.empty
    assert airtime.told(found).empty
    assert math.isnan(airtime.told(found, [])["on_most"].iloc[0])
    assert airtime.drop_outs(engine, NOON, LATER, LATER).empty


# Steps of ten seconds from one bound to the next, for each publication: off before, began within, on, ended within.
runs = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 4), st.integers(0, 200), st.integers(1, 30)), min_size=1, max_size=6
)
plans = st.sampled_from(["", "never", "12:00-13:00", "12:30-12:45,13:10-13:20", "Mon 11:00-12:10; 14:00-02:00"])
zones = st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(runs, min_size=1, max_size=2),
    plans,
    zones,
    st.lists(st.integers(0, 1_000), min_size=2, max_size=4, unique=True),
)
def test_whatever_was_published_the_sums_are_those_of_every_ten_seconds(
    engine: Engine, of_homes: list[list[tuple[int, int, int, int]]], plan: str, zone: str, cuts: list[int]
) -> None:
    channel, homes = new_channel(engine, plan, zone, homes=len(of_homes))
    sure, perhaps = set[int](), set[int]()
    begins = []
    for home, run in zip(homes, of_homes, strict=True):
        clock, rows = 0, []
        for off, began, on, ended in run:
            # Nobody looks twice at the same moment.
            after = clock + off
            by = after + began + 1
            last = by + on
            over = last + ended
            rows.append(Published(after * 10, by * 10, last * 10, over * 10))
            sure |= set(range(by, last))
            perhaps |= set(range(after, over))
            clock = over
            begins.append(by)
        publish(engine, home, rows)
    bounds = [NOON + timedelta(seconds=10 * cut) for cut in sorted(cuts)]
    found = airtime.airtime(engine, bounds, LATER, channel)
    expected = {
        number
        for number in range(min(begins), 1_100)
        if wanted(plan, NOON + timedelta(seconds=10 * number), ZoneInfo(zone))
    }
    for part, (start, end) in enumerate(zip(sorted(cuts), sorted(cuts)[1:], strict=False)):
        inside = expected & set(range(start, end))
        row: Any = found[found["part"] == part].iloc[0] if len(found) else None
        if row is None:
            assert bounds[-1] <= NOON
            continue
        assert row["expected"] == 10 * len(inside)
        assert row["off_least"] == pytest.approx(10 * len(inside - perhaps), abs=0.01)
        assert row["off_most"] == pytest.approx(10 * len(inside - sure), abs=0.01)
    drops = airtime.drop_outs(engine, bounds[0], bounds[-1], LATER, channel)
    assert (drops["off_least"] <= drops["off_most"] + 0.01).all()
    assert (drops["began_after"] >= bounds[0]).all()
    assert (drops["began_after"] < bounds[-1]).all()


def wanted(plan: str, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock on the wall says so; no clock changes in these days."""
    if plan in ("", "never"):
        return plan == ""
    local = moment.astimezone(zone)
    for part in plan.split(";"):
        days, _, hours = part.strip().rpartition(" ")
        for span in hours.split(","):
            first, last = (int(each[:2]) * 60 + int(each[3:]) for each in span.split("-"))
            for back in (0, 1):
                day = (local - timedelta(days=back)).date()
                begin = on_the_wall(day, first, zone)
                end = on_the_wall(day, last if last > first else last + 1_440, zone)
                if (not days or day.strftime("%a") == days) and begin <= moment < end:
                    return True
    return False
