"""Recorded answers of the NGINX family's further kinds, as a script's replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdn.model import Kind, PollError, Reading, Reason
from collector.derive import Baseline, Increase, increase
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from tests.readings import moment
from tests.recorded import FIXTURES, nginx, recorded, target

FIRST_POLL = 1795476453


def body(name: str) -> bytes:
    """The recorded answer `fixtures/<name>`."""
    return (FIXTURES / name).read_bytes()


def one_page(kind: Kind, answer: bytes, url: str = "http://127.0.0.1/page", most: int = 2_000) -> Reading:
    """The reading of a server of that kind whose one page answers so."""
    return run(SOURCES[kind].read(target(kind, url=url), Wanted(most)), lambda _: Reply(answer, "nginx/1.22.1"))


def vts(answer: bytes) -> Reading:
    """The reading of an NGINX with VTS that answers so."""
    return one_page(Kind.NGINX_VTS, answer)


def rtmp(answer: bytes, most: int = 2_000) -> Reading:
    """The reading of an NGINX with RTMP that answers so."""
    return one_page(Kind.NGINX_RTMP, answer, most=most)


def angie(answer: bytes) -> Reading:
    """The reading of an Angie that answers so."""
    return one_page(Kind.ANGIE, answer)


def plus(
    changes: Mapping[str, bytes] | None = None, url: str = "http://127.0.0.1", asked: list[str] | None = None
) -> Reading:
    """The reading of an NGINX Plus: `changes` are answers by file name, the others as recorded."""

    def answer(ask: Ask) -> Reply:
        path = ask.path if ask.path.startswith("/api/") else f"/api{ask.path}"
        if asked is not None:
            asked.append(ask.path)
        name = f"{path.strip('/').replace('/', '_')}.json"
        if changes and name in changes:
            return Reply(changes[name])
        if not (FIXTURES / "nginx_plus" / name).exists():
            raise PollError(Reason.HTTP_STATUS, f"GET {ask.path} gave 404, want 200")
        return Reply(body(f"nginx_plus/{name}"))

    return run(SOURCES[Kind.NGINX_PLUS].read(target(Kind.NGINX_PLUS, url=url), Wanted(1)), answer)


# Of every kind, a recorded answer that has all the kind reports.
COMPLETE: Mapping[Kind, Callable[[], Reading]] = {
    Kind.SRS: lambda: recorded("srs/edge1-live/"),
    Kind.NGINX: lambda: nginx(body("nginx/stub_status.txt")),
    Kind.NGINX_VTS: lambda: vts(body("nginx_vts/vts_status_format_json.json")),
    Kind.NGINX_RTMP: lambda: rtmp(body("nginx_rtmp/rtmp_stat.xml")),
    Kind.NGINX_PLUS: plus,
    Kind.ANGIE: lambda: angie(body("angie/status_root.json")),
}


def increases(read: Callable[[bytes], Reading], what: str) -> list[Increase]:
    """What the ten polls of the recorded sequence, 10 s apart, have grown from one to the next."""
    grown, before = [], None
    for number in range(10):
        reading = read(body(f"sequence-10s/{number}.{what}"))
        at = moment(float(body(f"sequence-10s/{number}.time")) - FIRST_POLL)
        now = Baseline(at, reading.process, reading.clock, reading.counters)
        if before is None:
            before = now
            continue
        step, before = increase(before, now, reading.uptime)
        grown.append(step)
    return grown


def grew(grown: list[Increase], metric: str) -> int:
    """What `metric` has grown in all."""
    return sum(each.counts[metric] for each in grown)


def rates(grown: list[Increase], metric: str) -> list[float]:
    """Bit/s of a metric in bytes, one per interval."""
    return [each.counts[metric] * 8 / each.seconds for each in grown]
