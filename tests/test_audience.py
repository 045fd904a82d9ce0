"""How many watched, and how much of it the origins were spared, over rows whose sums are known by hand."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from cdn.model import Kind, Role
from db import audience, offload
from db.asked import By, Only
from db.history import OTHER
from db.steps import steps
from tests import rolled_rows

START = datetime(2026, 5, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)


seen = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 600), st.integers(0, 5_000)),
    unique_by=lambda cell: cell[:2],
    min_size=1,
    max_size=30,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=seen, most=st.integers(1, 2), by=st.sampled_from([By.TOTAL, By.REGION, By.SERVER]))
def test_viewers_of_a_step_are_the_mean_of_the_sums_that_are_known(
    engine: Engine, cells: list[Any], most: int, by: By
) -> None:
    with engine.begin() as connection:
        ids = list(connection.execute(text("SELECT id FROM server ORDER BY id")).scalars())
    regions = ("West", "East", "North")
    ids = ids or [rolled_rows.server(engine, f"s{n}", region=regions[n]) for n in range(3)]
    rolled_rows.clear(engine, "channel_5m", "channel_1h")
    rows = [
        rolled_rows.traffic_row(ids[place], START + FIVE * number, viewer_seconds=300.0 * watching)
        for place, number, watching in cells
    ]
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, START, START + timedelta(days=3))
    over = steps(START, START + timedelta(days=7))
    assert over.seconds == 600
    sums: dict[tuple[datetime, str], float] = defaultdict(float)
    known: dict[datetime, set[int]] = defaultdict(set)
    names = {By.TOTAL: ("", "", ""), By.REGION: regions, By.SERVER: ("s0", "s1", "s2")}[by]
    for place, number, watching in cells:
        at = START + timedelta(seconds=number // 2 * 600)
        sums[at, names[place]] += watching
        known[at].add(number)
    found = audience.viewers(engine, over, by=by, only=Only(), most=most)
    for row in rolled_rows.told(found[found["place"] != OTHER]):
        assert row.viewers == pytest.approx(sums[row.at, row.name] / len(known[row.at]))
    added = found.groupby("at")["viewers"].sum()
    for at, numbers in known.items():
        assert added[at] == pytest.approx(sum(value for (when, _), value in sums.items() if when == at) / len(numbers))
    assert len(added) == len(known)


def test_channels_are_ranked_by_how_long_they_were_watched(engine: Engine) -> None:
    news, sport, gone = (rolled_rows.channel(engine, name) for name in ("news", "sport", "gone"))

    def row(channel: int, at: datetime, watching: float) -> dict[str, Any]:
        told = {"channel_id": channel, "at": at, "egress_bytes": 1, "publishing_seconds": 300.0}
        return {**told, "viewers": watching, "viewers_max": watching, "viewer_seconds": watching * 300}

    week = timedelta(days=7)
    rows = [row(news, START + FIVE * n, 100) for n in range(12)] + [row(sport, START + FIVE * 3, 900)]
    rows += [row(news, START - week, 50), row(gone, START - week, 7)]
    rolled_rows.write(engine, "channel_5m", rows)
    rolled_rows.roll_up(engine, START - week, START)
    over, before = (steps(at, at + timedelta(hours=1)) for at in (START, START - week))
    found = audience.ranking(engine, over, before, by=By.CHANNEL, only=Only())
    told = [(each.name, each.viewer_seconds, each.before, each.peak, each.peak_at) for each in rolled_rows.told(found)]
    assert told[0] == ("news", 360_000, 15_000, 100, START)
    assert told[1][:2] == ("sport", 270_000)
    assert math.isnan(told[1][2])
    assert told[1][3:] == (900, START + FIVE * 3)
    assert (told[2][0], told[2][2]) == ("gone", 2_100)
    (only,) = rolled_rows.told(audience.ranking(engine, over, before, by=By.CHANNEL, only=Only(channels=(sport,))))
    assert only.name == "sport"
    drawn = audience.viewers(engine, over, by=By.CHANNEL, only=Only(), most=3)
    assert drawn.groupby("at")["viewers"].sum()[START + FIVE * 3] == 1_000


def test_offload_is_a_sum_over_a_sum_and_unknown_where_anything_was_not_told_apart(engine: Engine) -> None:
    edge = rolled_rows.server(engine, "edge", kind=Kind.NGINX_RTMP)
    home = rolled_rows.server(engine, "home", role=Role.ORIGIN)
    rows = []
    for hour, (sent, pulled, untold) in enumerate([(1_000, 100, None), (3_000, 100, None), (500, None, 40)]):
        at = START + timedelta(hours=hour)
        rows.append(rolled_rows.traffic_row(edge, at, delivered_bytes=sent, egress_bytes=sent, ingress_bytes=50))
        rows.append(rolled_rows.traffic_row(home, at, home_bytes=pulled, untold_bytes=untold, delivered_bytes=0))
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, START, START + timedelta(hours=3))
    found = offload.over_time(engine, steps(START, START + timedelta(hours=3)), Only())
    assert list(found["offload"].head(2)) == [0.9, pytest.approx(1 - 100 / 3_000)]
    assert math.isnan(found["offload"].iloc[2])
    long = steps(START, START + timedelta(days=90))
    (two_hours, rest) = rolled_rows.told(offload.over_time(engine, long, Only()))
    assert two_hours.offload == pytest.approx(1 - 200 / 4_000)
    assert math.isnan(rest.offload)
    (row,) = rolled_rows.told(offload.by_edge(engine, steps(START, START + timedelta(hours=3)), Only()))
    assert (row.name, row.offload) == ("edge", pytest.approx(1 - 150 / 4_500))
    (alone, *_) = rolled_rows.told(
        offload.over_time(engine, steps(START, START + timedelta(hours=3)), Only(servers=(edge,)))
    )
    assert alone.offload == pytest.approx(1 - 50 / 1_000)


def test_what_an_srs_edge_pulls_is_in_none_of_its_counters(engine: Engine) -> None:
    srs, rtmp = rolled_rows.server(engine, "srs"), rolled_rows.server(engine, "rtmp", kind=Kind.NGINX_RTMP)
    sport = rolled_rows.channel(engine, "sport")
    rows, copies = [], []
    for server, incoming in ((srs, 7), (rtmp, 100)):
        rows.append(rolled_rows.traffic_row(server, START, egress_bytes=1_000, ingress_bytes=incoming))
        key = {"server_id": server, "stream_id": rolled_rows.copy(engine, server, sport), "at": START}
        seconds = {"counted_seconds": 300.0, "publishing_seconds": 300.0, "viewers_known": 0.0}
        copies.append({**key, "egress_bytes": 1_000, "ingress_bytes": incoming, **seconds})
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.write(engine, "stream_5m", copies)
    rolled_rows.roll_up(engine, START, START)
    over = steps(START, START + timedelta(hours=1))
    edges = {row.name: row.offload for row in rolled_rows.told(offload.by_edge(engine, over, Only()))}
    assert edges["rtmp"] == pytest.approx(0.9)
    assert math.isnan(edges["srs"])
    (channel,) = rolled_rows.told(offload.by_channel(engine, over, Only()))
    assert (channel.sent, channel.taken, channel.offload) == (1_000, 100, pytest.approx(0.9))
    (first, *_) = rolled_rows.told(offload.over_time(engine, over, Only(servers=(srs,))))
    assert math.isnan(first.offload)


def test_answers_out_of_the_cache_are_counted_of_caches_alone(engine: Engine) -> None:
    cache, plain = rolled_rows.server(engine, "cache", kind=Kind.ANGIE), rolled_rows.server(engine, "srs")
    seconds = {"covered_seconds": 300.0, "up_seconds": 300.0, "counted_seconds": 300.0}
    rows: list[dict[str, Any]] = [
        {"cache_hit": 80, "cache_miss": 15, "cache_stale": 5, "cache_bypass": None},
        {"cache_hit": 0, "cache_miss": 100, "cache_stale": None, "cache_bypass": 100},
        {"cache_hit": None, "cache_miss": None, "cache_stale": None, "cache_bypass": None},
    ]
    told = [{"server_id": cache, "at": START + FIVE * n, **seconds, **row} for n, row in enumerate(rows)]
    rolled_rows.write(engine, "server_5m", [*told, {**told[0], "server_id": plain}])
    sent = [rolled_rows.traffic_row(each, START, egress_bytes=10, origin_bytes=1) for each in (cache, plain)]
    rolled_rows.write(engine, "traffic_5m", sent)
    over = steps(START, START + timedelta(hours=1))
    found = offload.over_time(engine, over, Only())
    assert list(found["hit_ratio"]) == [0.85, 0]
    edges = {row.name: row for row in rolled_rows.told(offload.by_edge(engine, over, Only()))}
    assert edges["cache"].hit_ratio == pytest.approx(85 / 300)
    assert edges["cache"].offload == pytest.approx(0.9)
    assert math.isnan(edges["srs"].hit_ratio)
    assert math.isnan(edges["srs"].offload)


def test_of_a_channel_is_told_what_edges_took_in_of_it(engine: Engine) -> None:
    edge = rolled_rows.server(engine, "edge", region="West", kind=Kind.NGINX_RTMP)
    other = rolled_rows.server(engine, "other", kind=Kind.NGINX_RTMP)
    home = rolled_rows.server(engine, "home", role=Role.ORIGIN)
    news, sport = rolled_rows.channel(engine, "news"), rolled_rows.channel(engine, "sport")
    for server, channel, sent, taken in (
        (edge, news, 100, 10),
        (other, news, 300, 10),
        (home, news, 20, 10),
        (edge, sport, 40, 0),
    ):
        told = {"server_id": server, "stream_id": rolled_rows.copy(engine, server, channel), "at": START}
        told |= {"egress_bytes": sent, "ingress_bytes": taken, "counted_seconds": 300.0}
        for table in ("stream_5m", "stream_1h"):
            rolled_rows.write(engine, table, [{**told, "publishing_seconds": 300.0, "viewers_known": 0.0}])
    over = steps(START, START + timedelta(hours=1))
    found = {row.name: row.offload for row in rolled_rows.told(offload.by_channel(engine, over, Only()))}
    assert found["news"] == pytest.approx(0.95)
    assert math.isnan(found["sport"])
    west = offload.by_channel(engine, over, Only(region=("West",)))
    assert list(west["offload"].dropna()) == [0.9]
    assert offload.by_channel(engine, steps(START, START + timedelta(days=8)), Only()).empty
    for only, expected in ((Only(channels=(news,)), 0.95), (Only(channels=(news,), region=("West",)), 0.9)):
        ratios = [row.offload for row in rolled_rows.told(offload.over_time(engine, over, only)) if row.sent > 0]
        assert ratios == [pytest.approx(expected)]
        edges = offload.by_edge(engine, over, only).set_index("name")["offload"]
        assert edges["edge"] == pytest.approx(0.9)
