"""The schema: tables and migrations agree, every supported PostgreSQL takes them, programs refuse the wrong one."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

from actions.add_server import add_server
from cdn.model import LOCAL_ADMIN
from cdn.settings import environment, load
from collector.writer import Writer
from db import engine as engines
from db import groups, live, migrate, partitions, rollup
from db.retention import kept_days
from tests import rolled_rows
from tests.readings import START, FakeServer, moment

EDGE = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}


def walk(url: str) -> None:
    """Write and read once: what the product does with a database all day."""
    engine = engines.create(url, wait=5)
    server = FakeServer(add_server(engine, EDGE, key="", by=LOCAL_ADMIN))
    server.streams = {"/live/alpha": 0}
    writer = Writer(engine, "a")
    for _ in range(6):
        writer.write([server.poll()])
        server.grow(15, 30_000)
    now = moment(server.seconds - 14)
    fleet = live.fleet(engine, now, 15.0)
    assert fleet["state"].tolist() == ["fine"]
    assert fleet["egress_bps"].tolist() == [16_000.0]
    assert live.summary(engine, now, 15.0).loc["now", "streams_on_air"] == 1
    assert not live.freshness(engine, now, 15.0)["silent"].item()
    partitions.maintain(engine, START, kept_days(load()))
    engine.dispose()


def test_tables_and_migrations_agree(database_url: str) -> None:
    command.check(migrate.config(database_url))


def test_tables_and_migrations_agree_with_partitions_made(engine: Engine, database_url: str) -> None:
    partitions.maintain(engine, START, kept_days(load()))
    command.check(migrate.config(database_url))


def test_down_and_up_again_works(database_url: str, engine: Engine) -> None:
    migrate.downgrade(database_url, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(database_url)
    command.check(migrate.config(database_url))
    migrate.require_newest(engine)


def test_what_is_new_in_a_schema_is_formed_of_the_history_there_is(database_url: str, engine: Engine) -> None:
    ids = [rolled_rows.server(engine, f"edge-{number}", region=f"R{number}") for number in range(2)]
    at = [START + timedelta(minutes=5 * number) for number in range(600)]
    rows = [rolled_rows.traffic_row(id_, each, egress_bytes=id_ * 1_000) for id_ in ids for each in at]
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, at[0], at[-1])

    def formed() -> list[list[tuple[object, ...]]]:
        names = "SELECT dimension, at, name, egress_bytes, servers FROM {} ORDER BY 1, 2, 3"
        days = "SELECT server_id, at, egress_bytes, covered_seconds FROM traffic_1d ORDER BY 1, 2"
        with engine.begin() as connection:
            asked = (names.format("sum_5m"), names.format("sum_1h"), days)
            return [[tuple(row) for row in connection.execute(text(query))] for query in asked]

    before = formed()
    assert all(before)
    migrate.downgrade(database_url, "0004")
    migrate.upgrade(database_url)
    assert not any(formed())
    groups.keep(engine)
    rollup.roll_up(engine, at[-1] + timedelta(days=2))
    assert formed() == before


def test_migrations_started_at_once_wait_for_each_other(empty_database_url: str) -> None:
    command_line = [sys.executable, "-m", "db", "migrate"]
    started = [
        subprocess.Popen(
            command_line,
            env=environment(DATABASE_URL=empty_database_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [each.communicate(timeout=30)[0] for each in started]
    assert [each.returncode for each in started] == [0, 0], said
    assert all("is at revision" in text for text in said)


def test_a_program_refuses_an_empty_an_older_and_an_unknown_schema(empty_database_url: str) -> None:
    engine = engines.create(empty_database_url)
    with pytest.raises(migrate.WrongRevision, match="python -m db migrate"):
        migrate.require_newest(engine)
    migrate.upgrade(empty_database_url)
    migrate.require_newest(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(migrate.WrongRevision, match="does not know"):
        migrate.require_newest(engine)
    engine.dispose()


def test_the_product_works_on_the_embedded_postgresql(database_url: str) -> None:
    walk(database_url)


def test_the_product_works_on_postgresql_16(postgres16_url: str) -> None:
    migrate.upgrade(postgres16_url)
    walk(postgres16_url)


def test_the_product_works_on_postgresql_15(postgres15_url: str) -> None:
    migrate.upgrade(postgres15_url)
    walk(postgres15_url)


def test_the_product_works_behind_a_transaction_pooler_with_tls(pgbouncer: str) -> None:
    assert "sslmode=require" in pgbouncer
    walk(pgbouncer)


def test_limits_of_a_session_do_not_leak_through_a_transaction_pooler(pgbouncer: str) -> None:
    first, second = engines.create(pgbouncer, statement_timeout=7), engines.create(pgbouncer, statement_timeout=11)
    for _ in range(5):
        for engine, expected in ((first, "7s"), (second, "11s")):
            with engine.begin() as connection:
                assert connection.scalar(text("SHOW statement_timeout")) == expected
    first.dispose()
    second.dispose()
