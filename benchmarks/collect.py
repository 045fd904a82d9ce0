"""What does a poll cost, and is it on time?

Simulated SRS servers in a process of their own, the real daemon in this one, a real PostgreSQL beside.
The bare loop is `requests` alone over the same URLs in the same run: what any poller has to pay.

With --dead some of the servers die after the first half: every other one refuses, the rest connects and never
answers. What matters then is whether the polls of the living are still on time.

    python -m benchmarks.collect --servers 200 --streams 10 --interval 10 --seconds 60
    python -m benchmarks.collect --servers 1000 --streams 20 --seconds 120
    python -m benchmarks.collect --servers 1000 --streams 20 --seconds 240 --dead 300
"""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import requests
from sqlalchemy import text

from actions.import_servers import import_servers
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.settings import ROOT, load
from collector.daemon import LATE_SECONDS, Daemon
from db import embedded, migrate
from db import engine as engines

PATHS = ("/api/v1/summaries", "/api/v1/streams/?start=0&count=1000")


CONTROL = 1979


class Timed(Daemon):
    """The daemon, and how late each of its polls began: (server, seconds)."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.lateness: list[tuple[int, float]] = []

    def _poll(self, server_id: int) -> None:
        self.lateness.append((server_id, (utc_now() - self._due[server_id]).total_seconds()))
        super()._poll(server_id)


class Measured(NamedTuple):
    """What one stretch of time brought: lateness of every poll, CPU seconds of ours and of the simulator."""

    lateness: list[tuple[int, float]]
    cpu: float
    simulated: float

    def of(self, servers: set[int]) -> list[float]:
        """Lateness of the polls of `servers`."""
        return [late for server, late in self.lateness if server in servers]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--dead", type=int, default=0, help="servers that die after half of the time")
    asked = parser.parse_args()
    # A line for every server that dies would bury the figures.
    logging.disable(logging.WARNING)
    # Addresses of its own, so that a demo may run beside it.
    options = f"--servers {asked.servers} --streams {asked.streams} --kinds srs={asked.servers} --open"
    size = [*options.split(), "--first-address", "127.0.100.1"]
    fleet = subprocess.run(
        [sys.executable, "-m", "demo", "fleet", *size], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    with tempfile.TemporaryDirectory(prefix="cdn-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        simulator = subprocess.Popen(
            [sys.executable, "-m", "demo", "run", *size, "--calm", "--control", str(CONTROL)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            urls = [server["url"] for server in tomllib.loads(fleet)["server"]]
            _wait_for(urls[-1])
            with embedded.running(folder / "database") as cluster:
                _measure(asked, fleet, urls, cluster.url(), folder, simulator.pid)
        finally:
            simulator.terminate()
            simulator.wait()


def _measure(asked: argparse.Namespace, fleet: str, urls: list[str], url: str, folder: Path, simulator: int) -> None:
    migrate.upgrade(url)
    engine = engines.create(url)
    import_servers(engine, fleet, key="", by=LOCAL_ADMIN)
    settings = load(data_dir=folder, poll_interval=asked.interval)
    pace = asked.interval / asked.servers
    bare, paced = _bare(urls, 0.0), _bare(urls, pace)
    daemon = Timed(settings, engine)
    daemon.start()
    time.sleep(asked.interval * 2.5)  # warm: every server was polled twice
    with engine.begin() as connection:
        ids = {row.name: row.id for row in connection.execute(text("SELECT name, id FROM server ORDER BY id"))}
    warm = _memory()
    seconds = asked.seconds / 2 if asked.dead else asked.seconds
    all_alive = _stretch(daemon, simulator, seconds)
    print(f"{asked.servers} servers x {asked.streams} streams every {asked.interval:g} s for {seconds:g} s")
    _report(all_alive, all_alive.of(set(ids.values())), asked.servers * seconds / asked.interval, seconds)
    each = all_alive.cpu / len(all_alive.lateness)
    print(f"CPU per poll           {each * 1000:.2f} ms: fetch, parse, derive and store")
    print(f"bare requests loop     {paced * 1000:.2f} ms at the polls' pace, {bare * 1000:.2f} ms without a pause")
    print(f"ratio                  {each / paced:.2f} at the polls' pace, {each / bare:.2f} to the one without a pause")
    if asked.dead:
        dead = [name for name in ids if name.startswith("edge")][: asked.dead]
        for number, name in enumerate(dead):
            _kill(name, "edge-down" if number % 2 else "edge-silent")
        time.sleep(asked.interval)
        some_dead = _stretch(daemon, simulator, seconds)
        living = set(ids.values()) - {ids[name] for name in dead}
        print(f"with {len(dead)} of them dead, half refusing and half silent; the living:")
        _report(some_dead, some_dead.of(living), len(living) * seconds / asked.interval, seconds)
        before, after = _p99(all_alive.of(living)), _p99(some_dead.of(living))
        print(
            f"p99 lateness, living   {after * 1000:.0f} ms, it was {before * 1000:.0f} ms: ratio {after / before:.2f}"
        )
    print(f"memory                 {_memory():.0f} MB, {warm:.0f} MB when it was warm")
    daemon.stop()
    with engine.begin() as connection:
        stored, up = connection.execute(text("SELECT count(*), count(*) FILTER (WHERE up) FROM sample")).one()
    print(f"stored                 {stored} polls, {up} of them good")


def _stretch(daemon: Timed, simulator: int, seconds: float) -> Measured:
    """Let the daemon run for some time."""
    daemon.lateness = []
    simulated, began = _cpu_of(simulator), time.process_time()
    time.sleep(seconds)
    return Measured(list(daemon.lateness), time.process_time() - began, _cpu_of(simulator) - simulated)


def _report(measured: Measured, lateness: list[float], expected: float, seconds: float) -> None:
    on_time = sum(late <= LATE_SECONDS for late in lateness)
    print(f"polls                  {len(lateness)} of {expected:.0f} expected")
    print(f"on time (<= {LATE_SECONDS:g} s)      {on_time / len(lateness):.2%}")
    print(f"lateness p50, p99, max {_percentiles(lateness)}")
    print(
        f"CPU in use             {measured.cpu / seconds:.1%} of a core, simulator {measured.simulated / seconds:.1%}"
    )


def _kill(name: str, how: str) -> None:
    url = f"http://127.0.0.1:{CONTROL}/scenarios/{how}?server={name}&seconds=86400"
    requests.post(url, timeout=10).raise_for_status()


def _memory() -> float:
    """Megabytes this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _bare(urls: list[str], pace: float, polls: int = 300) -> float:
    """CPU seconds of the two requests of a poll with `requests` and nothing else, one poll every `pace` seconds.

    Without a pause everything stays in the processor's caches; no poller that waits for its moment is so lucky.
    """
    session = requests.Session()
    session.trust_env = False
    began = time.process_time()
    for number in range(polls):
        time.sleep(pace)
        for path in PATHS:
            session.get(urls[number % len(urls)] + path, timeout=(3, 5)).json()
    return (time.process_time() - began) / polls


def _cpu_of(process: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / 100


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


def _percentiles(values: list[float]) -> str:
    cuts = quantiles(values, n=100)
    return ", ".join(f"{value * 1000:.0f} ms" for value in (cuts[49], cuts[98], max(values)))


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            requests.get(f"{url}/api/v1/versions", timeout=1)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise SystemExit("the simulated CDN does not answer")


if __name__ == "__main__":
    main()
