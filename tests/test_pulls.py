"""Own servers among the clients of an origin: recognised by address, their bytes counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdn.model import ClientReading
from collector.own import known
from collector.pulls import MOST_STRANGERS, Clients, account, told_apart
from db.fleet import Place
from tests.readings import moment
from tests.scene import client

ORIGIN, FIRST, SECOND = 1, 2, 3
OWN = known(
    [
        Place(ORIGIN, True, False, (), "10.0.0.1"),
        Place(FIRST, False, True, ("10.1.0.0/24",), "10.0.0.2"),
        Place(SECOND, False, True, ("2001:db8::/64",), "10.0.0.3"),
    ],
    [(FIRST, ORIGIN)],
)


def apart(*clients: ClientReading) -> Clients:
    return told_apart(clients, OWN, ORIGIN)


def test_an_own_server_is_known_by_where_it_is_reached_and_by_its_networks() -> None:
    found = apart(
        client("a", "10.0.0.2"),
        client("b", "10.1.0.77", url="/live/movies"),
        client("c", "::ffff:10.0.0.3"),
        client("d", "2001:db8::7", url="/live/movies"),
        client("e", "198.51.100.7"),
    )
    assert found.pulls == {"/live/news": 2, "/live/movies": 2}
    assert found.links == {FIRST, SECOND}
    assert [stranger.address for stranger in found.strangers] == ["198.51.100.7"]


def test_a_server_pulls_a_stream_at_most_once_the_rest_behind_its_address_are_viewers() -> None:
    found = apart(client("viewer", "10.0.0.2", connected=5), client("pull", "10.0.0.2", connected=500))
    assert found.pulls == {"/live/news": 1}
    assert found.sent == {"pull": 0}


def test_publishers_and_other_players_are_no_pulls() -> None:
    found = apart(
        client("p", "10.0.0.2", kind="fmle-publish"), client("h", "10.0.0.2", kind="hls-play"), client("r", "10.0.0.3")
    )
    assert (found.pulls, found.publishers) == ({"/live/news": 1}, {"/live/news": 1})


def test_a_server_is_never_its_own_edge() -> None:
    assert apart(client("self", "10.0.0.1")).pulls == {}


def test_of_two_servers_behind_one_address_nobody_knows_which_one_pulls() -> None:
    own = known([Place(1, True, False, (), "127.0.0.1"), *(Place(n, False, False, (), "127.0.0.1") for n in (2, 3))])
    found = told_apart([client(str(number), "127.0.0.1") for number in range(4)], own, 1)
    assert found.pulls == {"/live/news": 2}
    assert found.links == frozenset()


def test_addresses_that_are_none_are_left_out_and_many_are_cut() -> None:
    strange = [client(str(number), f"198.51.{number % 100}.{number // 100}") for number in range(200)]
    found = apart(client("x", "<script>"), *strange, client("two", "198.51.7.0", url="/live/movies"))
    assert len(found.strangers) == MOST_STRANGERS
    assert found.strangers[0].streams == 2


def listed(**sent: int) -> Clients:
    return Clients({}, {}, frozenset(), sent, ())


def test_before_the_first_list_nobody_knows() -> None:
    assert account(None, 500, None, "1", moment(0)) == (None, None)


def test_what_was_estimated_is_settled_by_the_pulls_own_counters() -> None:
    given_, state = account(None, 0, listed(a=1_000), "1", moment(0))
    first, state = account(state, 300, None, "1", moment(15))
    second, state = account(state, 300, None, "1", moment(30))
    third, state = account(state, 300, listed(a=2_200), "1", moment(45))
    assert (given_, first, second, third) == (0, 300, 300, 600)
    assert state is not None
    assert (state.estimated, state.owed) == (0, 0)


def test_too_much_is_taken_off_what_comes_next_and_never_negative() -> None:
    _, state = account(None, 0, listed(a=0), "1", moment(0))
    first, state = account(state, 900, None, "1", moment(15))
    second, state = account(state, 100, listed(a=400), "1", moment(30))
    third, state = account(state, 1_000, None, "1", moment(45))
    assert (first, second, third) == (900, 0, 500)


def test_the_last_bytes_of_a_pull_that_ended_stay_as_estimated() -> None:
    _, state = account(None, 0, listed(a=0, b=0), "1", moment(0))
    first, state = account(state, 1_000, listed(a=400), "1", moment(15))
    assert first == 1_000
    assert state is not None
    assert state.owed == 0


def test_pulls_of_a_new_process_count_from_nothing() -> None:
    _, state = account(None, 0, listed(a=5_000), "1", moment(0))
    first, state = account(state, 200, None, "2", moment(15))
    second, _ = account(state, 100, listed(z=450), "2", moment(30))
    assert (first, second) == (200, 250)


def test_a_source_that_does_not_count_single_clients_is_estimated() -> None:
    pulls = Clients({"/live/news": 1}, {}, frozenset(), None, ())
    _, state = account(None, 0, pulls, "1", moment(0))
    assert account(state, 70, pulls, "1", moment(15))[0] == 70


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.booleans()), max_size=30))
def test_over_any_polls_the_sum_is_what_the_pulls_counted(polls: list[tuple[int, int, bool]]) -> None:
    """As long as no pull ends: whatever was estimated, at a list the sum plus what is owed is exact."""
    truth, total = 0, 0
    _, state = account(None, 0, listed(a=0), "1", moment(0))
    for number, (sent, estimate, lists) in enumerate([*polls, (0, 0, True)], 1):
        truth += sent
        given_, state = account(state, estimate, listed(a=truth) if lists else None, "1", moment(15 * number))
        assert given_ is not None
        assert state is not None
        assert given_ >= 0
        total += given_
        if lists:
            assert total + state.owed == truth
