"""What happened in a time: bandwidth, peaks, busiest hours, audience, and what the origins were spared. JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Depends, Query, Request, Response

from cdn.clock import utc_now
from cdn.model import Kind, Role
from db import audience as watched
from db import busiest as week
from db import engine as engines
from db import export, history
from db import offload as spared
from db.asked import By, Flow, Only, Unknowable
from db.export import Column
from db.frame import records
from db.rolled import FIVE_MINUTES
from db.steps import Compared, Steps, earlier, in_whole_hours, steps
from web.api import shapes_analytics as shapes
from web.api.auth import Reader
from web.api.inputs import LARGEST_ID, Moment, Words
from web.api.problem import READS, Problem

router = APIRouter(prefix="/analytics", tags=["analytics"])
USUAL, LONGEST, LONGEST_OF_MANY = timedelta(days=7), timedelta(days=1_830), timedelta(days=400)
FINE_PEAKS = timedelta(days=100)
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
ANSWERS: dict[int | str, dict[str, Any]] = {**READS, **_CSV}


class Format(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Asked:
    """The time, of what, and against which time; is_csv: how it is to be written."""

    since: datetime
    until: datetime
    only: Only
    zone: ZoneInfo
    compare: Compared
    is_csv: bool

    def steps(self, by: By, fine: timedelta | None = None) -> Steps:
        """The steps of the window, as fine as is kept."""
        return self._stepped(self.since, self.until, by, fine)

    def before(self, by: By) -> Steps:
        """Those of the window compared with."""
        return self._stepped(*earlier(self.since, self.until, self.compare, self.zone), by, None)

    def _stepped(self, since: datetime, until: datetime, by: By, fine: timedelta | None) -> Steps:
        if by in (By.SERVER, By.CHANNEL) and until - since > LONGEST_OF_MANY:
            wanted = f"want at most {LONGEST_OF_MANY.days} days told apart by {by.value}"
            raise Problem(422, "That is too much at once", faults={"query.since": wanted})
        kept = history.fine_since(engines.shared(), by, self.only)
        return steps(since, until, fine_since=kept or until, **({} if fine is None else {"fine": fine}))


Ids = list[Annotated[int, Query(ge=1, le=LARGEST_ID)]]
Several = Annotated[list[Words], Query(max_length=50, description="Only of any of these; may be given more than once.")]


def asked(
    request: Request,
    since: Annotated[Moment | None, Query(description="From when; left out: 7 days before `until`.")] = None,
    until: Annotated[Moment | None, Query(description="Up to when; left out: up to what is known.")] = None,
    compare: Annotated[
        Compared, Query(description="With which window: before is the one that ends where this begins.")
    ] = Compared.BEFORE,
    zone: Annotated[Words, Query(description="Whose days and hours.", examples=["Europe/Berlin"])] = "UTC",
    server_id: Annotated[Ids, Query(max_length=100, description="Only of these servers.")] = [],  # noqa: B006
    channel_id: Annotated[Ids, Query(max_length=100, description="Only of these channels.")] = [],  # noqa: B006
    role: Annotated[list[Role], Query(max_length=2, description="Only of these roles.")] = [],  # noqa: B006
    kind: Annotated[list[Kind], Query(max_length=10, description="Only of these kinds.")] = [],  # noqa: B006
    region: Several = [],  # noqa: B006
    provider: Several = [],  # noqa: B006
    tag: Several = [],  # noqa: B006
    written: Annotated[
        Format | None, Query(alias="format", description="csv, as the header Accept: text/csv asks for, too.")
    ] = None,
) -> Asked:
    """The question that all of /analytics have. Raises Problem 422."""
    if zone not in available_timezones():
        raise Problem(422, "A parameter is wrong", faults={"query.zone": "want a time zone such as Europe/Berlin"})
    last = history.newest(engines.shared(), utc_now(), FIVE_MINUTES)
    end = min(until or last, last)
    start = since if since is not None else end - min(USUAL, end - datetime.min.replace(tzinfo=end.tzinfo))
    if start >= end:
        raise Problem(422, "A parameter is wrong", faults={"query.since": "want a time before `until` and before now"})
    if end - start > LONGEST or start.year < 2000:
        wanted = f"want at most {LONGEST.days:,} days, after the year 2000"
        raise Problem(422, "That is too much at once", faults={"query.since": wanted})
    only = Only(
        servers=tuple(server_id),
        channels=tuple(channel_id),
        role=tuple(each.value for each in role),
        kind=tuple(each.value for each in kind),
        region=tuple(region),
        provider=tuple(provider),
        tag=tuple(tag),
    )
    is_csv = written is Format.CSV or (written is None and "text/csv" in request.headers.get("accept", ""))
    return Asked(start, end, only, ZoneInfo(zone), compare, is_csv)


Question = Annotated[Asked, Depends(asked)]
FlowOf = Annotated[Flow, Query(description="Which bytes: to viewers, out, in, to own servers, from origins.")]
Grouped = Annotated[By, Query(description="What the figures are told apart by.")]
Most = Annotated[int, Query(ge=1, le=50, description="So many series at most; the rest is one more.")]


@router.get("/traffic", responses=ANSWERS, response_model=shapes.TrafficAnswer)
def traffic(
    _by: Reader, question: Question, flow: FlowOf = Flow.DELIVERED, by: Grouped = By.TOTAL, most: Most = 10
) -> Any:
    """Bandwidth of anything by anything. The series add up to the total in every step."""
    engine, only = engines.shared(), question.only
    over, before = question.steps(by), question.before(by)
    found = _known(lambda: history.traffic(engine, over, flow=flow, by=by, only=only, most=most))
    if question.is_csv:
        columns = [
            Column("at", "Time"),
            Column("name", "Name"),
            Column("bytes", "Bytes"),
            Column("bps", "Rate", "bit/s"),
        ]
        return _csv(found, columns, question)
    now, then = (history.totals(engine, each, flow=flow, by=by, only=only) for each in (over, before))
    grown = {(row["id"], row["name"]): row for row in records(history.growth(now, then))}
    series = []
    for (id_, name), values in _series(found, over, "bps").items():
        is_rest = id_ == history.OTHER
        told: dict[str, Any] = {} if is_rest else grown.get((id_, name), {})
        series.append(
            shapes.TrafficSeries(
                id=id_ if id_ > 0 else None,
                name=name,
                is_rest=is_rest,
                bytes=_sum(found, id_, name) if is_rest else told.get("bytes"),
                before_bytes=told.get("before"),
                bps=values,
            )
        )
    seen = records(history.coverage(engine, over, only))[0]["seen"]
    return shapes.TrafficAnswer(
        **_stepped(over), flow=flow, by=by, seen=seen, before_since=before.start, before_until=before.end, series=series
    )


@router.get("/peaks", responses=ANSWERS, response_model=shapes.PeaksAnswer)
def peaks(_by: Reader, question: Question, flow: FlowOf = Flow.DELIVERED, by: Grouped = By.TOTAL) -> Any:
    """The largest rate of each group, in five minutes where the window is at most 100 days and they are kept."""
    fine = FINE_PEAKS if question.until - question.since <= FINE_PEAKS else None
    over = question.steps(by, fine)
    found = _known(lambda: history.peaks(engines.shared(), over, flow=flow, by=by, only=question.only))
    if question.is_csv:
        return _csv(found, [Column("name", "Name"), Column("at", "Time"), Column("bps", "Rate", "bit/s")], question)
    told = [shapes.Peak(**{**row, "id": row["id"] or None}) for row in records(found)]
    return shapes.PeaksAnswer(**_window(over), flow=flow, by=by, peaks=told)


@router.get("/busiest", responses=ANSWERS, response_model=shapes.BusiestAnswer)
def busiest(_by: Reader, question: Question, flow: FlowOf = Flow.DELIVERED) -> Any:
    """The hours of the week in `zone`, of all together: mean and most."""
    whole = in_whole_hours(question.since, question.until, question.zone)
    over = question.steps(By.TOTAL, timedelta(0) if whole else FINE_PEAKS)
    found = _known(lambda: history.hours(engines.shared(), over, flow=flow, only=question.only))
    hours = week.busiest(found, over, question.zone)
    if question.is_csv:
        columns = [Column("weekday", "Weekday, 0 is Monday"), Column("hour", "Hour"), Column("hours", "Hours known")]
        rates = [Column("mean_bps", "Mean", "bit/s"), Column("peak_bps", "Most", "bit/s")]
        return _csv(hours, [*columns, *rates], question)
    told = [shapes.BusyHour(**row) for row in records(hours)]
    return shapes.BusiestAnswer(**_window(over), flow=flow, zone=question.zone.key, hours=told)


@router.get("/audience", responses=ANSWERS, response_model=shapes.AudienceAnswer)
def audience(_by: Reader, question: Question, by: Grouped = By.TOTAL, most: Most = 10) -> Any:
    """Viewers at once over time, and what was watched most, against the window compared with."""
    engine, only = engines.shared(), question.only
    over, before = question.steps(by), question.before(by)
    found = watched.viewers(engine, over, by=by, only=only, most=most)
    if question.is_csv:
        return _csv(found, [Column("at", "Time"), Column("name", "Name"), Column("viewers", "Viewers")], question)
    series = [
        shapes.ViewerSeries(id=id_ if id_ > 0 else None, name=name, is_rest=id_ == history.OTHER, viewers=values)
        for (id_, name), values in _series(found, over, "viewers").items()
    ]
    ranking = [
        shapes.Watched(**{**row, "id": row["id"] or None}, before_viewer_seconds=row.pop("before"))
        for row in records(watched.ranking(engine, over, before, by=by, only=only).head(500))
    ]
    return shapes.AudienceAnswer(
        **_stepped(over), by=by, before_since=before.start, before_until=before.end, series=series, ranking=ranking
    )


@router.get("/offload", responses=ANSWERS, response_model=shapes.OffloadAnswer)
def offload(_by: Reader, question: Question) -> Any:
    """How much of what viewers got the origins were spared, over time, by edge and by channel."""
    engine, only = engines.shared(), question.only
    over = question.steps(By.SERVER)
    found = spared.over_time(engine, over, only)
    if question.is_csv:
        columns = [Column("at", "Time"), Column("offload", "Offload", "0 to 1"), Column("hit_ratio", "Hits", "0 to 1")]
        return _csv(found, columns, question)
    series = [_series(found.assign(id=0, name=""), over, column) for column in ("offload", "hit_ratio")]
    unknown: list[float | None] = [None] * over.points
    edges = records(spared.by_edge(engine, over, only))
    return shapes.OffloadAnswer(
        **_stepped(over),
        offload=series[0].get((0, ""), unknown),
        hit_ratio=series[1].get((0, ""), unknown),
        edges=[shapes.EdgeOffload(**{name: row[name] for name in shapes.EdgeOffload.model_fields}) for row in edges],
        channels=[shapes.ChannelOffload(**row) for row in records(spared.by_channel(engine, over, only))],
        formulas=spared.FORMULAS,
    )


def _known(ask: Callable[[], Any]) -> Any:
    """What `ask` brings. Raises Problem 422 for what nobody counts."""
    try:
        return ask()
    except Unknowable as error:
        raise Problem(422, "Nobody counts that", faults={"query.flow": str(error)}) from None


def _window(over: Steps) -> dict[str, Any]:
    return {"since": over.start, "until": over.end, "bucket_seconds": over.bucket}


def _stepped(over: Steps) -> dict[str, Any]:
    return {**_window(over), "step_seconds": over.seconds, "at": over.times}


def _series(found: Any, over: Steps, column: str) -> dict[tuple[int, str], list[float | None]]:
    """One list of values, a step each, for every group in the order of the rows."""
    made: dict[tuple[int, str], list[float | None]] = {}
    for row in records(found[["id", "name", "at", column]]):
        values = made.setdefault((row["id"], row["name"]), [None] * over.points)
        values[round((row["at"] - over.start).total_seconds()) // over.seconds] = row[column]
    return made


def _sum(found: Any, id: int, name: str) -> int | None:
    sizes = [row["bytes"] for row in records(found) if (row["id"], row["name"]) == (id, name)]
    return sum(int(size) for size in sizes if size is not None) if any(size is not None for size in sizes) else None


def _csv(found: Any, columns: list[Column], question: Asked) -> Response:
    if "place" in found:
        found = found.assign(name=found["name"].where(found["place"] != history.OTHER, "(all others)"))
    return Response(export.csv(found, columns, question.zone.key), media_type="text/csv; charset=utf-8")
