"""Years of an invented fleet: frames as db.history, db.offload, db.audience and db.annotations give them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

import db.annotations
import db.audience
import db.history
import db.offload
from cdn.errors import Unavailable
from db.asked import By, source
from db.steps import Steps, floor

NAMES: dict[By, tuple[str, ...]] = {
    By.TOTAL: ("",),
    By.REGION: ("Europe West", "North America", "Asia", "Europe East", ""),
    By.ROLE: ("edge", "origin"),
    By.PROVIDER: ("Example Transit", "Other Transit"),
    By.KIND: ("srs", "nginx_vts", "angie"),
    By.TAG: ("", "hd, live"),
    By.SERVER: tuple(f"edge-fra-{number}" for number in range(1, 13)),
    By.CHANNEL: ("sport-1", "news", "movies", "kids", "docu", "music", "weather", "local"),
}
GIGABIT = 1e9


def _names(by: By, hostile: tuple[str, ...] | None) -> tuple[str, ...]:
    return hostile if hostile and by is not By.TOTAL else NAMES[by]


def _evening(at: datetime) -> float:
    """How much of the most is watched: little at night, much in the evening, more at weekends."""
    hour = at.hour + at.minute / 60
    day = 0.25 + 0.2 * math.sin((hour - 9) / 24 * 2 * math.pi) + 0.55 * math.exp(-(((hour - 20) / 2.4) ** 2))
    return day * (1.12 if at.weekday() >= 5 else 1.0) * (1 + 0.0004 * (at.timestamp() / 86_400 - 20_700))


def _shares(count: int) -> list[float]:
    weights = [0.75**place for place in range(count)]
    return [weight / sum(weights) for weight in weights]


def traffic(names: tuple[str, ...], over: Steps, by: By, most: int) -> pd.DataFrame:
    """As db.history.traffic; some hours in the middle were seen by nobody."""
    middle = over.start + (over.end - over.start) * 0.3
    shares = _shares(len(names))
    places = range(len(names)) if len(names) <= most + 1 else [*range(most), db.history.OTHER]
    rows = []
    for place in places:
        share = sum(shares[most:]) if place == db.history.OTHER else shares[place]
        for at, length in zip(over.times, over.lengths, strict=True):
            if middle <= at < middle + (over.end - over.start) / 60:
                continue
            bps = 180 * GIGABIT * _evening(at) * share * (1 + 0.02 * math.sin(at.timestamp() / 3_600 + place))
            name = "" if place == db.history.OTHER else names[place]
            id_ = place if place == db.history.OTHER else place + 1 if by in (By.SERVER, By.CHANNEL) else 0
            rows.append((id_, name, place, at, round(bps * length / 8), bps))
    found = pd.DataFrame(rows, columns=["id", "name", "place", "at", "bytes", "bps"])
    return _typed(found, wholes=("bytes",), times=("at",), numbers=("bps",))


def _typed(
    found: pd.DataFrame, *, wholes: tuple[str, ...] = (), times: tuple[str, ...] = (), numbers: tuple[str, ...] = ()
) -> pd.DataFrame:
    for name in times:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return found.astype({**dict.fromkeys(wholes, "Int64"), **dict.fromkeys(numbers, "float64")})


def totals(names: tuple[str, ...], over: Steps, by: By) -> pd.DataFrame:
    """As db.history.totals."""
    found = traffic(names, over, by, len(names))
    return found.groupby(["id", "name"])["bytes"].sum().reset_index().sort_values("bytes", ascending=False)


def peaks(names: tuple[str, ...], over: Steps, by: By) -> pd.DataFrame:
    """As db.history.peaks."""
    found = traffic(names, over, by, len(names))
    best = found.sort_values("bps", ascending=False).drop_duplicates(["id", "name"])
    return best[["id", "name", "at", "bps"]].reset_index(drop=True)


def offload(over: Steps) -> pd.DataFrame:
    """As db.offload.over_time."""
    rows = []
    for number, at in enumerate(over.times):
        sent = 180 * GIGABIT * _evening(at) * over.seconds / 8
        hits = 1e6 * _evening(at)
        taken = sent * (0.05 + 0.01 * math.sin(number / 7))
        rows.append((at, sent, taken, 0.0, hits, hits / 0.93, 1 - taken / sent, 0.93 + 0.01 * math.sin(number / 11)))
    columns = ["at", "sent", "taken", "untold", "hits", "answers", "offload", "hit_ratio"]
    return _typed(pd.DataFrame(rows, columns=columns), times=("at",), numbers=tuple(columns[1:]))


def edges(names: tuple[str, ...]) -> pd.DataFrame:
    """As db.offload.by_edge; every third counts answers of a cache, the last one nothing but what it sends."""
    rows = []
    for place, name in enumerate(names):
        sent = 9e14 * 0.9**place
        told = place < len(names) - 1
        hits = 1e9 if place % 3 == 0 else math.nan
        ratio = 0.9 if place % 3 == 0 else math.nan
        taken = sent * 0.04 if told else math.nan
        rows.append(
            (place + 1, name, "Europe West", sent, taken, 0.0, hits, hits / 0.9, 0.96 if told else math.nan, ratio)
        )
    columns = ["id", "name", "region", "sent", "taken", "untold", "hits", "answers", "offload", "hit_ratio"]
    return _typed(pd.DataFrame(rows, columns=columns), numbers=tuple(columns[3:]))


def channels(names: tuple[str, ...], over: Steps) -> pd.DataFrame:
    """As db.offload.by_channel: nothing of longer times; of the last one nobody knows what came in."""
    found = edges(names)[["id", "name", "sent", "taken", "offload"]]
    return found if over.end - over.start <= db.offload.LONGEST_OF_CHANNELS else found.head(0)


def viewers(names: tuple[str, ...], over: Steps, by: By, most: int) -> pd.DataFrame:
    """As db.audience.viewers."""
    found = traffic(names, over, by, most)
    return found.assign(viewers=found["bps"] / 4e6)[["id", "name", "place", "at", "viewers"]]


def ranking(names: tuple[str, ...], over: Steps, by: By) -> pd.DataFrame:
    """As db.audience.ranking: the last one is new, so there is nothing to compare it with."""
    best = peaks(names, over, by)
    seconds = totals(names, over, by)
    found = seconds.merge(best, on=["id", "name"]).rename(columns={"at": "peak_at"})
    watched = found["bytes"].astype("float64") * 8 / 4e6
    change = np.linspace(0.9, 1.2, len(found))
    change[-1] = math.nan if len(found) > 1 else change[-1]
    made = found.assign(viewer_seconds=watched, before=watched * change, peak=found["bps"] / 4e6)
    return made[["id", "name", "viewer_seconds", "before", "peak", "peak_at"]].reset_index(drop=True)


def markers(start: datetime, end: datetime, hostile: tuple[str, ...] | None) -> pd.DataFrame:
    """As db.annotations.within."""
    words = hostile[:3] if hostile else ("Cup final on sport-1", "New player version", "Fault of a provider")
    length = end - start
    rows = []
    for place, (kind, share, lasts) in enumerate((("match", 0.7, 0.01), ("deploy", 0.4, 0), ("incident", 0.25, 0.004))):
        at = start + length * share
        until = at + length * lasts if lasts else None
        rows.append((place + 1, at, until, kind, words[place], "", None, None, None, None, "mia", at, 1))
    columns = ["id", "at", "until", "kind", "words", "region", "server_id", "server", "channel_id", "channel"]
    found = pd.DataFrame(rows, columns=[*columns, "created_by", "created_at", "version"])
    return _typed(found, times=("at", "until", "created_at"), wholes=("server_id", "channel_id"))


def one_marker(id: int, ends: datetime, hostile: tuple[str, ...] | None) -> pd.DataFrame:
    """As db.annotations.annotation."""
    found = markers(ends - timedelta(days=7), ends, hostile)
    return found[found["id"] == id]


def known(hostile: tuple[str, ...] | None) -> pd.DataFrame:
    """As db.history.known."""
    fields = {By.SERVER: "servers", By.CHANNEL: "channels"}
    rows = [
        (fields.get(by, by.value), place + 1 if by in fields else 0, name)
        for by in (By.ROLE, By.REGION, By.PROVIDER, By.KIND, By.TAG, By.SERVER, By.CHANNEL)
        for place, name in enumerate(_names(by, hostile))
    ]
    return pd.DataFrame(rows, columns=["dimension", "id", "name"])


def install(
    state: Callable[[], str],
    put: Callable[[Any, str, Any], None],
    now: Callable[[], datetime],
    hostile: tuple[str, ...],
) -> None:
    """Put the fakes in the place of the real functions."""

    def here(made: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        """Nothing is known of an empty fleet; while the database is away it says so."""

        def answer(*given: Any, **named: Any) -> pd.DataFrame:
            current = state()
            if current == "away":
                raise Unavailable("the database at local socket/cdn does not answer: connection refused")
            found = made(hostile if current == "hostile" else None, *given[1:], **named)
            return found.head(0) if current == "empty" else found

        return answer

    def by_name(made: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def answer(
            h: Any, over: Steps, *, by: By, flow: Any = None, only: Any, ids: Any = None, most: Any = None
        ) -> Any:
            if flow is not None:
                source(by, only).value(flow)
            return made(_names(by, h), over, by, *([] if most is None else [most]))

        return here(answer)

    def newest(_engine: Any, _now: datetime, bucket: int) -> datetime:
        here(lambda h: pd.DataFrame())(None)
        return floor(now(), bucket)

    put(db.history, "newest", newest)
    put(db.history, "fine_since", lambda _engine, _by, _only: now() - timedelta(days=400))
    put(db.history, "known", here(lambda h: known(h)))
    put(db.history, "traffic", by_name(traffic))
    put(db.history, "totals", by_name(totals))
    put(db.history, "peaks", by_name(peaks))
    put(
        db.history,
        "hours",
        here(lambda h, over, *, flow, only: traffic(("",), over, By.TOTAL, 1)[["at", "bytes"]]),
    )
    put(db.history, "coverage", lambda _engine, over, _only: _coverage(over, state()))
    put(db.offload, "over_time", here(lambda h, over, only: offload(over)))
    put(db.offload, "by_edge", here(lambda h, over, only: edges(_names(By.SERVER, h))))
    put(db.offload, "by_channel", here(lambda h, over, only: channels(_names(By.CHANNEL, h), over)))
    put(db.audience, "viewers", by_name(viewers))
    put(
        db.audience,
        "ranking",
        here(lambda h, over, before, *, by, only: ranking(_names(by, h), over, by)),
    )
    put(db.annotations, "within", here(lambda h, start, end, *_, **__: markers(start, end, h)))
    put(db.annotations, "annotation", here(lambda h, id: one_marker(id, now(), h)))


def _coverage(over: Steps, state: str) -> pd.DataFrame:
    expected = 0.0 if state == "empty" else 20 * (over.end - over.start).total_seconds()
    seen = math.nan if state == "empty" else 0.9998
    row = {"covered_seconds": expected * 0.9998, "expected_seconds": expected, "seen": seen}
    return pd.DataFrame([row]).astype("float64")
