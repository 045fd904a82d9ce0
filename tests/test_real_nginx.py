"""The real thing: Debian's nginx with stub_status, polled over HTTP into PostgreSQL by the daemon."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from urllib.request import urlopen

import pytest
from sqlalchemy import Engine

from actions.add_server import add_server
from actions.try_connection import try_connection
from cdn.model import LOCAL_ADMIN, Kind, PollError, Reason
from cdn.settings import Settings, load
from collector.daemon import Daemon
from db.secrets import new_key
from tests.test_collector import eventually
from tests.test_writer import every, one

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
KEY = new_key()
pytestmark = pytest.mark.skipif(not os.access(NGINX, os.X_OK), reason="nginx is not installed")


@dataclass
class Nginx:
    """A running nginx: its status page, open and behind a password."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def status(self) -> str:
        return f"http://127.0.0.1:{self.port}/nginx_status"

    @property
    def locked(self) -> str:
        return f"http://127.0.0.1:{self.port}/locked"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    digest = base64.b64encode(hashlib.sha1(b"s3cret").digest()).decode()  # noqa: S324 — what {SHA} is
    (tmp_path / "users").write_text(f"monitor:{{SHA}}{digest}\n")
    (tmp_path / "nginx.conf").write_text(
        f"""daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; worker_processes 1;
        {"user root;" if os.geteuid() == 0 else ""}
        events {{ worker_connections 64; }}
        http {{
          access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          server {{
            listen 127.0.0.1:{port};
            location = /nginx_status {{ stub_status; }}
            location = /locked {{ stub_status; auth_basic "status"; auth_basic_user_file {tmp_path}/users; }}
            location / {{ return 200 "hello"; }}
          }}
        }}"""
    )
    command = [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
        try:
            create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            assert process.poll() is None, (tmp_path / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield Nginx(port, process)
    process.terminate()
    process.wait(10)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data", poll_interval=1.0, collector_name="c", secret_key=KEY)


def test_the_daemon_polls_a_real_nginx_into_the_database(engine: Engine, config: Settings, nginx: Nginx) -> None:
    edge = {"kind": "nginx", "role": "edge"}
    add_server(engine, {**edge, "name": "open", "url": nginx.status}, key=KEY, by=LOCAL_ADMIN)
    secret = {"user": "monitor", "password": "s3cret"}
    add_server(engine, {**edge, "name": "locked", "url": nginx.locked, **secret}, key=KEY, by=LOCAL_ADMIN)
    add_server(engine, {**edge, "name": "shut", "url": nginx.locked}, key=KEY, by=LOCAL_ADMIN)
    daemon = Daemon(config, engine, watch=0.1)
    daemon.start()
    eventually(lambda: one(engine, "SELECT count(*) FROM server_status") == (3,))
    for _ in range(50):
        urlopen(f"http://127.0.0.1:{nginx.port}/").read()
    eventually(lambda: one(engine, "SELECT max(requests) >= 50 FROM sample") == (True,))
    nginx.process.terminate()
    eventually(lambda: one(engine, "SELECT count(*) FROM server_status WHERE NOT up") == (3,))
    daemon.stop()
    query = (
        "SELECT name, bool_or(sample.up), max(status.software), bool_or(sample.egress_bytes IS NOT NULL)"
        " FROM server JOIN sample ON sample.server_id = server.id"
        " JOIN server_status status ON status.server_id = server.id GROUP BY 1 ORDER BY 1"
    )
    rows = every(engine, query)
    version = rows[0][2]
    assert str(version).startswith("NGINX 1.")
    assert rows == [("locked", True, version, False), ("open", True, version, False), ("shut", False, None, False)]
    shut = (
        "SELECT DISTINCT reason FROM sample JOIN server ON id = server_id"
        " WHERE name = 'shut' AND reason NOT IN ('refused', 'cut_off')"
    )
    assert every(engine, shut) == [("unauthorized",)]


def test_a_connection_test_finds_a_real_nginx(engine: Engine, config: Settings, nginx: Nginx) -> None:
    for url in (nginx.status, f"http://127.0.0.1:{nginx.port}"):
        found = try_connection(engine, {"url": url}, settings=config, by=LOCAL_ADMIN)
        assert (found.kind, found.url, found.streams) == (Kind.NGINX, nginx.status, None)
        assert "connections" in found.reports
    with pytest.raises(PollError) as error:
        try_connection(engine, {"url": nginx.locked, "kind": "nginx"}, settings=config, by=LOCAL_ADMIN)
    assert error.value.reason is Reason.UNAUTHORIZED
    signed_in = {"url": nginx.locked, "user": "monitor", "password": "s3cret"}
    assert try_connection(engine, signed_in, settings=config, by=LOCAL_ADMIN).kind is Kind.NGINX
    with pytest.raises(PollError, match="Tried SRS"):
        try_connection(engine, {"url": f"http://127.0.0.1:{nginx.port}/nothing"}, settings=config, by=LOCAL_ADMIN)
