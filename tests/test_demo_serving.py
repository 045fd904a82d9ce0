"""The simulated CDN on real sockets: what connects, what is refused, and the remote control."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from cdn.settings import ROOT
from demo.background import Running, running
from demo.fleet import Size, plan
from demo.hostile import GARBAGE
from demo.serving import CannotListen

FIRST = "127.0.11.21"
SRS, NGINX = "edge-fra-1", "edge-fra-2"
# Test processes that run side by side look in different places.
_ports = count(23_000 + os.getpid() % 400 * 20)


def free_port() -> int:
    """A port that is free on every address used here."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError


def size(**more: Any) -> Size:
    weights = {"srs": 3, "nginx": 2}
    ports = {"srs_port": free_port(), "nginx_port": free_port()}
    return Size(**{"servers": 6, "kinds": weights, "first_address": FIRST, "open": True, **ports, **more})


@pytest.fixture
def control_port() -> int:
    return free_port()


@pytest.fixture
def simulated(control_port: int) -> Iterator[Running]:
    with running(plan(size()), control_port=control_port) as cdn:
        yield cdn


def connect(cdn: Running, name: str, timeout: float = 5) -> http.client.HTTPConnection:
    server = next(one for one in cdn.fleet.servers if one.name == name)
    return http.client.HTTPConnection(server.address, server.port, timeout=timeout)


def ask(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def control(port: int, path: str, method: str = "GET") -> tuple[int, Any]:
    status, body = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), path, method)
    return status, json.loads(body)


def test_every_server_answers_at_its_own_address(simulated: Running) -> None:
    for server in simulated.fleet.servers:
        path = "/nginx_status" if server.kind == "nginx" else "/api/v1/summaries"
        assert ask(connect(simulated, server.name), path)[0] == 200
    assert len({server.address for server in simulated.fleet.servers}) == 6


def test_srs_closes_after_each_answer_and_nginx_keeps_the_connection(simulated: Running) -> None:
    srs = connect(simulated, SRS)
    assert ask(srs, "/api/v1/versions")[0] == 200
    assert srs.sock is None
    nginx = connect(simulated, NGINX)
    lines = []
    for _ in range(3):
        status, body = ask(nginx, "/nginx_status")
        assert status == 200
        lines.append(body.decode().split("\n")[2].split())
    assert nginx.sock is not None
    assert int(lines[2][2]) >= int(lines[0][2]) + 2


def test_requests_that_are_none_are_refused(simulated: Running) -> None:
    server = simulated.fleet.servers[0]
    for raw in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"x" * 40_000):
        with socket.create_connection((server.address, server.port), timeout=5) as sock:
            sock.sendall(raw)
            assert sock.recv(100).startswith(b"HTTP/1.1 400")


def test_a_request_in_pieces_and_two_at_once_are_answered(simulated: Running) -> None:
    server = next(one for one in simulated.fleet.servers if one.name == NGINX)
    with socket.create_connection((server.address, server.port), timeout=5) as sock:
        for piece in (b"GET /nginx_status HT", b"TP/1.1\r\nHost: x\r\n", b"\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n"):
            sock.sendall(piece)
        seen = b""
        while b"404 Not Found" not in seen:
            seen += sock.recv(4_096)
        assert seen.startswith(b"HTTP/1.1 200 OK")


def test_a_dead_edge_refuses_and_comes_back(simulated: Running) -> None:
    service = json.loads(ask(connect(simulated, SRS), "/api/v1/versions")[1])["service"]
    simulated.begin("edge-down", SRS)
    with pytest.raises(ConnectionRefusedError):
        ask(connect(simulated, SRS), "/api/v1/versions")
    simulated.ask(lambda world, now: world.stop_scenarios(now))
    assert json.loads(ask(connect(simulated, SRS), "/api/v1/versions")[1])["service"] != service


def test_a_silent_edge_connects_and_says_nothing(simulated: Running) -> None:
    simulated.begin("edge-silent", SRS)
    with pytest.raises(TimeoutError):
        ask(connect(simulated, SRS, timeout=0.3), "/api/v1/versions")


def test_a_slow_edge_answers_late_and_a_dripping_one_byte_by_byte(simulated: Running) -> None:
    simulated.begin("edge-slow", SRS)
    with pytest.raises(TimeoutError):
        ask(connect(simulated, SRS, timeout=0.3), "/api/v1/versions")
    simulated.begin("edge-dripping", NGINX)
    server = next(one for one in simulated.fleet.servers if one.name == NGINX)
    with socket.create_connection((server.address, server.port), timeout=5) as sock:
        sock.sendall(b"GET /nginx_status HTTP/1.1\r\n\r\n")
        assert [sock.recv(100), sock.recv(100)] == [b"H", b"T"]


def test_broken_sign_in_and_garbage_answer_as_named(simulated: Running) -> None:
    simulated.begin("auth-broken", SRS)
    assert ask(connect(simulated, SRS), "/api/v1/versions") == (401, b"")
    simulated.begin("garbage", NGINX)
    server = next(one for one in simulated.fleet.servers if one.name == NGINX)
    answers = set()
    for _ in GARBAGE:
        with socket.create_connection((server.address, server.port), timeout=5) as sock:
            sock.sendall(b"GET /nginx_status HTTP/1.1\r\n\r\n")
            answers.add(b"".join(iter(lambda: sock.recv(4_096), b"")))
    assert len(answers) > 8


def test_the_truth_is_what_the_servers_say(simulated: Running, control_port: int) -> None:
    while True:
        _, told = control(control_port, "/truth")
        summary = json.loads(ask(connect(simulated, SRS), "/api/v1/summaries")[1])["data"]["system"]
        streams = json.loads(ask(connect(simulated, SRS), "/api/v1/streams/?count=100")[1])["streams"]
        # Again where a step fell between the questions.
        if told == {**control(control_port, "/truth")[1], "now": told["now"]}:
            break
    mine = told["servers"][SRS]
    assert summary["srs_sample_time"] == int(mine["counted_at"] * 1_000)
    assert summary["srs_send_bytes"] == mine["sent_bytes"]
    assert {one["url"]: one["send_bytes"] for one in streams} == {
        url: one["sent_bytes"] for url, one in mine["streams"].items()
    }
    assert summary["conn_srs"] > 0
    assert told["viewers"] == sum(one["viewers"] for one in told["servers"].values())


def test_the_remote_control_begins_and_ends_scenarios(simulated: Running, control_port: int) -> None:
    status, begun = control(control_port, f"/scenarios/edge-down?server={SRS}&seconds=30", "POST")
    assert (status, begun) == (200, {"scenario": "edge-down", "server": SRS, "channel": None, "seconds": 30.0})
    _, listed = control(control_port, "/scenarios")
    assert [one["server"] for one in listed["active"]] == [SRS]
    assert "hostile-names" in listed["scenarios"]
    assert control(control_port, "/truth")[1]["servers"][SRS]["up"] is False
    assert control(control_port, "/scenarios", "DELETE")[1]["active"] == []
    assert control(control_port, "/truth")[1]["servers"][SRS]["up"] is True


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/scenarios/none", 404),
        ("/scenarios/edge-down?server=nobody", 404),
        ("/scenarios/edge-down?seconds=nan", 400),
        ("/scenarios/edge-down?seconds=-1", 400),
        ("/scenarios/edge-down?sever=x", 400),
        ("/truth", 404),
    ],
)
def test_the_remote_control_says_what_is_wrong(simulated: Running, control_port: int, path: str, status: int) -> None:
    got, body = control(control_port, path, "POST")
    assert got == status
    assert len(body["error"]) > 10


def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    wanted = size()
    fleet = plan(wanted)
    with socket.socket() as taken:
        taken.bind((fleet.servers[3].address, fleet.servers[3].port))
        taken.listen()
        with pytest.raises(CannotListen, match=rf"{fleet.servers[3].address}:\d+ for {fleet.servers[3].name}"):
            running(fleet).__enter__()
    with running(fleet) as cdn:
        assert ask(connect(cdn, SRS), "/api/v1/versions")[0] == 200


def test_the_program_ends_cleanly_on_a_signal() -> None:
    ports = ["--srs-port", str(free_port()), "--nginx-port", str(free_port()), "--control", "0"]
    command = [sys.executable, "-m", "demo", "--first-address", "127.0.11.60", "--calm", *ports]
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline().startswith("simulated CDN: 24 servers")
            program.send_signal(number)
            _, errors = program.communicate(timeout=10)
        assert (program.returncode, errors) == (0, "")
