"""What a rule can watch: the catalogue. Every metric of servers is in it by itself; the rest is listed here."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.amounts import Measure
from alerts.rules import Comparison, SubjectKind
from cdn.metrics import METRICS, Bad, Metric, Unit
from cdn.units import HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class Watched:
    """One line of the catalogue: a value, of which kind of thing, in which base unit, and what is usual for a rule.

    label: everyday words; where there is no threshold, what is said of the thing ("is down"). bad: the bad side.
    over, for_seconds, keep_firing_seconds: defaults of a rule. over 0: it is no average, so no window can be chosen.
    metric: True for metrics of servers, of which two of one measure make a ratio.
    """

    name: str
    label: str
    kind: SubjectKind
    measure: Measure
    bad: Comparison = Comparison.ABOVE
    over: float = 60.0
    for_seconds: float = 60.0
    keep_firing_seconds: float = 120.0
    metric: bool = False

    @property
    def has_threshold(self) -> bool:
        """False where it is so or not."""
        return self.measure is not Measure.YES


_MEASURES: dict[Unit, Measure] = {
    Unit.BYTES: Measure.BYTES,
    Unit.COUNT: Measure.COUNT,
    Unit.RATIO: Measure.RATIO,
    Unit.SECONDS: Measure.SECONDS,
    Unit.LOAD: Measure.LOAD,
}
_RATES: dict[Unit, Measure] = {Unit.BYTES: Measure.BITS_PER_SECOND, Unit.COUNT: Measure.PER_SECOND}


def _of_metric(metric: Metric) -> Watched:
    """Counters are watched as rates: bytes as bit/s, the rest per second."""
    return Watched(
        name=metric.name,
        label=metric.label,
        kind=SubjectKind.SERVER,
        measure=(_RATES if metric.is_counter else _MEASURES)[metric.unit],
        bad=Comparison.BELOW if metric.bad is Bad.LOW else Comparison.ABOVE,
        for_seconds=5.0 * MINUTE,
        keep_firing_seconds=5.0 * MINUTE,
        metric=True,
    )


_SERVER, _COPY, _CHANNEL = SubjectKind.SERVER, SubjectKind.COPY, SubjectKind.CHANNEL
_OTHERS: tuple[Watched, ...] = (
    Watched("server_down", "is down", _SERVER, Measure.YES, over=0),
    Watched("no_data", "gives no data", _SERVER, Measure.YES, over=0, for_seconds=2.0 * MINUTE),
    Watched("response_time", "Response time", _SERVER, Measure.SECONDS, for_seconds=5.0 * MINUTE),
    Watched("error_ratio", "Share of server errors (5xx) among answers", _SERVER, Measure.RATIO),
    Watched(
        *("cache_hit_ratio", "Share of answers from the cache", _SERVER, Measure.RATIO, Comparison.BELOW),
        *(5.0 * MINUTE, 10.0 * MINUTE, 10.0 * MINUTE),
    ),
    Watched("load_against_capacity", "How full the link is", _SERVER, Measure.RATIO, for_seconds=3.0 * MINUTE),
    Watched(
        *("certificate_left", "Time until the certificate expires", _SERVER, Measure.SECONDS, Comparison.BELOW),
        *(0, 0, 0),
    ),
    Watched("clock_wrong", "How wrong the clock is", _SERVER, Measure.SECONDS, over=0, for_seconds=5.0 * MINUTE),
    Watched("channel_off_air", "is off air when it should be on", _CHANNEL, Measure.YES, over=0, for_seconds=30.0),
    Watched("copy_frozen", "is frozen", _COPY, Measure.YES, over=0),
    Watched("stream_bitrate", "Bit rate of the stream", _COPY, Measure.BITS_PER_SECOND, Comparison.BELOW),
    Watched("stream_frame_rate", "Frame rate of the stream", _COPY, Measure.FRAMES_PER_SECOND, Comparison.BELOW),
    Watched(
        *("publisher_starts", "How often the publisher starts again", _COPY, Measure.PER_HOUR, Comparison.ABOVE),
        *(float(HOUR), 0, 10.0 * MINUTE),
    ),
    Watched(
        *("burst_left", "Free peak time left this month", SubjectKind.CONTRACT, Measure.SECONDS, Comparison.BELOW),
        *(0, 0, 0),
    ),
    Watched("collector_silent", "is silent", SubjectKind.COLLECTOR, Measure.YES, over=0),
)

WATCHED: dict[str, Watched] = {each.name: each for each in (*_OTHERS, *map(_of_metric, METRICS))}
KIND_WORDS: dict[SubjectKind, str] = {
    SubjectKind.SERVER: "server",
    SubjectKind.COPY: "stream on a server",
    SubjectKind.CHANNEL: "channel",
    SubjectKind.CONTRACT: "contract",
    SubjectKind.COLLECTOR: "collector",
}
# The dimensions of a scope in which a kind of thing can have a label at all.
DIMENSIONS_OF: dict[SubjectKind, tuple[str, ...]] = {
    SubjectKind.SERVER: ("role", "region", "provider", "tag", "server"),
    SubjectKind.COPY: ("role", "region", "provider", "tag", "server", "channel"),
    SubjectKind.CHANNEL: ("channel",),
    SubjectKind.CONTRACT: ("provider",),
    SubjectKind.COLLECTOR: (),
}


def measure_of(watched: str, denominator: str | None) -> Measure:
    """The base unit of a rule's value."""
    return Measure.RATIO if denominator is not None else WATCHED[watched].measure
