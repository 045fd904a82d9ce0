"""`python -m demo` runs the simulated CDN; `python -m demo fleet` prints it as a file to import, and
`python -m demo history` writes weeks of its history into DATABASE_URL."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from demo.fleet import DEFAULT_SIZE, DEFAULT_STREAMS, Fleet, Size, plan, servers_toml
from demo.kinds import KINDS
from demo.serving import CONTROL_ADDRESS, CannotListen, Serving
from demo.world import World

log = logging.getLogger("demo")


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return whole


def _factor(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1000")
    return number


def _address(text: str) -> str:
    try:
        loopback = ipaddress.IPv4Address(text).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address of 127.0.0.0/8")
    return text


def _kinds(text: str) -> dict[str, int]:
    weights: dict[str, int] = {}
    for part in text.split(","):
        kind, _, weight = part.partition("=")
        if kind not in KINDS or not (weight or "1").isdecimal():
            raise argparse.ArgumentTypeError(f"{part!r} is not kind or kind=weight; kinds are {', '.join(KINDS)}")
        weights[kind] = int(weight or "1")
    if not sum(weights.values()):
        raise argparse.ArgumentTypeError("at least one weight must be more than 0")
    return weights


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    line.add_argument(
        "command",
        nargs="?",
        choices=("run", "fleet", "history"),
        default="run",
        help="run it (default), print it, or write its history",
    )
    size = line.add_argument_group("size (the same for all three)")
    add = size.add_argument
    add("--servers", type=_whole(2, 20_000), help="number of servers (default 24, of all kinds, in two tiers)")
    add("--origins", type=_whole(1, 5_000), help="how many of them are origins (default one in 16)")
    add("--kinds", type=_kinds, help="kinds of the edges with their weights, as srs=4,angie=1 (default srs)")
    add("--middle", type=_whole(0, 1_000), help="SRS between origins and far edges (default none; 1 of the usual 24)")
    add("--shields", type=_whole(0, 1_000), help="caches between origins and caching edges (default as --middle)")
    add("--unlisted", type=_whole(0, 1_000), help="SRS edges that the file leaves out (default none; 2 of 24)")
    add("--rtmp-workers", type=_whole(1, 64), help="workers of the first nginx-rtmp edge (default 1; 2 of 24)")
    add("--direct", action="store_true", help="one origin has viewers of its own (default only of the usual 24)")
    add("--streams", type=_whole(1, 2_000), default=DEFAULT_STREAMS, help="streams on every edge (default %(default)s)")
    add("--seed", type=int, default=1, help="everything random is made from this number (default %(default)s)")
    add(
        "--first-address",
        type=_address,
        default="127.0.10.11",
        help="of the first server (default %(default)s)",
    )
    add("--srs-port", type=_whole(1, 65_535), default=1985, help="port of SRS servers (default %(default)s)")
    add("--nginx-port", type=_whole(1, 65_535), default=8080, help="port of the others (default %(default)s)")
    add("--one-address", action="store_true", help="all on the first address, at ports counted up from --srs-port")
    add("--open", action="store_true", help="no server asks for a password")
    run = line.add_argument_group("run")
    run.add_argument("--scale", type=_factor, default=1.0, help="factor on all viewers (default %(default)s)")
    run.add_argument("--calm", action="store_true", help="nothing goes wrong by itself")
    run.add_argument(
        "--control",
        type=_whole(0, 65_535),
        default=1980,
        help="port of truth and scenarios on 127.0.0.1, 0 for none (default %(default)s)",
    )
    past = line.add_argument_group("history")
    past.add_argument("--days", type=_whole(2, 400), default=90, help="days of history (default %(default)s)")
    past.add_argument(
        "--stream-days",
        type=_whole(2, 400),
        default=62,
        help="of them with five minutes of streams (default %(default)s)",
    )
    past.add_argument(
        "--wide-days", type=_whole(2, 400), default=400, help="of them with five minutes of all metrics (default all)"
    )
    past.add_argument("--unless-there", action="store_true", help="no error where there is history already")
    return line


def fleet_of(options: argparse.Namespace) -> Fleet:
    """The fleet the options ask for. Raises ValueError where they cannot be met."""
    usual = DEFAULT_SIZE if options.servers is None else Size(servers=options.servers)
    first = "127.0.0.1" if options.one_address and options.first_address == "127.0.10.11" else options.first_address

    def asked(name: str) -> Any:
        given = getattr(options, name)
        return getattr(usual, name) if given is None else given

    return plan(
        Size(
            servers=usual.servers,
            origins=asked("origins"),
            streams=options.streams,
            kinds=asked("kinds"),
            seed=options.seed,
            first_address=first,
            srs_port=options.srs_port,
            nginx_port=options.nginx_port,
            one_address=options.one_address,
            open=options.open,
            middle=asked("middle"),
            shields=asked("shields"),
            unlisted=asked("unlisted"),
            direct=options.direct or usual.direct,
            rtmp_workers=asked("rtmp_workers"),
        )
    )


async def run(fleet: Fleet, *, scale: float, calm: bool, control_port: int) -> None:
    """Answer until SIGINT or SIGTERM. Raises CannotListen."""
    world = World(fleet, time.time(), scale=scale, calm=calm)
    serving = Serving(world, time.time, control_port=control_port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await serving.start()
    first, last = fleet.servers[0], fleet.servers[-1]
    log.info("simulated CDN: %d servers, %s to %s", len(fleet.servers), first.url, last.url)
    if control_port:
        log.info("truth and scenarios: http://%s:%d/", CONTROL_ADDRESS, control_port)
    await stopped.wait()
    await serving.stop()


def _history(fleet: Fleet, options: argparse.Namespace) -> int:
    # Whoever runs the simulation alone needs neither settings nor database.
    from cdn.errors import Unavailable
    from cdn.settings import SettingsError
    from db.backfill import Unready
    from demo.history import Extent, tell

    extent = Extent(options.days, options.stream_days, options.wide_days)
    try:
        return tell(fleet, extent, unless_there=options.unless_there)
    except (SettingsError, Unavailable, Unready) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    line = parser()
    options = line.parse_args(arguments)
    try:
        fleet = fleet_of(options)
    except ValueError as error:
        line.error(str(error))
    if options.command == "fleet":
        sys.stdout.write(servers_toml(fleet))
        return 0
    if options.command == "history":
        return _history(fleet, options)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        asyncio.run(run(fleet, scale=options.scale, calm=options.calm, control_port=options.control))
    except CannotListen as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
