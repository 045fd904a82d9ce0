"""What is kept, for how long, and that a shorter setting drops nothing before somebody said so."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from cdn.settings import load
from collector.jobs import keep_partitions
from collector.writer import Writer
from db import __main__ as command
from db import measurements as measured
from db import partitions, retention, rolled, rollup
from db.engine import reading
from tests.readings import START, FakeServer, moment
from tests.test_writer import new_server

LATER = START + timedelta(days=10)


@pytest.fixture
def kept(engine: Engine) -> Engine:
    """A database with polls of ten days ago, kept by the usual settings."""
    server = FakeServer(new_server(engine))
    Writer(engine, "a").write([server.poll()])
    keep_partitions(engine, START, load())
    return engine


def days(engine: Engine, table: str) -> list[str]:
    return [f"{first}" for first in partitions.existing(engine, table).values()]


def test_every_partitioned_table_has_a_setting() -> None:
    tables = {table.name for table in (*measured.BY_DAY, *rolled.BY_DAY, *rolled.BY_MONTH)}
    assert set(retention.KEPT_BY) == tables == set(partitions.TABLES)


def test_a_longer_setting_counts_at_once_and_a_shorter_one_waits(kept: Engine) -> None:
    with reading(kept) as connection:
        assert retention.in_force(connection, load())["sample"] == 14
        assert retention.in_force(connection, load(retain_samples_days=20))["sample"] == 20
        assert retention.in_force(connection, load(retain_samples_days=2))["sample"] == 20


def test_what_a_shorter_setting_would_drop_is_told_and_stays(kept: Engine) -> None:
    short = load(retain_samples_days=2)
    told = keep_partitions(kept, LATER, short)
    assert told is not None
    assert "RETAIN_SAMPLES_DAYS would drop what is kept now: python -m db shorten" in told
    assert "2026-03-01" in days(kept, "sample")
    (found,) = retention.shorter(kept, short, LATER)
    assert (found.table, found.agreed, found.wanted) == ("sample", 14, 2)
    assert "sample_p20260301" in found.partitions


@pytest.mark.parametrize(("answer", "left"), [("no", True), ("yes", False)])
def test_shorten_asks_before_it_drops(
    kept: Engine, answer: str, left: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda question: answer)
    monkeypatch.setattr(command, "utc_now", lambda: LATER)
    status = command._shorten(kept, load(retain_samples_days=2), sure=False)
    assert ("2026-03-01" in days(kept, "sample")) is left
    assert status == (1 if left else 0)
    said = capsys.readouterr().out
    assert "Every poll: 2 days instead of 14 would drop" in said
    assert "sample_p20260301" in said


def test_shorten_drops_nothing_where_nobody_can_be_asked(kept: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr(command, "utc_now", lambda: LATER)
    assert command._shorten(kept, load(retain_samples_days=2), sure=False) == 1
    assert "2026-03-01" in days(kept, "sample")


def test_a_month_goes_once_all_of_it_is_too_old(engine: Engine) -> None:
    partitions.ensure(engine, "traffic_5m", [START.date()])  # March
    keep = retention.kept_days(load(retain_five_minutes_days=30))
    partitions.maintain(engine, START + timedelta(days=59), keep)  # 29 April
    assert "2026-03-01" in days(engine, "traffic_5m")
    partitions.maintain(engine, START + timedelta(days=61), keep)  # 1 May
    assert "2026-03-01" not in days(engine, "traffic_5m")


def test_the_cost_of_a_setting_is_measured(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeServer(new_server(engine))
    polls = []
    for _ in range(481):  # two hours
        polls.append(server.poll())
        server.grow(15, 1_000)
    Writer(engine, "a").write(polls)
    now = moment(server.seconds)
    rollup.roll_up(engine, now + timedelta(hours=1))
    row = retention.usage(engine, load(), now).set_index("table").loc["sample"]
    assert row["rows_a_day"] == pytest.approx(5_772)
    assert row["row_bytes"] == pytest.approx(row["bytes"] / 481)
    assert row["full_bytes"] == pytest.approx(row["row_bytes"] * row["rows_a_day"] * 14)
    assert (row["servers"], row["since"]) == (1, START.date())
    command._kept(engine, load(retain_samples_days=2))
    said = capsys.readouterr().out
    assert "Every poll" in said
    assert "RETAIN_SAMPLES_DAYS" in said
