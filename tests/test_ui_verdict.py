"""The first line of the overview: true, short, and about what matters most."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pandas as pd
import pytest

from cdn.health import State
from cdn.model import Reason
from tests import fake_live
from ui import overview, verdict
from ui.headline import Headline
from ui.numbers import MEGABIT
from ui.status import LOOKS, ORDER

NOW = datetime(2026, 11, 24, 20, 4, 30, tzinfo=UTC)


def words(markup: str) -> str:
    """What a person reads."""
    return unescape(re.sub(r"<[^>]*>", "", markup))


def fleet(**states: str) -> pd.DataFrame:
    """A calm fleet in which some servers are in another state; names have _ for -."""
    found = fake_live.fleet("calm", NOW)
    for name, state in states.items():
        mine = found["name"] == name.replace("_", "-")
        assert mine.any()
        found.loc[mine, "state"] = state
        if state == State.DOWN:
            found.loc[mine, "state_since"] = pd.Timestamp(NOW - timedelta(minutes=12))
            found.loc[mine, "reason"] = Reason.TIMED_OUT.value
        if state == State.NO_DATA:
            found.loc[mine, "at"] = pd.Timestamp(NOW - timedelta(minutes=20))
    return found


def said(found: pd.DataFrame) -> tuple[str, str, str]:
    """Tone, first and second line."""
    line = verdict.verdict(found, fake_live.summary("calm", NOW), NOW, UTC)
    return line.tone, words(line.title), words(line.below)


def test_calm() -> None:
    tone, title, below = said(fleet())
    assert (tone, title) == ("ok", "Everything is fine")
    assert below == "20 servers work, 14 streams are on air."


def test_one_server_down_is_named_with_its_viewers_and_since_when() -> None:
    found = fleet(edge_fra_1="down")
    found.loc[found["name"] == "edge-fra-1", "viewers"] = 1_234.0
    assert said(found) == ("bad", "edge-fra-1 is down", "1,234 viewers were on it. Since 19:52.")


@pytest.mark.parametrize(
    ("viewers", "below"),
    [
        (0.0, "No viewers were on it. Since 19:52."),
        (1.0, "1 viewer was on it. Since 19:52."),
        (float("nan"), "How many viewers were on it is not known. Since 19:52."),
    ],
)
def test_viewers_of_a_lost_server_are_counted_honestly(viewers: float, below: str) -> None:
    found = fleet(edge_fra_1="down")
    found.loc[found["name"] == "edge-fra-1", "viewers"] = viewers
    assert said(found)[2] == below


def test_an_origins_clients_are_no_viewers() -> None:
    assert "not known" in said(fleet(origin_1="down"))[2]


def test_two_problems_are_both_named() -> None:
    tone, title, below = said(fleet(edge_fra_1="down", edge_ams_1="down"))
    assert tone == "bad"
    assert title in ("2 problems: edge-fra-1 and edge-ams-1 are down", "2 problems: edge-ams-1 and edge-fra-1 are down")
    assert "The first since 19:52." in below


def test_down_is_told_before_no_data_and_warnings_after() -> None:
    tone, title, below = said(fleet(edge_fra_1="down", edge_ams_1="no_data", edge_sin_1="nearly_full"))
    assert (tone, title) == ("bad", "2 problems: edge-fra-1 is down, edge-ams-1 sends no data")
    assert below.endswith("The first since 19:44. 1 warning more.")


def test_many_problems_are_counted_and_not_named() -> None:
    found = fleet(edge_fra_1="down", edge_fra_2="down", edge_ams_1="down", edge_ams_2="no_data")
    assert said(found)[1] == "4 problems: 3 servers are down, edge-ams-2 sends no data"


def test_all_lost_at_once_points_at_the_network() -> None:
    found = fake_live.fleet("all_down", NOW)
    line = verdict.verdict(found, fake_live.summary("all_down", NOW), NOW, UTC)
    assert words(line.title) == "None of 20 servers answers"
    assert "network" in line.below


def test_paused_servers_are_not_counted_as_lost() -> None:
    found = fleet(edge_fra_1="paused", edge_ams_1="paused")
    assert said(found) == ("ok", "Everything is fine", "18 servers work, 14 streams are on air. 2 paused.")


def test_a_fleet_of_paused_servers_is_not_called_fine() -> None:
    found = fleet().assign(state=State.PAUSED.value)
    assert said(found)[:2] == ("planned", "All servers are paused")


def test_nearly_full_is_a_warning() -> None:
    assert said(fleet(edge_fra_1="nearly_full"))[:2] == ("warn", "edge-fra-1 is nearly full")
    found = fleet(edge_fra_1="nearly_full", edge_fra_2="nearly_full", edge_ams_1="nearly_full")
    assert said(found)[:2] == ("warn", "3 servers are nearly full")


def test_before_the_first_answer_nothing_is_called_fine() -> None:
    found = fake_live.fleet("waiting", NOW)
    tone, title, below = said(found)
    assert (tone, title) == ("planned", "Waiting for the first answers")
    assert below == "20 servers added; numbers appear after the first poll."


def test_one_new_server_among_others_is_no_alarm() -> None:
    assert said(fleet(edge_fra_1="waiting"))[2] == "19 servers work, 14 streams are on air. 1 not polled yet."


def test_streams_are_left_out_where_nobody_counts_them() -> None:
    summary = fake_live.summary("calm", NOW).assign(streams_on_air=float("nan"))
    line = verdict.verdict(fleet(), summary, NOW, UTC)
    assert words(line.below) == "20 servers work."
    one = verdict.verdict(fleet(), summary.assign(streams_on_air=1.0), NOW, UTC)
    assert words(one.below) == "20 servers work, 1 stream is on air."


def blind(**facts: Any) -> tuple[Headline, str]:
    silent = pd.Timestamp(NOW - timedelta(minutes=6))
    fresh = fake_live.freshness("blind", NOW).assign(newest_at=silent, last_heartbeat=silent)
    return verdict.blind(fresh.assign(**facts), NOW, UTC)


def test_blind_says_since_when_what_it_means_and_what_to_do() -> None:
    line, notice = blind()
    assert line.tone == "nodata"
    assert words(line.title) == "We are blind since 19:58"
    assert "6 min old" in words(line.below)
    assert "Last sign of life 19:58 (6 min ago) from collector-1" in words(notice)
    assert "Viewers are not affected by this. Start it again with python -m collector" in words(notice)


def test_blind_with_a_running_collector_points_at_its_log() -> None:
    _, notice = blind(collectors_alive=1)
    assert words(notice).startswith("collector-1 is running, but its polls do not arrive.")


def test_blind_before_any_poll() -> None:
    line, notice = blind(newest_at=pd.NaT, last_heartbeat=pd.NaT, last_collector=None, collectors_alive=0)
    assert words(line.title) == "We are blind"
    assert words(notice).startswith("No collector ever ran on this database.")


def test_cut_off_tells_how_old_the_numbers_are() -> None:
    line, notice = verdict.cut_off("connection refused.", NOW - timedelta(minutes=3), NOW, UTC)
    assert words(line.title) == "The database does not answer"
    assert "3 min old" in words(line.below)
    assert words(notice).endswith("We saw: connection refused.")
    assert words(verdict.cut_off("x", None, NOW, UTC)[0].below) == "The page tries again by itself."


def test_worst_comes_first_then_the_busiest() -> None:
    found = fleet(edge_fra_1="paused", edge_ams_1="nearly_full", edge_sin_1="down", edge_sin_2="no_data")
    found.loc[found["name"] == "edge-chi-1", "egress_bps"] = 1e12
    ordered = verdict.worst_first(found)
    assert list(ordered["name"].head(4)) == ["edge-sin-1", "edge-sin-2", "edge-ams-1", "edge-fra-1"]
    assert ordered["name"].iloc[4] == "edge-chi-1"
    assert list(verdict.needing_a_look(found)["name"]) == ["edge-sin-1", "edge-sin-2", "edge-ams-1"]
    assert set(ordered.columns) == set(found.columns)


def test_each_state_has_a_look_and_a_place() -> None:
    assert set(LOOKS) == set(ORDER) == {state.value for state in State}


def test_problems_say_what_is_known() -> None:
    found = fleet(edge_fra_1="down", edge_ams_1="no_data", edge_sin_1="nearly_full")
    found.loc[found["name"] == "edge-sin-1", ["egress_bps", "fullness"]] = [0.95 * 6.4e9, 0.95]
    down, silent, full = (verdict.problem(row, NOW, UTC) for row in verdict.needing_a_look(found).itertuples())
    assert (words(down.title), words(down.known)) == ("edge-fra-1 is down", "It does not answer in time")
    assert words(down.age).startswith("12 min ago")
    assert words(silent.title) == "edge-ams-1 sends no data"
    assert words(silent.age).startswith("20 min ago")
    assert words(full.known) == "95 % of its 6.4 Gbit/s is used"
    assert words(full.age) == "Region Asia"


def test_a_full_processor_is_told_from_a_full_link() -> None:
    found = fleet(edge_sin_1="nearly_full")
    found.loc[found["name"] == "edge-sin-1", ["egress_bps", "fullness"]] = [1e9, 0.97]
    (row,) = verdict.needing_a_look(found).itertuples()
    assert words(verdict.problem(row, NOW, UTC).known) == "Its processor core is 97 % busy"


def test_a_reason_nobody_knows_is_told_all_the_same() -> None:
    assert verdict.reason_words("new_in_a_later_version") == "it does not answer as it should"
    assert verdict.reason_words(None) == "it does not answer as it should"
    assert verdict.reason_words(Reason.TLS.value) == "its certificate or encryption does not work"


def cells_of(name: str, found: pd.DataFrame) -> list[str]:
    row = next(found[found["name"] == name].itertuples())
    return [str(cell) for cell in overview.cells(row, MEGABIT, NOW, UTC)]


def test_an_origins_viewers_are_unknown_until_its_clients_are_told_apart() -> None:
    found = fleet()
    assert re.fullmatch(r"[\d,]+", words(cells_of("origin-1", found)[5]))
    found.loc[found["name"] == "origin-1", "viewers"] = float("nan")
    assert "–" in cells_of("origin-1", found)[5]


def test_numbers_of_a_lost_server_are_dashes_that_remember() -> None:
    found = fleet(edge_fra_1="down")
    found.loc[found["name"] == "edge-fra-1", "viewers"] = 1_234.0
    assert re.search(r'title="last 1,234 at 20:04">–<', cells_of("edge-fra-1", found)[5])


def test_what_a_server_does_not_count_is_a_dash() -> None:
    assert 'title="not counted here">–<' in cells_of("edge-web-1", fleet())[4]


def test_sums_say_what_they_are_made_of() -> None:
    current = fake_live.summary("calm", NOW).loc["now"]
    assert overview.delivered_from(current) == "94 % of it without the origins; 3 edges report no traffic"
    assert overview.delivered_from(current * float("nan")) == "no server tells it"
    found = fleet()
    assert overview.counted_on(found) == "on 14 edges and 3 origins; 3 edges do not count them"
    assert overview.counted_on(found.head(0)) == "no server counts them"
    assert overview.missing_servers(fleet()) == "all answer"
    assert overview.missing_servers(fleet(edge_fra_1="down", edge_ams_1="paused")) == "1 down, 1 paused"


def test_regions_are_ordered_by_what_they_send_and_origins_are_last() -> None:
    rows = overview.regions(fleet())
    assert [row.name for row in rows] == ["Europe West", "North America", "Europe East", "Asia", "Origins"] or (
        rows[0].name == "Europe West" and rows[-1].name == "Origins"
    )
    assert sum(len(row.tiles) for row in rows) == 20
    assert rows[-1].note.startswith("3 of 3 up")
