"""What goes wrong with any server goes wrong with every kind of the simulated CDN, on real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from demo.background import running
from demo.fleet import plan
from demo.hostile import GARBAGE
from tests.test_demo_kinds import PATHS as STATUS_PATHS
from tests.test_demo_serving import ask, connect, size

PATHS = {"srs": "/api/v1/summaries", **STATUS_PATHS}


def test_every_kind_can_be_down_silent_slow_locked_or_mad() -> None:
    with running(plan(size(servers=7, origins=1, kinds=dict.fromkeys(PATHS, 1)))) as cdn:
        for kind, path in PATHS.items():
            (name,) = [one.name for one in cdn.fleet.servers if (one.kind, one.role) == (kind, "edge")]
            good = ask(connect(cdn, name), path)
            assert good[0] == 200
            cdn.begin("auth-broken", name)
            assert ask(connect(cdn, name), path)[0] == 401
            cdn.ask(lambda world, now: world.stop_scenarios(now))
            for scenario in ("edge-silent", "edge-slow"):
                cdn.begin(scenario, name)
                with pytest.raises(TimeoutError):
                    ask(connect(cdn, name, timeout=0.2), path)
                cdn.ask(lambda world, now: world.stop_scenarios(now))
            cdn.begin("garbage", name)
            server = next(one for one in cdn.fleet.servers if one.name == name)
            for turn in range(len(GARBAGE)):
                with socket.create_connection((server.address, server.port), timeout=5) as sock:
                    sock.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
                    head, _, body = b"".join(iter(lambda: sock.recv(65_536), b"")).partition(b"\r\n\r\n")
                lies = b"gzip" in head or f"Content-Length: {len(body)}".encode() not in head
                assert lies or len(body) != len(good[1]) or b"-" in body, (kind, turn, head)
            cdn.ask(lambda world, now: world.stop_scenarios(now))
            cdn.begin("edge-down", name)
            with pytest.raises(ConnectionRefusedError):
                ask(connect(cdn, name), path)
            cdn.ask(lambda world, now: world.stop_scenarios(now))
            assert ask(connect(cdn, name), path)[0] == 200


@pytest.mark.parametrize(
    ("kind", "clock"),
    [
        ("srs", lambda body: json.loads(body)["data"]["now_ms"] / 1_000),
        ("nginx_vts", lambda body: json.loads(body)["nowMsec"] / 1_000),
        ("nginx_plus", lambda body: datetime.fromisoformat(json.loads(body)["timestamp"]).timestamp()),
    ],
)
def test_a_wrong_clock_shows_on_every_kind_that_has_one(kind: str, clock: Callable[[bytes], float]) -> None:
    with running(plan(size(servers=2, origins=1, kinds={kind: 1}))) as cdn:
        name = cdn.fleet.servers[1].name
        assert clock(ask(connect(cdn, name), PATHS[kind])[1]) == pytest.approx(time.time(), abs=30)
        cdn.begin("clock-wrong", name)
        assert clock(ask(connect(cdn, name), PATHS[kind])[1]) == pytest.approx(time.time() + 420, abs=30)
