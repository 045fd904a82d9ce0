"""The daemon: one job a server, the fleet watched, everything ended within seconds when asked to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from cdn import VERSION
from cdn.clock import utc_now
from cdn.model import Kind, Role, Target
from cdn.settings import Settings
from collector.fetch import Fetcher
from collector.jobs import JOBS, Job
from collector.poll import StateLog, limits, poll
from collector.share import phase, share
from collector.sources import SOURCES
from collector.sources.script import Source, Wanted
from collector.spool import Spool
from collector.store import Store
from collector.writer import Writer
from db import fleet, samples
from db.engine import Connection, Engine, Unavailable, reading

log = logging.getLogger(__name__)

FLEET_SECONDS = 2.0
# A collector silent for so long is taken for dead, and the others take over its servers.
ALIVE_SECONDS = 15.0
# A poll that begins later than this after its moment counts as late.
LATE_SECONDS = 1.0
# A handful of new servers is polled at once; a whole fleet is spread over the interval.
AT_ONCE = 10
STOP_SECONDS = 3.0
GOODBYE_SECONDS = 0.5
# A worker process that has not answered for so many polls has ended.
WORKER_INTERVALS = 4
# So many times the streams that are followed one by one are read: the rest is told in one row.
READ_FACTOR = 10
# Our clock is corrected to the database's, which all collectors share, where it is off by more.
CLOCK_TOLERANCE = timedelta(seconds=1)


class Daemon:
    """Polls its share of the fleet until stopped. watch: seconds between two looks at the fleet."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        sources: Mapping[Kind, Source] = SOURCES,
        watch: float = FLEET_SECONDS,
    ) -> None:
        self._watch = watch
        self._settings = settings
        self._engine = engine
        self._sources = sources
        self._key = settings.secret_key.get_secret_value()
        self._fetcher = Fetcher(limits(settings))
        spool = Spool(settings.data_dir / "spool" / quote(settings.collector, safe=""), settings.spool_bytes)
        self._store = Store(Writer(engine, settings.collector, settings.max_streams_per_server), spool)
        self._states = StateLog()
        self._targets: dict[int, Target] = {}
        self._polled: dict[int, datetime] = {}
        self._due: dict[int, datetime] = {}
        self._listed: dict[int, datetime] = {}
        self._workers: dict[int, dict[str, datetime]] = {}
        self._clock_offset = timedelta(0)
        self._counts = threading.Lock()
        self._polls = 0
        self._late = 0
        self._started_at = utc_now()
        self._away = False
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(settings.poll_threads), "own": ThreadPoolExecutor(4)},
            # A late run is still wanted, once, and never beside another of the same server.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Begin. The first look at the fleet is made before this returns."""
        self._store.start()
        self._watch_fleet()
        for job in JOBS:
            self._every(job.period, self._run_job, job.name, job)
        self._every(self._watch, self._watch_fleet, "fleet")
        self._scheduler.start()
        log.info("%s polls %d servers", self._settings.collector, len(self._targets))

    def stop(self) -> None:
        """End within seconds: no new polls, those under way are cut off, what was seen is stored or spooled.

        Threads may still hang in the database when this returns; all of them may be left behind.
        """
        self._stopping.set()
        self._scheduler.pause()
        self._fetcher.cut_all()
        self._scheduler.shutdown(wait=False)
        self._store.stop(STOP_SECONDS)
        goodbye = threading.Thread(target=self._say_goodbye, daemon=True)
        goodbye.start()
        goodbye.join(GOODBYE_SECONDS)
        self._fetcher.close()
        log.info("stopped after %d polls", self._polls)

    def _say_goodbye(self) -> None:
        try:
            fleet.say_goodbye(self._engine, self._settings.collector, utc_now())
        except Unavailable:
            log.warning("the database did not hear that we stopped")

    def _now(self) -> datetime:
        """The time by the database's clock, as far as we know it."""
        return utc_now() + self._clock_offset

    def _every(self, seconds: float, function: object, name: str, *arguments: object) -> None:
        self._scheduler.add_job(
            function,
            IntervalTrigger(seconds=seconds, timezone=UTC),
            id=name,
            args=arguments,
            executor="own",
            next_run_time=utc_now(),
        )

    def _run_job(self, job: Job) -> None:
        try:
            told = job.run(self._engine, utc_now(), self._settings)
        except Unavailable:
            return  # told by the store already
        except Exception:
            log.exception("the job %s failed; it runs again in %.0f s", job.name, job.period)
            return
        if told:
            log.info("%s", told)

    def _watch_fleet(self) -> None:
        """Notice added, changed, paused and retired servers, and collectors that come and go."""
        try:
            with reading(self._engine) as connection:
                alive = fleet.heartbeat(connection, self._sign(), ALIVE_SECONDS)
                self._compare_clocks(connection)
            with reading(self._engine) as connection:
                versions = fleet.versions(connection)
                mine = share(versions, alive, self._settings.collector)
                changed = [each for each in mine if not self._is_current(each, versions[each])]
                targets = fleet.targets(connection, changed, self._settings.poll_interval, self._key)
        except Unavailable as error:
            if not self._away:
                log.warning("%s; we go on with the servers we know", error)
            self._away = True
            return
        self._away = False
        for gone in set(self._targets) - mine:
            self._forget(gone)
        for target in targets:
            self._schedule(target, at_once=len(targets) <= AT_ONCE)

    def _compare_clocks(self, connection: Connection) -> None:
        """Note how far our clock is off. Everything that is stored is stamped by the database's."""
        began = utc_now()
        theirs = samples.database_clock(connection)
        offset = theirs - (began + (utc_now() - began) / 2)
        corrected = offset if abs(offset) > CLOCK_TOLERANCE else timedelta(0)
        if bool(corrected) != bool(self._clock_offset):
            log.warning("this machine's clock is %.1f s off the database's", -offset.total_seconds())
        self._clock_offset = corrected

    def _is_current(self, server_id: int, version: int) -> bool:
        known = self._targets.get(server_id)
        return known is not None and known.version == version

    def _sign(self) -> fleet.Sign:
        with self._counts:
            polls, late = self._polls, self._late
        return fleet.Sign(
            self._settings.collector,
            VERSION,
            self._started_at,
            len(self._targets),
            polls,
            late,
            self._store.waiting,
        )

    def _schedule(self, target: Target, *, at_once: bool) -> None:
        self._targets[target.id] = target
        now = utc_now()
        first = now if at_once else _next_moment(now, target)
        self._due[target.id] = first
        self._scheduler.add_job(
            self._poll,
            IntervalTrigger(seconds=target.interval, start_date=first, timezone=UTC),
            id=f"poll {target.id}",
            args=(target.id,),
            next_run_time=first,
            replace_existing=True,
        )

    def _forget(self, server_id: int) -> None:
        self._targets.pop(server_id, None)
        self._polled.pop(server_id, None)
        self._due.pop(server_id, None)
        self._listed.pop(server_id, None)
        self._workers.pop(server_id, None)
        self._states.forget(server_id)
        self._scheduler.remove_job(f"poll {server_id}")

    def _poll(self, server_id: int) -> None:
        target = self._targets.get(server_id)
        if target is None:
            return
        late = self._lateness(target)
        wanted = self._wanted(target)
        done = poll(
            target,
            self._fetcher,
            self._sources,
            now=self._now,
            since=self._polled.get(server_id),
            wanted=wanted,
        )
        if self._stopping.is_set():
            return  # we ended it ourselves: that says nothing of the server
        if done.reading is not None:
            if wanted.clients:
                # Also where it did not list them: what fails is not asked for at every poll.
                self._listed[server_id] = done.at
            self._note_workers(target, done.reading.workers, done.at)
        self._polled[server_id] = done.at
        self._states.note(target, done)
        self._store.put(done)
        with self._counts:
            self._polls += 1
            self._late += late

    def _wanted(self, target: Target) -> Wanted:
        """How much to read: all streams there are up to a bound, and now and then an origin's clients.

        A list of clients costs half a kilobyte each: only on origins it is short, and needed to know what they are.
        """
        settings = self._settings
        listed, half = self._listed.get(target.id), timedelta(seconds=target.interval / 2)
        due = listed is None or self._now() - listed >= timedelta(seconds=settings.clients_interval) - half
        return Wanted(
            settings.max_streams_per_server * READ_FACTOR,
            clients=due and target.role is Role.ORIGIN,
            max_clients=settings.max_clients_per_server,
            workers=frozenset(self._workers.get(target.id, ())),
        )

    def _note_workers(self, target: Target, workers: Iterable[str], at: datetime) -> None:
        """Remember which worker processes answered; one that stays away has ended."""
        known = self._workers.get(target.id, {}) | dict.fromkeys(workers, at)
        latest = at - timedelta(seconds=target.interval * WORKER_INTERVALS)
        if kept := {name: seen for name, seen in known.items() if seen >= latest}:
            self._workers[target.id] = kept
        else:
            self._workers.pop(target.id, None)

    def _lateness(self, target: Target) -> int:
        """How many polls came too late: this one, and those skipped because one before it ran too long."""
        interval = timedelta(seconds=target.interval)
        now, due = utc_now(), self._due[target.id]
        skipped = max(0, (now - due) // interval)
        self._due[target.id] = due + (skipped + 1) * interval
        return skipped + int((now - due) % interval > timedelta(seconds=LATE_SECONDS))


def _next_moment(now: datetime, target: Target) -> datetime:
    """The next moment of `target`'s place in the interval."""
    interval = target.interval
    wait = (phase(target.id, interval) - now.timestamp()) % interval
    return now + timedelta(seconds=wait)
