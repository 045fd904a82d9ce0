"""The engine: any operator's URL, patience where it helps, and no credential in any error."""

from __future__ import annotations

import socket
import threading

import pytest
from sqlalchemy import Engine, text

from db import engine as engines
from db.engine import Unavailable, wait_until_up


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "postgres"])
def test_any_operators_url_uses_our_driver(scheme: str) -> None:
    url = engines.address(f"{scheme}://u:p@h/d?sslmode=require&channel_binding=require")
    assert url.drivername == "postgresql+psycopg2"
    assert url.query["channel_binding"] == "require"


def test_an_absent_database_is_said_without_its_password() -> None:
    engine = engines.create("postgresql://user:s3cret@127.0.0.1:1/none", wait=1)
    with pytest.raises(Unavailable) as error:
        wait_until_up(engine, wait=0.1)
    assert "127.0.0.1:1/none" in str(error.value)
    assert "s3cret" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_wrong_password_is_not_waited_for(database_url: str) -> None:
    url = engines.address(database_url).set(password="wrong").render_as_string(hide_password=False)
    with pytest.raises(Unavailable, match="authentication"):
        wait_until_up(engines.create(url), wait=60)


def test_a_database_that_wakes_up_slowly_is_no_outage(database_url: str) -> None:
    """A relay that accepts nothing at first and then passes everything on: what a sleeping cloud database does."""
    directory = engines.address(database_url).query["host"]
    assert isinstance(directory, str)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def wake() -> None:
        listener.listen()
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(f"{directory}/.s.PGSQL.5432")
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    threading.Timer(0.6, wake).start()
    url = engines.address(database_url).set(host="127.0.0.1", port=port).difference_update_query(["host"])
    engine = engines.create(url.render_as_string(hide_password=False), wait=5)
    wait_until_up(engine, wait=10)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    listener.shutdown(socket.SHUT_RDWR)  # closed alone, it goes on waiting, and this program never ends
    listener.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes on until either side ends."""
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


def test_a_connection_the_server_closed_is_replaced(database_url: str) -> None:
    engine = engines.create(database_url)
    with engine.begin() as connection:
        first = connection.scalar(text("SELECT pg_backend_pid()"))
    killer = engines.create(database_url)
    with killer.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != first
    engine.dispose()
    killer.dispose()


def test_a_statement_too_large_for_the_database_is_not_taken_for_a_database_that_is_away(engine: Engine) -> None:
    with pytest.raises(engines.Rejected), engines.reading(engine) as connection:
        connection.execute(text(f"SELECT {'(' * 20_000}1{')' * 20_000}"))
