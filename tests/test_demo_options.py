"""The command line of the simulated CDN."""

from __future__ import annotations

import socket
import tomllib

import pytest

from demo.__main__ import main


def test_fleet_prints_what_the_same_options_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--servers", "40", "--kinds", "srs=1,nginx=1", "--srs-port", "2985", "--first-address", "127.0.11.250"]
    assert main(["fleet", *options]) == 0
    listed = tomllib.loads(capsys.readouterr().out)["server"]
    assert len(listed) == 40
    assert listed[0]["url"] == "http://127.0.11.250:2985"
    # 127.0.11.255 and 127.0.12.0 are left out: they look like a network's own.
    assert listed[5]["url"].startswith("http://127.0.12.1:")
    kinds = [one["kind"] for one in listed if one["role"] == "edge"]
    assert abs(kinds.count("srs") - kinds.count("nginx")) <= 1


def test_a_fleet_of_any_size_has_the_tiers_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    tiers = ["--middle", "2", "--shields", "1", "--unlisted", "3", "--direct", "--rtmp-workers", "4"]
    assert main(["fleet", "--servers", "60", "--kinds", "srs=3,angie=1,nginx_rtmp=1", *tiers]) == 0
    listed = tomllib.loads(capsys.readouterr().out)["server"]
    assert len(listed) == 57
    between = {one["name"] for one in listed if one["role"] == "origin" and one.get("origins")}
    assert len(between) == 3
    pulled = {name for one in listed for name in one.get("origins", [])}
    assert between < pulled
    assert main(["fleet", "--servers", "60"]) == 0
    listed = tomllib.loads(capsys.readouterr().out)["server"]
    assert len(listed) == 60
    assert {one["kind"] for one in listed} == {"srs"}
    assert not any(one.get("origins") for one in listed if one["role"] == "origin")


def test_open_fleets_ask_for_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--open"]) == 0
    written = capsys.readouterr().out
    assert "password" not in written
    assert "token" not in written


@pytest.mark.parametrize(
    "options",
    [
        ["walk"],
        ["--servers", "1"],
        ["--servers", "many"],
        ["--servers", "3", "--origins", "3"],
        ["--servers", "9", "--unlisted", "8"],
        ["--servers", "9", "--middle", "-1"],
        ["--rtmp-workers", "0"],
        ["--kinds", "apache"],
        ["--kinds", "srs=-1"],
        ["--kinds", "srs=0"],
        ["--kinds", ""],
        ["--streams", "0"],
        ["--scale", "nan"],
        ["--first-address", "192.0.2.1"],
        ["--srs-port", "65536"],
    ],
)
def test_wrong_options_are_refused_with_a_reason(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", *options] if options != ["walk"] else options)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_taken_port_ends_the_program_with_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.11.90", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["--first-address", "127.0.11.90", "--srs-port", port, "--control", "0"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"demo: cannot listen on 127.0.11.90:{port} for origin-ams-1: Address already in use")
    assert len(said.splitlines()) == 1
