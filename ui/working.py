"""How a figure is made: what was read, and the arithmetic, in plain words and exact numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from cdn.metrics import BY_NAME, COUNTERS, DERIVED, GAUGES, Metric, Unit
from cdn.model import Role
from cdn.units import HOUR, MINUTE
from db.live import rate_name
from ui import numbers
from ui.form import found
from ui.groups import Group
from ui.html import NOTHING, Html, code, fill, join
from ui.readings import Working, counted, exact_time, rate, say
from ui.server import public_address

# Column of a chart → the counter it is the rate of, the gauge it is.
COUNTER_OF: dict[str, Metric] = {rate_name(metric): metric for metric in COUNTERS}
GAUGE_OF: dict[str, Metric] = {metric.name: metric for metric in GAUGES}
# Gauges that are counted in the list of streams.
LISTED = frozenset({"viewers", "live_streams"})
TIMED = {
    "connect_seconds": "until the connection stood, encryption included; a kept connection needs none",
    "first_byte_seconds": "until the first byte of the answer",
    "response_seconds": "until the whole answer was read",
}


def told(group: Group, work: Working) -> Html:
    """The working of each figure of `group`, then what is true of all of them."""
    shown = group.reported(work.history)
    columns = [line.column for line in shown]
    counters = [COUNTER_OF[name] for name in columns if name in COUNTER_OF]
    names = {line.column: line.name for line in shown}
    parts: list[Html] = []
    if read := [metric for metric in counters if metric.name not in DERIVED]:
        parts += counted(group, read, names, work)
    if any(metric.name in DERIVED for metric in counters):
        parts += _to_own_servers(group, work)
    if gauges := [GAUGE_OF[name] for name in columns if name in GAUGE_OF]:
        parts += _as_said(group, gauges, names, work)
    if timed := [name for name in columns if name in TIMED]:
        parts += _timed(timed, names, work)
    parts += _share(group, work.history)
    return fill('<div class="made">{parts}</div>', parts=join([*parts, say(_coverage(work.coverage))]))


def _to_own_servers(group: Group, work: Working) -> Iterator[Html]:
    yield say(
        "Its clients whose addresses are those of servers of ours are own servers that pull. At each poll their share"
        " is estimated: what each stream sent × its own servers ÷ its players. Every"
        f" {work.clients_interval:g} s the list of clients settles it: the bytes that these connections counted"
        " themselves are exact, and what the estimates were off is made up for at the next figure."
    )
    metric = BY_NAME["internal_bytes"]
    row: Any
    for row in work.readings.itertuples(index=False):
        if row.name == metric.name and not numbers.missing(row.increase) and row.counted_seconds > 0:
            grown = f"{int(row.increase):,}"
            yield found([(metric.label, rate(group, metric, grown, int(row.increase), float(row.counted_seconds)))])


def _as_said(group: Group, metrics: Sequence[Metric], names: dict[str, str], work: Working) -> Iterator[Html]:
    """Gauges: as the server said."""
    row = work.server
    is_split = row.role == Role.ORIGIN and any(metric.name == "viewers" for metric in metrics)
    if is_split:
        yield say(
            "Who watches here directly: its clients less those that publish and less those that are servers of ours,"
            f" told apart by the list of clients every {work.clients_interval:g} s."
        )
        if formula := _apart_sum(work.streams):
            yield formula
            return
    else:
        said = f"at {exact_time(row.good_at, work)}, asked at {public_address(row.url)}"
        if any(metric.name in LISTED for metric in metrics):
            yield say(f"Added up from the list of streams that the server gave {said}. It tells each stream's clients.")
        else:
            yield say(f"Nothing is computed: as the server said {said}.")
    yield found((names[metric.name], _raw(group, metric, getattr(row, metric.name))) for metric in metrics)


def _raw(group: Group, metric: Metric, value: Any) -> Html:
    if numbers.missing(value):
        return fill("not in its newest answer")
    if metric.unit is Unit.RATIO:
        exact = f"{value:.6g}"
    elif metric.unit is Unit.BYTES:
        exact = f"{value:,.0f} bytes"
    elif metric.unit is Unit.SECONDS:
        exact = f"{value:,.6g} s" if value < 100_000 else f"{value:,.0f} s"
    else:
        exact = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"
    return fill("{exact} shown as {value}", exact=code(exact), value=group.words(value))


def _apart_sum(streams: pd.DataFrame) -> Html:
    """Clients less publishers less own servers, over all streams of an origin."""
    there = streams[~streams["gone"].astype("bool") & streams["viewers"].notna() & streams["clients"].notna()]
    if there.empty:
        return NOTHING
    clients, pulls, viewers = (int(there[name].sum()) for name in ("clients", "pulls", "viewers"))
    publishers = int(there["publishing"].astype("bool").sum())
    if clients - publishers - pulls != viewers:
        # Clients that came or left since that list are still to be told apart.
        return NOTHING
    formula = f"{clients:,} clients − {publishers:,} that publish − {pulls:,} own servers = {viewers:,}"
    return found([("Viewers", code(formula))])


def _timed(columns: Sequence[str], names: dict[str, str], work: Working) -> Iterator[Html]:
    at = exact_time(work.server.at, work)
    yield say(
        f"Measured by us at the first request of the poll at {at}. The chart shows means of the polls in each step."
    )
    for column in columns:
        value: Any = getattr(work.server, column, None)
        exact = fill("none this time") if numbers.missing(value) else code(f"{value * 1_000:,.3f} ms")
        yield found([(names[column], fill("{exact} {what}", exact=exact, what=TIMED[column]))])


def _share(group: Group, history: pd.DataFrame) -> list[Html]:
    if group.share is None or (sums := group.share.counted(history)) is None:
        return []
    part, whole = sums
    formula = f"{part:,} ÷ {whole:,} {group.share.of} = {part / whole:.6f}"
    shown = numbers.percent(part / whole, 2 if part / whole < 0.01 else 1)
    words = fill("{formula} shown as {shown}", formula=code(formula), shown=shown)
    return [found([(group.share.word, words)]), say("Both are sums over the whole time shown: no mean of means.")]


def _coverage(coverage: pd.DataFrame) -> str:
    """How much of the last hour was seen."""
    if coverage.empty or not coverage["polls"].iloc[0]:
        return "Nobody polled this server in the last hour."
    row = coverage.iloc[0]
    return (
        f"In the last hour {int(row['good']):,} of {numbers.many(int(row['polls']), 'poll')} were answered,"
        f" and {_span(row['covered_seconds'])} of 60 min were seen. What nobody saw is a gap in the chart, not zero."
    )


def _span(seconds: float) -> str:
    """ "59 min 45 s"."""
    whole = round(min(float(seconds), HOUR))
    minutes, rest = divmod(whole, MINUTE)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
