"""The history of metrics by REST: figures as elsewhere, ratios from sums, gaps that stay gaps, bounded work."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from cdn.clock import utc_now
from cdn.metrics import METRICS
from cdn.model import Kind, Role
from collector.writer import Writer
from db import live, query, query_steps
from db import minutes as formed_minutes
from db.frame import records
from db.quantities import QUANTITIES, Source
from db.query_sql import SECONDS, Level
from db.query_steps import Wanted
from tests.asking import SIGNED_IN, client
from tests.scene import INTERVAL, Scene
from tests.scene import client as connected

MINUTES = 12
EDGE_2_SILENT = range(20, 32)  # polls that failed


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


@pytest.fixture
def scene(engine: Engine) -> Scene:
    """Twelve minutes of an origin whose clients are listed, two edges (one silent for three minutes), and a cache."""
    polls = MINUTES * 4
    made = Scene(engine, at=utc_now() - timedelta(seconds=INTERVAL * polls))
    made.add("origin", Role.ORIGIN, "10.0.0.1")
    made.add("edge-1", Role.EDGE, "10.0.0.2")
    made.add("edge-2", Role.EDGE, "10.0.0.3")
    made.add("cache", Role.EDGE, "10.0.0.4", Kind.ANGIE)
    with engine.begin() as connection:
        for edge in ("edge-1", "edge-2"):
            link = {"edge": made.ids[edge], "origin": made.ids["origin"]}
            connection.execute(text("INSERT INTO server_origin VALUES (:edge, :origin)"), link)
        connection.execute(text("UPDATE server SET region = 'East', provider = 'P2' WHERE name = 'edge-2'"))
    writer = Writer(engine, "c")
    pulled = 0
    for number in range(polls):
        made.wait()
        pulled += 2_000_000
        made.copy("origin").egress += 3_000_000
        made.copy("origin").ingress += 500_000
        made.clients["origin"] = [
            connected("p1", "10.0.0.2", sent=pulled // 2),
            connected("p2", "10.0.0.3", sent=pulled // 2),
        ]
        made.copy("edge-1").egress += 10_000_000 + number * 100_000
        made.copy("edge-1").clients = 10
        made.copy("edge-2").egress += 4_000_000
        made.copy("edge-2").clients = 4
        made.extra["cache"] = {"cache_hit": 90 * number, "cache_miss": 10 * number, "requests": 100 * number}
        failed = {"edge-2"} if number in EDGE_2_SILENT else set()
        writer.write([made.failed(name) if name in failed else made.poll(name) for name in made.ids])
    return made


def asked(api: TestClient, metric: str, **more: Any) -> dict[str, Any]:
    answer = api.get("/metrics/query", params={"metric": metric, "window": "30m", **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def known(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def minutes(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = text(
            "SELECT traffic_1m.*, server.name, server.region FROM traffic_1m JOIN server ON server.id = server_id"
        )
        return [dict(row) for row in connection.execute(query).mappings()]


def test_delivered_traffic_is_what_the_overview_draws(api: TestClient, scene: Scene, engine: Engine) -> None:
    formed_minutes.keep(engine, utc_now())
    answer = asked(api, "delivered", window="1h", step="1m", group="region")
    mine = {
        (series["name"], at): value
        for series in answer["series"]
        for at, value in zip(answer["at"], series["values"], strict=True)
        if value is not None
    }
    until = datetime.fromisoformat(answer["until"])
    drawn = {
        (row["region"], row["at"].isoformat().replace("+00:00", "Z")): row["delivered_bps"]
        for row in records(live.traffic(engine, until, "1h"))
        if row["delivered_bps"] is not None
    }
    assert len(mine) > 2 * (MINUTES - 3)
    assert mine == pytest.approx(drawn)


@pytest.mark.parametrize("step", ["1m", "5m"])
def test_a_rate_is_bytes_over_counted_seconds_of_each_server(
    api: TestClient, scene: Scene, engine: Engine, step: str
) -> None:
    answer = asked(api, "egress_bytes", step=step, group="server")
    seconds = {"1m": 60, "5m": 300}[step]
    assert (answer["step_seconds"], answer["unit"], answer["across"]) == (seconds, "bit/s", "sum")
    wanted: dict[tuple[str, float], list[float]] = defaultdict(lambda: [0, 0])
    for row in minutes(engine):
        if row["egress_bytes"] is not None:
            begins = row["at"].timestamp() // seconds * seconds
            wanted[row["name"], begins][0] += row["egress_bytes"] * 8
            wanted[row["name"], begins][1] += row["counted_seconds"]
    end = datetime.fromisoformat(answer["until"]).timestamp()
    expected = {key: bits / counted for key, (bits, counted) in wanted.items() if counted and key[1] < end}
    found = {
        (series["name"], datetime.fromisoformat(at).timestamp()): value
        for series in answer["series"]
        for at, value in zip(answer["at"], series["values"], strict=True)
        if value is not None
    }
    assert found == pytest.approx(expected)
    assert [series["name"] for series in answer["series"]] == [
        "edge-1",
        "edge-2",
        "origin",
        "cache",
    ]  # the largest first


def test_groups_add_up_to_the_total(api: TestClient, scene: Scene) -> None:
    for metric in ("delivered", "internal", "egress_bytes", "viewers", "servers_up", "requests"):
        total = asked(api, metric, step="1m")["series"][0]["values"]
        for group in ("server", "role", "region", "provider", "kind"):
            parts = [series["values"] for series in asked(api, metric, step="1m", group=group)["series"]]
            added = [sum(known(list(each))) if known(list(each)) else None for each in zip(*parts, strict=True)]
            assert added == pytest.approx(total), (metric, group)


def test_time_in_which_nobody_answered_is_null_and_not_zero(api: TestClient, scene: Scene) -> None:
    only = {"server_id": scene.ids["edge-2"], "step": "1m"}
    viewers = asked(api, "viewers", **only)["series"][0]["values"]
    assert set(known(viewers)) == {4}
    assert len(viewers) == 30
    silent = len(EDGE_2_SILENT) // 4 - 1  # minutes that are silent from end to end, at least
    up = asked(api, "servers_up", **only)["series"][0]["values"]
    assert known(up).count(0) >= silent
    assert len(known(up)) - len(known(viewers)) >= silent
    assert up[:10] == [None] * 10  # before there was anything


def test_ratios_are_sums_over_sums(api: TestClient, scene: Scene, engine: Engine) -> None:
    (series,) = asked(api, "availability", step="5m")["series"]
    of_each = [each["values"] for each in asked(api, "availability", step="5m", group="server")["series"]]
    assert len(of_each) == 4
    answer = asked(api, "availability", step="5m")
    for at, value in zip(answer["at"], series["values"], strict=True):
        begins = datetime.fromisoformat(at)
        rows = [row for row in minutes(engine) if begins <= row["at"] < begins + timedelta(minutes=5)]
        covered = sum(row["covered_seconds"] for row in rows)
        assert value == (pytest.approx(sum(row["up_seconds"] for row in rows) / covered) if covered else None)
    assert min(known(series["values"])) < 1
    hits = asked(api, "cache_hit_ratio", step="1m", group="kind")["series"]
    assert [(each["name"], set(known(each["values"]))) for each in hits] == [("angie", {0.9})]
    offload = known(asked(api, "origin_offload", step="1m")["series"][0]["values"])
    assert offload
    assert all(0 < value < 1 for value in offload)


def test_servers_asked_about_change_nothing_of_who_reads_from_whom(api: TestClient, scene: Scene) -> None:
    every = asked(api, "delivered", group="server", step="1m")["series"]
    for series in every:
        (alone,) = asked(api, "delivered", group="server", step="1m", server_id=series["server_id"])["series"]
        assert alone == series


def test_only_the_servers_asked_about_are_told(api: TestClient, scene: Scene) -> None:
    def names(**only: Any) -> set[str]:
        return {each["name"] for each in asked(api, "egress_bytes", group="server", **only)["series"]}

    assert names(role="origin") == {"origin"}
    assert names(region="East") == names(provider="P2") == {"edge-2"}
    assert names(kind="srs", role="edge") == {"edge-1", "edge-2"}
    assert names(server_id=[scene.ids["edge-1"], scene.ids["origin"]]) == {"edge-1", "origin"}
    assert names(server_id=999) == set()
    few = asked(api, "egress_bytes", group="server", most=1)
    assert ([each["name"] for each in few["series"]], few["series_left_out"]) == (["edge-1"], 3)


@pytest.mark.parametrize("group", ["total", "server", "role", "region", "provider", "kind"])
def test_every_metric_can_be_asked_by_every_group(api: TestClient, group: str) -> None:
    for metric in QUANTITIES:
        answer = asked(api, metric, group=group)
        assert answer["metric"] == metric
        assert answer["series"] == (
            [{"name": "", "server_id": None, "values": [None] * len(answer["at"])}] if group == "total" else []
        )


def test_every_metric_of_the_catalogue_is_there(api: TestClient) -> None:
    listed = api.get("/metrics").json()
    assert {metric.name for metric in METRICS} | {"delivered", "internal", "availability"} <= {
        each["name"] for each in listed
    }
    assert all(each["label"] and each["unit"] for each in listed)


def test_every_window_has_a_step_and_few_enough_points() -> None:
    until = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
    for length, name, series in product(query_steps.WINDOWS.values(), ("delivered", "requests"), (1, 50, 500)):
        quantity, wanted = QUANTITIES[name], Wanted(length, until)
        since = dict.fromkeys(Level, datetime(2000, 1, 1, tzinfo=UTC))
        since = {level: at for level, at in since.items() if level.is_rolled or level is query_steps.finest(quantity)}
        for level in query_steps.levels(wanted, since):
            chosen = query_steps.span(quantity, wanted, series, level)
            assert 1 <= chosen.points <= 300
            assert chosen.points * series <= query_steps.MOST_VALUES
            assert chosen.step >= query_steps.FINEST[quantity.source]
            assert chosen.step % SECONDS[level] == 0
            assert chosen.end <= until < chosen.end + timedelta(seconds=chosen.step)
            assert chosen.end.timestamp() % min(chosen.step, 86_400) == 0
            assert len(chosen.times) == chosen.points


def test_the_finest_step_that_is_known_is_that_of_its_source() -> None:
    assert {each.source for each in QUANTITIES.values()} == set(Source)
    assert query_steps.FINEST[Source.MINUTES] == 60


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "query.metric"),
        ({"metric": "happiness"}, "query.metric"),
        ({"metric": "sample; DROP TABLE server"}, "query.metric"),
        ({"metric": "viewers", "group": "planet"}, "query.group"),
        ({"metric": "viewers", "window": "1y"}, "query.window"),
        ({"metric": "viewers", "window": "1h", "step": "15s"}, "query.step"),
        ({"metric": "viewers", "window": "1h", "step": "2h"}, "query.step"),
        ({"metric": "requests", "window": "24h", "step": "15s"}, "query.step"),
        ({"metric": "viewers", "window": "24h", "step": "1m", "group": "server", "most": 500}, "query.step"),
        ({"metric": "viewers", "until": "now"}, "query.until"),
        ({"metric": "viewers", "until": "2026-01-01T00:00:00"}, "query.until"),
        ({"metric": "viewers", "server_id": 0}, "query.server_id.0"),
        ({"metric": "viewers", "server_id": [1] * 101}, "query.server_id"),
        ({"metric": "viewers", "most": 0}, "query.most"),
        ({"metric": "viewers", "region": "\x00"}, "query.region"),
    ],
)
def test_what_is_wrong_with_a_question_is_named(api: TestClient, parameters: dict[str, Any], field: str) -> None:
    answer = api.get("/metrics/query", params=parameters)
    assert (answer.status_code, list(answer.json()["faults"])) == (422, [field])


def test_a_time_beyond_all_data_is_answered_with_what_is_known(api: TestClient) -> None:
    for until in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-02-29T00:00:00Z"):
        answer = asked(api, "viewers", until=until, step="1m")
        assert answer["series"][0]["values"] == [None] * 30
        assert answer["since"] < answer["until"]


def test_a_question_that_would_read_too_much_is_refused_before_it_is_asked(
    api: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MOST_ROWS", 100)
    answer = api.get("/metrics/query?metric=requests&window=1h")
    assert (answer.status_code, list(answer.json()["faults"])) == (422, ["query.window"])
    assert "of 4 servers" in answer.json()["faults"]["query.window"]
    # One server for half an hour is few enough; but who reads from whom needs them all.
    few = {"window": "15m", "server_id": scene.ids["edge-1"]}
    assert asked(api, "requests", **few)["series"]
    monkeypatch.setattr(query, "MOST_ROWS", 50)
    assert asked(api, "viewers", **few)["series"]
    refused = api.get("/metrics/query", params={"metric": "delivered", **few})
    assert refused.status_code == 422
