"""What does a poll cost, and is it on time?

Simulated SRS servers in a process of their own, the real daemon in this one, a real PostgreSQL beside.
The bare loop is `requests` alone over the same URLs in the same run: what any poller has to pay.

    python -m benchmarks.collect --servers 200 --streams 10 --interval 10 --seconds 60
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from statistics import quantiles

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


class Timed(Daemon):
    """The daemon, and how late each of its polls began."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.lateness: list[float] = []

    def _poll(self, server_id: int) -> None:
        self.lateness.append((utc_now() - self._due[server_id]).total_seconds())
        super()._poll(server_id)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
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
            [sys.executable, "-m", "demo", "run", *size, "--calm", "--control", "0"],
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
    time.sleep(asked.interval * 1.5)  # warm: every server was polled once
    daemon.lateness.clear()
    simulated, began = _cpu_of(simulator), time.process_time()
    time.sleep(asked.seconds)
    lateness = list(daemon.lateness)
    cpu, simulated = time.process_time() - began, _cpu_of(simulator) - simulated
    daemon.stop()
    with engine.begin() as connection:
        stored, up = connection.execute(text("SELECT count(*), count(*) FILTER (WHERE up) FROM sample")).one()
    expected = asked.servers * asked.seconds / asked.interval
    each = cpu / len(lateness)
    print(f"{asked.servers} servers x {asked.streams} streams every {asked.interval:g} s for {asked.seconds:g} s")
    print(f"polls                  {len(lateness)} of {expected:.0f} expected; {stored} stored, {up} of them good")
    print(f"on time (<= {LATE_SECONDS:g} s)      {sum(late <= LATE_SECONDS for late in lateness) / len(lateness):.2%}")
    print(f"lateness p50, p99, max {_percentiles(lateness)}")
    print(f"CPU per poll           {each * 1000:.2f} ms: fetch, parse, derive and store")
    print(f"bare requests loop     {paced * 1000:.2f} ms at the polls' pace, {bare * 1000:.2f} ms without a pause")
    print(f"ratio                  {each / paced:.2f} at the polls' pace, {each / bare:.2f} to the one without a pause")
    print(f"CPU in use             {cpu / asked.seconds:.1%} of a core, the simulator {simulated / asked.seconds:.1%}")
    print(f"peak memory            {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


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
