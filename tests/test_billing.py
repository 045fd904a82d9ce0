"""Carriers' bills: exact to the byte, whatever the month, the zone, the direction and the gaps; and what an invoice
that differs is explained by."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from actions.contracts import add_contract, change_contract, retire_contract
from cdn import months
from cdn.errors import Changed, Forbidden, Unknown
from cdn.model import LOCAL_ADMIN, Actor, Invalid, Kind
from cdn.months import Month, Span
from db import audit, bill, bill_intervals, billing, contracts, invoice
from db.bill import Direction, Terms
from db.engine import reading
from db.frame import records
from tests.billed import Cell, contract, every, group, new_server, obvious, write

DIRECTIONS = tuple(Direction)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
OCTOBER = Month(2026, 10)
# month, zone, five minutes in it
MONTHS = [
    ("2026-11", "UTC", 8_640),
    ("2026-10", "UTC", 8_928),
    ("2026-02", "UTC", 8_064),
    ("2028-02", "UTC", 8_352),
    ("2026-03", "Europe/Berlin", 8_916),
    ("2026-10", "Europe/Berlin", 8_940),
    ("2026-03", "America/New_York", 8_916),
    ("2026-11", "America/New_York", 8_652),
    ("2026-04", "Australia/Lord_Howe", 8_646),
    ("2026-10", "Australia/Lord_Howe", 8_922),
    ("2026-11", "Asia/Kolkata", 8_640),
    ("2028-02", "Asia/Kolkata", 8_352),
    ("2026-10", "Asia/Kathmandu", 8_928),
    ("2026-02", "Asia/Kathmandu", 8_064),
    ("2026-04", "Africa/Cairo", 8_628),
    ("2026-10", "Africa/Cairo", 8_940),
    ("2026-09", "America/Santiago", 8_628),
    ("2026-04", "America/Santiago", 8_652),
    ("2026-03", "Asia/Beirut", 8_916),
    ("2026-12", "Pacific/Kiritimati", 8_928),
    ("2026-01", "Pacific/Pago_Pago", 8_928),
    ("2026-03", "Atlantic/Azores", 8_916),
    ("2026-10", "Atlantic/Azores", 8_940),
    ("2026-06", "Africa/Casablanca", 8_640),
]


def terms(**more: Any) -> Terms:
    usual: dict[str, Any] = {
        "direction": Direction.OUT,
        "percentile": 95.0,
        "commit_bps": 0,
        "price": Decimal("0.5"),
        "overage_price": None,
        "calibration": 1.0,
    }
    return Terms(**{**usual, **more})


def frame_of(cells: list[Cell]) -> pd.DataFrame:
    at = pd.date_range("2026-10-01", periods=len(cells), freq="5min", tz="UTC", unit="us")
    out, incoming = zip(*cells, strict=True) if cells else ((), ())
    return pd.DataFrame(
        {"at": at, "out_bytes": pd.array(out, dtype="Int64"), "in_bytes": pd.array(incoming, dtype="Int64")}
    )


def month_of(written: str, zone: str) -> Span:
    return months.span(months.read(written), ZoneInfo(zone))


def waves(at: list[datetime], seed: int) -> dict[datetime, Cell]:
    """Traffic that breathes with the day, with rare peaks, more out than in most of the time."""
    chance = random.Random(seed)  # noqa: S311 — the same traffic every time
    cells: dict[datetime, Cell] = {}
    for each in at:
        level = 1.2 + np.sin(each.timestamp() / 86_400 * 2 * np.pi)
        peak = 4 if chance.random() < 0.03 else 1
        out = int(level * peak * chance.uniform(0.9, 1.1) * 10**10)
        cells[each] = (out, int(out * chance.choice([0.1, 0.2, 1.5])))
    return cells


# ---- months


@pytest.mark.parametrize(("written", "zone", "intervals"), MONTHS)
def test_a_month_has_as_many_intervals_as_its_clocks_show(written: str, zone: str, intervals: int) -> None:
    span = month_of(written, zone)
    assert span.intervals == intervals
    wanted = months.read(written)
    for moment, inside in (
        (span.start, True),
        (span.start - timedelta(seconds=1), False),
        (span.end - timedelta(seconds=1), True),
        (span.end, False),
    ):
        assert (months.month_of(moment, ZoneInfo(zone)) == wanted) is inside


def test_months_of_every_zone_join_without_gap_or_overlap() -> None:
    for name in months.zones():
        zone, month = months.zone_of(name), Month(2025, 12)
        for _ in range(14):
            span, after = months.span(month, zone), months.span(month.shifted(1), zone)
            assert span.end == after.start, name
            assert span.start.timestamp() % 300 == 0
            month = month.shifted(1)


def test_a_month_of_a_contract_is_cut_to_its_days() -> None:
    zone = ZoneInfo("Europe/Berlin")
    cut = months.within(OCTOBER, zone, date(2026, 10, 25), date(2026, 10, 26))
    assert cut.intervals == (25 + 24) * 12  # the clocks go back on the 25th
    assert months.within(OCTOBER, zone, date(2026, 11, 1), None).intervals == 0
    assert months.within(OCTOBER, zone, date(2020, 1, 1), date(2026, 9, 30)).intervals == 0


@pytest.mark.parametrize("written", ["2026-13", "2026-00", "26-01", "2026-1", "", "1999-12", "2026-01-01", "x"])
def test_what_is_no_month_is_refused_with_what_was_wanted(written: str) -> None:
    with pytest.raises(ValueError, match="want a month like 2026-11"):
        months.read(written)


# ---- the value that bills


@pytest.mark.parametrize(
    ("intervals", "percentile", "free"),
    [(8_640, 95, 432), (8_928, 95, 446), (8_916, 95, 445), (8_640, 99.9, 8), (19, 95, 0), (20, 95, 1), (100, 100, 0)],
)
def test_so_many_intervals_are_free(intervals: int, percentile: float, free: int) -> None:
    assert bill.free_of(intervals, percentile) == free


amount = st.one_of(st.none(), st.integers(0, 40), st.integers(0, 2**55))


@settings(max_examples=300)
@given(st.lists(st.tuples(amount, amount), max_size=130), st.sampled_from(DIRECTIONS), st.integers(50, 100))
def test_whatever_went_the_bill_is_what_one_works_out_by_hand(
    cells: list[Cell], direction: Direction, percentile: int
) -> None:
    for as_zero in (False, True):
        found = bill.billed(
            frame_of(cells), terms(direction=direction, percentile=float(percentile)), missing_as_zero=as_zero
        )
        assert (found.bytes if found else None) == obvious(cells, direction, percentile, as_zero=as_zero)
        if found and found.at:
            # The intervals that are named have that value.
            start = datetime(2026, 10, 1, tzinfo=UTC)
            hit = {cells[(at - start) // timedelta(minutes=5)] for at in found.at}
            assert all(found.bytes in cell for cell in hit)


def test_a_shorter_peak_than_five_percent_costs_nothing_and_a_longer_one_all_of_it() -> None:
    calm: Cell = (10, 1)
    peak: Cell = (900, 1)
    for peaks, expected in ((432, 10), (433, 900)):
        found = bill.billed(frame_of([peak] * peaks + [calm] * (8_640 - peaks)), terms())
        assert found
        assert found.bytes == expected


def test_larger_of_each_sample_is_never_less_than_larger_direction() -> None:
    cells: list[Cell] = [(100, 1) if number % 2 else (1, 100) for number in range(200)]
    both: list[Cell] = [(97, 3), *([(100, 1)] * 6 + [(1, 100)] * 6 + [(1, 1)] * 188)]
    for each in (cells, both):
        per_sample, apart = (
            bill.billed(frame_of(each), terms(direction=way))
            for way in (Direction.LARGER_SAMPLE, Direction.LARGER_DIRECTION)
        )
        assert per_sample
        assert apart
        assert per_sample.bytes >= apart.bytes
    assert per_sample
    assert apart
    assert (per_sample.bytes, apart.bytes) == (100, 1)  # 12 + 1 of 201 are high, 6 or 7 of each direction


@given(st.integers(0, 10**13), st.integers(0, 10**12), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_cost_is_the_agreed_rate_and_what_is_beyond_it(bps: int, commit: int, price: int, more: int) -> None:
    priced = terms(commit_bps=commit, price=Decimal(price) / 10**4, overage_price=Decimal(more) / 10**4)
    exact = Fraction(commit, 10**6) * Fraction(price, 10**4) + Fraction(max(0, bps - commit), 10**6) * Fraction(
        more, 10**4
    )
    assert abs(Fraction(bill.cost(float(bps), priced)) - exact) <= Fraction(1, 200)


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=40), st.integers(0, 10**9))
def test_shares_of_a_cost_add_up_to_it_to_the_cent(amounts: list[int], cents: int) -> None:
    total = Decimal(cents) / 100
    found = bill.shares(pd.Series(amounts, dtype="Int64"), total)
    if sum(amounts):
        assert sum(found) == total
        for got, sent in zip(found, amounts, strict=True):
            assert abs(Fraction(got) - Fraction(total) * sent / sum(amounts)) < Fraction(1, 100)


# ---- out of the database


@pytest.mark.parametrize(("place", "written", "zone", "intervals"), [(n, *each) for n, each in enumerate(MONTHS)])
def test_made_up_months_are_billed_exactly(engine: Engine, place: int, written: str, zone: str, intervals: int) -> None:
    span = month_of(written, zone)
    around = every(span.start - timedelta(days=1), span.end + timedelta(days=1))
    first, second = waves(around, place), waves(around, place + 100)
    # A day that the first was not seen, half a day that nobody was; and far more traffic just outside of the month.
    gap = set(around[2_000:2_288])
    blind = set(around[2_000:2_144])
    outside = {at: (10**13, 10**13) for at in around if not span.start <= at < span.end}
    one, two = new_server(engine), new_server(engine)
    write(engine, one, {at: cell for at, cell in {**first, **outside}.items() if at not in gap})
    write(engine, two, {at: cell for at, cell in second.items() if at not in blind})
    group(engine, span.start - timedelta(days=1), span.end + timedelta(days=1))
    cells: list[Cell] = []
    for at in every(span.start, span.end):
        seen = [each[at] for each, unseen in ((first, gap), (second, blind)) if at not in unseen]
        cells.append((sum(out or 0 for out, _ in seen), sum(into or 0 for _, into in seen)) if seen else (None, None))
    for direction in DIRECTIONS:
        agreed = contract(engine, direction=direction.value, zone=zone, calibration=1.03, price="0.32")
        found = billing.month(engine, agreed, months.read(written), LATER)
        assert len(found.intervals) == intervals
        assert found.is_over
        assert found.billed
        assert found.as_zero
        assert found.billed.bytes == obvious(cells, direction)
        assert found.as_zero.bytes == obvious(cells, direction, as_zero=True)
        assert found.billed.bps == found.billed.bytes * 8 / 300 * 1.03
        assert found.missing == 144
        assert found.coverage == pytest.approx(1 - (144 + 288) / 2 / intervals)
        assert found.cost == bill.cost(found.billed.bps, agreed.draft.terms)
        assert sum(found.servers["cost"]) == found.cost
        assert found.servers["share"].sum() == pytest.approx(1)
        assert found.projection is None


def test_the_database_finds_the_same_percentile(engine: Engine) -> None:
    span = month_of("2026-10", "Asia/Kathmandu")
    server = new_server(engine)
    write(engine, server, waves(every(span.start, span.end), 7))
    found = billing.month(
        engine, contract(engine, servers=[name_of(engine, server)], zone="Asia/Kathmandu"), OCTOBER, LATER
    )
    with engine.connect() as connection:
        asked = text(
            "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY egress_bytes) FROM traffic_5m"
            " WHERE at >= :start AND at < :end"
        )
        expected = connection.scalar(asked, {"start": span.start, "end": span.end})
    assert found.billed
    assert found.billed.bytes == expected
    assert found.billed.rank == 447


def name_of(engine: Engine, server_id: int) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("SELECT name FROM server WHERE id = :id"), {"id": server_id}))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_sums_of_groups_bill_what_the_servers_themselves_do(engine: Engine, data: st.DataObject) -> None:
    with engine.begin() as connection:
        for table in ("traffic_5m", "traffic_1h", "group_5m", "sum_5m"):
            connection.execute(text(f"DELETE FROM {table}"))
    span = Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 1, 4, tzinfo=UTC))
    at = every(span.start, span.end)
    provider = f"carrier {data.draw(st.integers())}"
    for number in range(data.draw(st.integers(1, 4))):
        server = new_server(engine, data.draw(st.sampled_from([provider, "another"])), region=str(number % 2))
        cells = data.draw(st.dictionaries(st.sampled_from(at), st.tuples(amount, amount), min_size=1, max_size=48))
        write(engine, server, cells)
    group(engine, span.start, span.end)
    agreed = contract(engine, provider=provider)
    with reading(engine) as connection:
        of_groups = bill_intervals.intervals(connection, agreed, span)
        of_servers = bill_intervals.intervals(connection, agreed, span, by_server=True)
    pd.testing.assert_frame_equal(of_groups, of_servers)


def test_a_contract_that_names_servers_bills_no_others_and_one_of_a_provider_all_of_its(engine: Engine) -> None:
    span = month_of("2026-10", "UTC")
    at = every(span.start, span.end)
    ids = [new_server(engine, name="named"), new_server(engine), new_server(engine, "Telvia")]
    for number, server in enumerate(ids):
        write(engine, server, dict.fromkeys(at, (10 ** (number + 3), 1)))
    group(engine, span.start, span.end)
    with engine.begin() as connection:
        connection.execute(text("UPDATE server SET retired_at = :at WHERE id = :id"), {"at": LATER, "id": ids[1]})
    expected = {"named": 1_000, "all": 11_000, "other": 100_000}
    asked: dict[str, dict[str, Any]] = {"named": {"servers": ["named"]}, "all": {}, "other": {"provider": "Telvia"}}
    for name, fields in asked.items():
        found = billing.month(engine, contract(engine, **fields), OCTOBER, LATER)
        assert found.billed
        assert found.billed.bytes == expected[name]


def test_servers_whose_bytes_nobody_counts_are_named(engine: Engine) -> None:
    span = month_of("2026-10", "UTC")
    at = every(span.start, span.end)
    write(engine, new_server(engine, name="edge-a"), dict.fromkeys(at, (500, 5)))
    write(engine, new_server(engine, name="edge-b", kind=Kind.NGINX), dict.fromkeys(at, (None, None)))
    group(engine, span.start, span.end)
    found = billing.month(engine, contract(engine), OCTOBER, LATER)
    assert found.uncounted == ["edge-b"]
    assert list(found.servers["name"]) == ["edge-a", "edge-b"]
    assert list(found.servers["cost"]) == [found.cost, Decimal(0)]


def test_a_midnight_server_costs_nothing_whatever_it_sends(engine: Engine) -> None:
    span = month_of("2026-10", "UTC")
    at = every(span.start, span.end)
    write(
        engine, new_server(engine, name="evening"), {each: (8 * 10**9 if each.hour >= 18 else 10**9, 1) for each in at}
    )
    # Sixty-two intervals a month of a hundred times as much: not five per cent of them.
    night = {each: (8 * 10**11, 1) if each.hour == 3 and each.minute < 10 else (0, 0) for each in at}
    write(engine, new_server(engine, name="night"), night)
    group(engine, span.start, span.end)
    found = billing.month(engine, contract(engine), OCTOBER, LATER)
    assert dict(zip(found.servers["name"], found.servers["share"], strict=True)) == {"evening": 1.0, "night": 0.0}
    assert found.servers["cost"].iloc[0] == found.cost > 0


def test_a_contract_that_begins_within_a_month_bills_its_days_and_their_share(engine: Engine) -> None:
    span = month_of("2026-10", "Europe/Berlin")
    server = new_server(engine)
    zone = ZoneInfo("Europe/Berlin")
    cells: dict[datetime, Cell] = {
        at: (10**10 if at.astimezone(zone).day < 22 else 10**8, 0) for at in every(span.start, span.end)
    }
    write(engine, server, cells)
    group(engine, span.start, span.end)
    agreed = contract(engine, starts_on="2026-10-22", zone="Europe/Berlin", commit="100 Mbit/s", price="2")
    found = billing.month(engine, agreed, OCTOBER, LATER)
    assert found.billed
    assert found.billed.bytes == 10**8
    assert len(found.intervals) == 10 * 288 + 12
    assert found.share == Fraction(10 * 288 + 12, 8_940)
    assert found.cost == bill.cost(1e8, agreed.draft.terms, found.share) == Decimal("64.70")
    before = billing.month(engine, agreed, Month(2026, 9), LATER)
    assert before.billed is None
    assert before.cost == 0
    assert before.intervals.empty


def test_a_month_of_which_nothing_is_known_says_so(engine: Engine) -> None:
    agreed = contract(engine, commit="1 Gbit/s", price="1")
    found = billing.month(engine, agreed, OCTOBER, LATER)
    assert found.billed is None
    assert found.coverage is None
    assert found.missing == 8_928
    assert found.cost == Decimal(1_000)  # what is agreed is paid in any case


# ---- so far


def test_the_month_so_far_ends_with_the_last_five_minutes_that_are_over(engine: Engine) -> None:
    start, now = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, 12, 7, 10, tzinfo=UTC)
    server = new_server(engine)
    write(engine, server, dict.fromkeys(every(start, datetime(2026, 11, 3, 12, tzinfo=UTC)), (300, 0)))
    group(engine, start, now)
    found = billing.month(engine, contract(engine), Month(2026, 11), now)
    assert found.until == datetime(2026, 11, 3, 12, tzinfo=UTC)  # 12:00 is over, but not rolled up
    assert found.missing == 0
    later = billing.month(engine, contract(engine), Month(2026, 11), now + timedelta(hours=1))
    assert later.missing == 11  # an hour is no delay any more, its last minutes may be
    assert not found.is_over


def test_free_peak_time_is_what_the_month_allows_less_what_was_used(engine: Engine) -> None:
    start, now = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 11, 0, 1, tzinfo=UTC)
    server = new_server(engine)
    cells: dict[datetime, Cell] = dict.fromkeys(every(start, now), (3_000_000_000, 0))
    high = 5_000_000_000  # bytes in five minutes: 133 Mbit/s
    cells |= dict.fromkeys(every(start, start + timedelta(hours=9)), (high, 0))
    write(engine, server, cells)
    group(engine, start, now)
    found = billing.month(engine, contract(engine, commit="100 Mbit/s", overage_price="2"), Month(2026, 11), now)
    assert found.peak.allowed == timedelta(hours=36)
    assert found.peak.used == timedelta(hours=9)
    assert found.peak.left == timedelta(hours=27)
    assert found.billed
    assert found.billed.bps == 80e6
    assert found.cost == Decimal("50.00")
    assert int(found.intervals["above"].sum()) == 108
    assert int(found.intervals["free"].sum()) == found.billed.free


def weekly(at: datetime, zone: ZoneInfo) -> int:
    """Traffic of a week that is like every other: evenings are high, those of Saturday higher."""
    local = at.astimezone(zone)
    level = 4 + 3 * np.sin((local.hour * 60 + local.minute - 840) / 1_440 * 2 * np.pi)
    if local.weekday() == 5 and local.hour >= 20:
        level *= 1.5
    return int(level * 10**9)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
@pytest.mark.parametrize("day", [4, 12, 24])
def test_a_month_like_those_before_is_foreseen_exactly(engine: Engine, zone: str, day: int) -> None:
    own = ZoneInfo(zone)
    span = month_of("2026-10", zone)
    at = every(span.start - timedelta(days=30), span.end)
    cells: dict[datetime, Cell] = {each: (weekly(each, own), 0) for each in at}
    write(engine, new_server(engine), cells)
    group(engine, at[0], span.end)
    agreed = contract(engine, zone=zone, commit="150 Mbit/s")
    now = span.start + timedelta(days=day, seconds=40)
    found = billing.month(engine, agreed, OCTOBER, now)
    truth = billing.month(engine, agreed, OCTOBER, LATER)
    assert truth.billed
    assert found.projection
    assert found.projection.bps == pytest.approx(truth.billed.bps, rel=1e-9)
    assert found.projection.low_bps <= found.projection.bps <= found.projection.high_bps
    again = billing.month(engine, agreed, OCTOBER, now)
    assert again.projection == found.projection
    assert found.expected_cost == bill.cost(found.projection.bps, agreed.draft.terms)
    # When free peak time will be used up is foreseen as well.
    used = truth.intervals["at"][truth.intervals["above"]]
    free = bill.free_of(len(truth.intervals), 95)
    if len(used) > free and used.iloc[free] <= now:
        assert found.projection.used_up_at is None
        assert found.peak.left == timedelta()
    elif len(used) > free:
        assert found.projection.used_up_at == used.iloc[free].to_pydatetime()
    else:
        assert found.projection.used_up_at is None


def test_months_of_chance_are_foreseen_within_bounds_that_mean_something(engine: Engine) -> None:
    chance = random.Random(3)  # noqa: S311 — the same traffic every time
    span = Span(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    at = every(span.start, span.end)
    day: dict[date, float] = {}
    cells: dict[datetime, Cell] = {}
    for each in at:
        factor = day.setdefault(each.date(), chance.uniform(0.85, 1.15))
        cells[each] = (int(weekly(each, ZoneInfo("UTC")) * factor * chance.uniform(0.95, 1.05)), 0)
    write(engine, new_server(engine), cells)
    group(engine, span.start, span.end)
    agreed = contract(engine)
    errors = []
    for month in range(6, 11):
        truth = billing.month(engine, agreed, Month(2026, month), LATER)
        assert truth.billed
        for past in (3, 15, 25):
            found = billing.month(engine, agreed, Month(2026, month), truth.over.start + timedelta(days=past))
            assert found.projection
            errors.append(abs(found.projection.bps / truth.billed.bps - 1))
    assert float(np.mean(errors)) < 0.02
    assert max(errors) < 0.06


def test_without_a_past_nothing_is_foreseen(engine: Engine) -> None:
    start, now = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)
    write(engine, new_server(engine), dict.fromkeys(every(start, now), (300, 0)))
    group(engine, start, now)
    found = billing.month(engine, contract(engine), Month(2026, 11), now)
    assert found.projection is None
    assert found.expected_cost is None
    assert found.billed


# ---- the carrier's invoice


@pytest.fixture
def busy(engine: Engine) -> Engine:
    """Three months of two servers, with a blind day in October."""
    span = Span(datetime(2026, 8, 31, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC))
    at = every(span.start, span.end)
    blind = {each for each in at if datetime(2026, 10, 9, tzinfo=UTC) <= each < datetime(2026, 10, 12, tzinfo=UTC)}
    for seed in (1, 2):
        grown = {
            each: (int((cell[0] or 0) * (1 + number / len(at))), cell[1])
            for number, (each, cell) in enumerate(waves(at, seed).items())
            if each not in blind
        }
        write(engine, new_server(engine, name=f"edge-{seed}"), grown)
    group(engine, span.start, span.end)
    return engine


def bill_of(engine: Engine, month: Month = OCTOBER, **fields: Any) -> float:
    found = billing.month(engine, contract(engine, **fields), month, LATER).billed
    assert found
    return found.bps


CAUSES: list[tuple[str, dict[str, Any], str]] = [
    ("zone", {"zone": "America/Los_Angeles"}, "the month is that of America/Los_Angeles"),
    ("zone utc", {"zone": "UTC"}, "the month is that of UTC"),
    ("direction", {"direction": "larger_sample"}, "the larger of out and in counts in each interval"),
    ("in alone", {"direction": "in"}, "traffic in alone counts"),
    ("percentile", {"percentile": 98}, "the 98th value counts"),
]


@pytest.mark.parametrize(("name", "fields", "words"), CAUSES, ids=[each[0] for each in CAUSES])
def test_an_invoice_made_by_other_rules_is_explained_by_them(
    busy: Engine, name: str, fields: dict[str, Any], words: str
) -> None:
    invoiced = bill_of(busy, **{"zone": "Europe/Berlin", **fields})
    found = invoice.check_invoice(busy, contract(busy, zone="Europe/Berlin"), OCTOBER, invoiced)
    first = [each for each in found.explanations if each.explains and len(each.words) == 1]
    assert words in [each.words[0] for each in first], [each.words for each in found.explanations]
    exact = next(each for each in first if each.words == (words,))
    assert exact.bps == pytest.approx(invoiced, rel=1e-12)
    # It says when that was.
    assert exact.at


def test_other_known_causes_of_a_difference_are_found(busy: Engine) -> None:
    agreed = contract(busy, zone="Europe/Berlin")
    truth = billing.month(busy, agreed, OCTOBER, LATER)
    assert truth.billed
    assert truth.as_zero
    amounts = truth.intervals["bps"].dropna().to_numpy()
    with reading(busy) as connection:
        each = bill_intervals.each_percentile(connection, agreed, truth.over, Direction.OUT, 95)["bytes"]
    causes = {
        "intervals nobody saw count as 0": truth.as_zero.bps,
        "the bill is of September 2026": bill_of(busy, Month(2026, 9), zone="Europe/Berlin"),
        "the value lies between two intervals (interpolated)": float(np.quantile(amounts, 0.95)),
        "each server is billed by itself, and the values are added": float(each.sum()) * 8 / 300,
        "1 Mbit/s is 1,048,576 bit/s": truth.billed.bps / 1.048576,
        "1 Gbit/s is 1,073,741,824 bit/s": truth.billed.bps / 1.073741824,
        "the highest interval bills": float(amounts.max()),
        "the mean of the month bills": float(amounts.mean()),
    }
    for words, invoiced in causes.items():
        found = invoice.check_invoice(busy, agreed, OCTOBER, invoiced)
        alone = {one.words[0]: one for one in found.explanations if len(one.words) == 1}
        assert words in alone, (words, [one.words for one in found.explanations])
        assert alone[words].bps == pytest.approx(invoiced, rel=1e-9)
        assert found.explanations[0].explains


def test_two_causes_at_once_are_found_where_none_alone_explains(busy: Engine) -> None:
    invoiced = bill_of(busy, zone="America/Los_Angeles", direction="in") / 1.048576
    agreed = contract(busy, zone="America/Los_Angeles")
    found = invoice.check_invoice(busy, agreed, OCTOBER, invoiced)
    assert found.explanations[0].explains
    assert set(found.explanations[0].words) == {"traffic in alone counts", "1 Mbit/s is 1,048,576 bit/s"}


def test_an_invoice_for_the_wire_is_told_by_its_factor(busy: Engine) -> None:
    agreed = contract(busy, calibration=1.02)
    truth = billing.month(busy, agreed, OCTOBER, LATER)
    assert truth.billed
    found = invoice.check_invoice(busy, agreed, OCTOBER, truth.billed.bps / 1.02 * 1.057)
    assert found.factor == pytest.approx(1.057)
    assert found.is_overhead
    bare = invoice.check_invoice(busy, agreed, OCTOBER, truth.billed.bps / 1.02)
    assert ("bytes are not calibrated",) in [each.words for each in bare.explanations if each.explains]
    assert not bare.is_overhead


def test_an_invoice_that_is_right_needs_no_explanation(busy: Engine) -> None:
    agreed = contract(busy, zone="Asia/Kathmandu")
    truth = billing.month(busy, agreed, OCTOBER, LATER)
    assert truth.billed
    found = invoice.check_invoice(busy, agreed, OCTOBER, truth.billed.bps * 1.0001)
    assert found.agrees
    assert found.nearest["at"].iloc[0].to_pydatetime() in truth.billed.at
    assert found.nearest["rank"].iloc[0] == truth.billed.rank


def test_an_invoice_for_a_month_nobody_saw_has_no_explanation(engine: Engine) -> None:
    found = invoice.check_invoice(engine, contract(engine), OCTOBER, 1e9)
    assert found.ours_bps is None
    assert found.off is None
    assert found.explanations == ()
    assert found.nearest.empty


# ---- contracts


WHOLE = {
    "name": "Nordlink 80G",
    "provider": "Nordlink",
    "direction": "larger_direction",
    "percentile": "95",
    "commit": "80 Gbit/s",
    "price": "0.32",
    "overage_price": "0,4",
    "currency": "eur",
    "zone": "Europe/Oslo",
    "calibration": "1.04",
    "starts_on": "2026-01-01",
    "ends_on": "2027-12-31",
}


def test_a_contract_is_stored_as_it_was_typed_and_audited(engine: Engine) -> None:
    number = add_contract(engine, WHOLE, by=LOCAL_ADMIN)
    draft = contracts.stored(engine, number).draft
    assert draft.commit_bps == 80_000_000_000
    assert (draft.price, draft.overage_price, draft.currency) == (Decimal("0.32"), Decimal("0.4"), "EUR")
    assert (draft.zone, draft.calibration, draft.direction) == ("Europe/Oslo", 1.04, Direction.LARGER_DIRECTION)
    assert (draft.starts_on, draft.ends_on) == (date(2026, 1, 1), date(2027, 12, 31))
    told = records(audit.trail(engine))[0]
    assert (told["action"], told["subject"]) == ("contract.add", "Nordlink 80G")
    assert told["after"]["price"] == "0.32"


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("name", "", "missing"),
        ("name", "a\x00b", "printable"),
        ("provider", "", "the servers that it bills"),
        ("direction", "both", "out, in, larger_sample, larger_direction"),
        ("percentile", "0", "50 to 100"),
        ("percentile", "nan", "50 to 100"),
        ("commit", "a lot", "80 Gbit/s"),
        ("commit", -1, "80 Gbit/s"),
        ("commit", "9999 Tbit/s", "1,000 Tbit/s"),
        ("price", "free", "per Mbit/s and month"),
        ("price", "-1", "per Mbit/s and month"),
        ("price", "NaN", "per Mbit/s and month"),
        ("price", "0.0000001", "six decimals"),
        ("price", "", "missing"),
        ("overage_price", "1e30", "per Mbit/s and month"),
        ("currency", "Euro", "three letters"),
        ("zone", "Mars/Base", "Europe/Berlin"),
        ("zone", "../etc/passwd", "Europe/Berlin"),
        ("calibration", "10", "0.5 and 2"),
        ("starts_on", "1.1.2026", "2026-11-01"),
        ("starts_on", "", "missing"),
        ("starts_on", "0001-01-01", "2000"),
        ("ends_on", "2025-12-31", "before it begins"),
        ("servers", ["edge-9"], "no server called edge-9"),
        ("colour", "red", "no such field"),
    ],
)
def test_a_wrong_field_is_told_with_what_was_wanted(engine: Engine, field: str, value: Any, wanted: str) -> None:
    with pytest.raises(Invalid) as told:
        add_contract(engine, {**WHOLE, field: value}, by=LOCAL_ADMIN)
    assert wanted in told.value.faults[field]
    assert list(told.value.faults) == [field]
    assert contracts.contracts(engine) == []


def test_all_wrong_fields_are_told_at_once(engine: Engine) -> None:
    with pytest.raises(Invalid) as told:
        add_contract(engine, {"zone": "x", "percentile": True, "price": "x"}, by=LOCAL_ADMIN)
    assert set(told.value.faults) == {"name", "zone", "percentile", "price", "starts_on", "provider"}


def test_a_change_counts_once_and_a_later_one_from_an_old_version_is_refused(engine: Engine) -> None:
    new_server(engine, name="edge-a")
    number = add_contract(engine, WHOLE, by=LOCAL_ADMIN)
    before = contracts.stored(engine, number)
    change_contract(engine, number, before.version, {**WHOLE, "servers": "edge-a", "price": "0.3"}, by=LOCAL_ADMIN)
    after = contracts.stored(engine, number)
    assert after.version == before.version + 1
    assert after.draft.servers == ("edge-a",)
    told = records(audit.trail(engine))[0]
    assert (told["before"], told["after"]) == (
        {"price": "0.32", "servers": []},
        {"price": "0.3", "servers": ["edge-a"]},
    )
    with pytest.raises(Changed):
        change_contract(engine, number, before.version, WHOLE, by=LOCAL_ADMIN)
    change_contract(engine, number, after.version, {**WHOLE, "price": "0.3"}, by=LOCAL_ADMIN)
    assert contracts.stored(engine, number).version == after.version + 1
    assert contracts.stored(engine, number).server_ids == ()


def test_a_server_that_was_retired_since_stays_in_its_contract(engine: Engine) -> None:
    server = new_server(engine, name="edge-a")
    number = add_contract(engine, {**WHOLE, "servers": ["edge-a"]}, by=LOCAL_ADMIN)
    with engine.begin() as connection:
        connection.execute(text("UPDATE server SET retired_at = now()"))
    change_contract(engine, number, 1, {**WHOLE, "servers": ["edge-a"], "price": "1"}, by=LOCAL_ADMIN)
    assert contracts.stored(engine, number).server_ids == (server,)


def test_a_retired_contract_leaves_the_list_and_its_name_and_keeps_its_bills(engine: Engine) -> None:
    number = add_contract(engine, WHOLE, by=LOCAL_ADMIN)
    with pytest.raises(Invalid) as told:
        add_contract(engine, WHOLE, by=LOCAL_ADMIN)
    assert "already" in told.value.faults["name"]
    retire_contract(engine, number, by=LOCAL_ADMIN, now=LATER)
    assert contracts.contracts(engine) == []
    assert contracts.stored(engine, number).retired_at == LATER
    assert add_contract(engine, WHOLE, by=LOCAL_ADMIN) != number
    with pytest.raises(Unknown):
        retire_contract(engine, number, by=LOCAL_ADMIN, now=LATER)


@pytest.mark.parametrize("role", ["viewer", "operator", ""])
def test_contracts_are_an_admins(engine: Engine, role: str) -> None:
    somebody = Actor("vi", role, "password", "")
    number = add_contract(engine, WHOLE, by=LOCAL_ADMIN)
    for deed in (
        lambda: add_contract(engine, {**WHOLE, "name": "x"}, by=somebody),
        lambda: change_contract(engine, number, 1, WHOLE, by=somebody),
        lambda: retire_contract(engine, number, by=somebody, now=LATER),
    ):
        with pytest.raises(Forbidden):
            deed()
    assert [each.version for each in contracts.contracts(engine)] == [1]
