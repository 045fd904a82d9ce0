"""Signing in with a password: who is let in, who has to wait, and who never has to for what others do."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from actions import passwords
from actions.sign_in import Arrival, MustWait, SignedIn, WrongPassword, network_of, sign_in, sign_out, tries_left
from actions.users import add_user, change_password, change_user
from cdn.model import LOCAL_ADMIN, Actor, Invalid
from cdn.settings import ROOT
from db import access, audit
from db.frame import records

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
IDLE = timedelta(hours=1)
RIGHT, WRONG = "seven green boats", "seven red boats"
HOME = Arrival(NOW, timedelta(days=7), address="192.0.2.7", agent="Browser")
HER = Actor("ada", "admin", "password", "192.0.2.7")


@pytest.fixture
def ada(engine: Engine) -> int:
    return add_user(engine, "ada", "admin", RIGHT, by=LOCAL_ADMIN, must_change=False)


def at(seconds: float, arrival: Arrival = HOME) -> Arrival:
    return replace(arrival, now=NOW + timedelta(seconds=seconds))


def refused(engine: Engine, arrival: Arrival, name: str = "ada", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            sign_in(engine, name, WRONG, arrival)


def waits(engine: Engine, arrival: Arrival, name: str = "ada", password: str = RIGHT) -> timedelta:
    with pytest.raises(MustWait) as told:
        sign_in(engine, name, password, arrival)
    return told.value.until - arrival.now


def who(engine: Engine, signed_in: SignedIn, now: datetime) -> str | None:
    visitor = access.visitor(engine, signed_in.secret, now, IDLE)
    return None if visitor is None else f"{visitor.name} {visitor.role} {visitor.via}"


def test_the_right_password_begins_a_session(engine: Engine, ada: int) -> None:
    signed_in = sign_in(engine, "  ADA ", RIGHT, HOME)
    assert (signed_in.name, signed_in.role, signed_in.must_change) == ("ada", "admin", False)
    assert who(engine, signed_in, NOW) == "ada admin password"


def test_two_sessions_never_share_a_secret(engine: Engine, ada: int) -> None:
    assert sign_in(engine, "ada", RIGHT, HOME).secret != sign_in(engine, "ada", RIGHT, HOME).secret


@pytest.mark.parametrize("name", ["ada", "nobody", "", "\x00", "a" * 5_000])
@pytest.mark.parametrize("password", [WRONG, "", RIGHT + "x", RIGHT.upper(), "\ud800", RIGHT + " " * 500])
def test_a_wrong_password_or_an_unknown_name_is_refused_in_the_same_words(
    engine: Engine, ada: int, name: str, password: str
) -> None:
    with pytest.raises(WrongPassword) as refusal:
        sign_in(engine, name, password, HOME)
    assert str(refusal.value) == ""


def test_letters_composed_in_another_way_are_the_same_password(engine: Engine, ada: int) -> None:
    add_user(engine, "bo", "viewer", "sieben grüne boote", by=LOCAL_ADMIN)
    assert sign_in(engine, "bo", "sieben gru\u0308ne boote", HOME).name == "bo"


def test_waiting_begins_after_five_wrong_passwords_and_doubles(engine: Engine, ada: int) -> None:
    refused(engine, HOME, times=5)
    assert waits(engine, HOME) == timedelta(seconds=30)
    assert waits(engine, at(29.9)) == timedelta(seconds=0.1)
    refused(engine, at(30))
    assert waits(engine, at(30)) == timedelta(seconds=60)
    refused(engine, at(90))
    assert waits(engine, at(90)) == timedelta(seconds=120)


def test_waiting_never_grows_beyond_a_quarter_of_an_hour(engine: Engine, ada: int) -> None:
    refused(engine, HOME, times=5)
    later = HOME
    for _ in range(8):
        later = replace(later, now=later.now + waits(engine, later))
        refused(engine, later)
    assert waits(engine, later) == timedelta(minutes=15)


def test_who_waits_is_let_in_afterwards_and_begins_anew(engine: Engine, ada: int) -> None:
    refused(engine, HOME, times=5)
    assert sign_in(engine, "ada", RIGHT, at(31)).name == "ada"
    refused(engine, at(32), times=4)
    assert sign_in(engine, "ada", RIGHT, at(33)).name == "ada"


def test_an_hour_without_a_wrong_password_forgets_those_before(engine: Engine, ada: int) -> None:
    refused(engine, HOME, times=4)
    refused(engine, at(3_700), times=4)
    assert sign_in(engine, "ada", RIGHT, at(3_701)).name == "ada"


def test_how_many_tries_are_left_does_not_tell_whether_there_is_such_an_account(engine: Engine, ada: int) -> None:
    told = []
    for name in ("ada", "nobody"):
        refused(engine, HOME, name, times=3)
        told.append(tries_left(engine, name, HOME))
    assert told == [2, 2]
    refused(engine, HOME, "nobody", times=2)
    assert waits(engine, HOME, "nobody") == timedelta(seconds=30)


def test_one_address_that_tries_many_names_waits(engine: Engine, ada: int) -> None:
    for number in range(20):
        refused(engine, HOME, f"name{number}")
    assert waits(engine, HOME, "another") == timedelta(seconds=30)
    assert sign_in(engine, "ada", RIGHT, replace(HOME, address="198.51.100.1")).name == "ada"


def test_whoever_owns_a_network_of_ipv6_is_one_address(engine: Engine, ada: int) -> None:
    for number in range(5):
        refused(engine, replace(HOME, address=f"2001:db8:1:2::{number}"))
    assert waits(engine, replace(HOME, address="2001:db8:1:2:ffff::1")) == timedelta(seconds=30)
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("no address") == "no address"


def attack(engine: Engine, arrival: Arrival, addresses: int) -> None:
    """Wrong passwords for ada from many addresses, two of each; those that have to wait are let wait."""
    for number in range(addresses):
        for _ in range(2):
            try:
                sign_in(engine, "ada", WRONG, replace(arrival, address=f"203.0.113.{number}"))
            except (WrongPassword, MustWait):
                continue


def test_an_attack_from_many_addresses_waits_by_account(
    engine: Engine, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "is_right", lambda stored, given: False)
    attack(engine, HOME, 40)
    assert waits(engine, replace(HOME, address="203.0.113.1")) <= timedelta(seconds=30)


def test_an_attacked_account_never_keeps_its_owner_out(
    engine: Engine, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = sign_in(engine, "ada", RIGHT, at(-86_400)).device
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "is_right", lambda stored, given: False)
        attack(engine, HOME, 40)
    # From an address nobody tried from, and with the browser she had before even from one of the attacker's.
    assert sign_in(engine, "ada", RIGHT, HOME).name == "ada"
    same_address = replace(HOME, address="203.0.113.1", device=device)
    assert sign_in(engine, "ada", RIGHT, same_address).name == "ada"


def test_a_browser_that_is_known_waits_by_itself(engine: Engine, ada: int) -> None:
    device = sign_in(engine, "ada", RIGHT, HOME).device
    known = replace(HOME, device=device)
    refused(engine, known, times=5)
    assert waits(engine, known) == timedelta(seconds=30)
    assert sign_in(engine, "ada", RIGHT, HOME).name == "ada"


def test_a_browser_cannot_say_itself_that_it_is_known(engine: Engine, ada: int) -> None:
    made_up = replace(HOME, device="made up")
    refused(engine, made_up, times=5)
    assert waits(engine, replace(HOME, device="another")) == timedelta(seconds=30)
    assert sign_in(engine, "ada", RIGHT, at(40, made_up)).device != "made up"


def test_of_many_tries_at_the_same_moment_no_more_are_tried_than_one_after_the_other(
    engine: Engine, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def note(stored: str | None, given: str) -> bool:
        tried.append(given)
        return False

    monkeypatch.setattr(passwords, "is_right", note)

    def one(_: int) -> str:
        try:
            sign_in(engine, "ada", WRONG, HOME)
        except (WrongPassword, MustWait) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(one, range(40)))
    assert told.count("WrongPassword") == len(tried) == 5
    assert told.count("MustWait") == 35


@pytest.mark.usefixtures("full_strength")
def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    def quickest(stored: str | None) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            passwords.is_right(stored, WRONG)
            times.append(time.perf_counter() - begun)
        return min(times)

    known, unknown = quickest(passwords.hashed(RIGHT)), quickest(None)
    assert unknown == pytest.approx(known, rel=0.6)


def test_a_program_hashes_passwords_as_hard_as_is_advised() -> None:
    """Another program: in this one tests have made hashing cheap."""
    code = "from actions import passwords; print(passwords.hashed('seven green boats'))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    # The first choice of RFC 9106 where memory is scarce.
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.is_right(made.strip(), WRONG)
    assert passwords.is_right(made.strip(), RIGHT)


def test_a_disabled_account_does_not_come_in_and_its_sessions_end(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "viewer", RIGHT, by=LOCAL_ADMIN)
    signed_in = sign_in(engine, "bo", RIGHT, HOME)
    change_user(engine, bo, 2, {"disabled": True}, by=HER, now=NOW)
    assert who(engine, signed_in, NOW) is None
    refused(engine, HOME, "bo")
    with pytest.raises(WrongPassword):
        sign_in(engine, "bo", RIGHT, HOME)


def test_signing_out_ends_this_session_alone(engine: Engine, ada: int) -> None:
    one, other = sign_in(engine, "ada", RIGHT, HOME), sign_in(engine, "ada", RIGHT, HOME)
    sign_out(engine, one.secret, HER)
    assert who(engine, one, NOW) is None
    assert who(engine, other, NOW) == "ada admin password"


def test_the_trail_tells_who_came_in_and_who_was_refused_without_what_was_typed(engine: Engine, ada: int) -> None:
    refused(engine, HOME)
    refused(engine, HOME, RIGHT)  # somebody types the password where the name belongs
    signed_in = sign_in(engine, "ada", RIGHT, HOME)
    sign_out(engine, signed_in.secret, HER)
    trail = records(audit.trail(engine))
    assert [(row["action"], row["actor"], row["subject"]) for row in trail] == [
        ("session.end", "ada", "ada"),
        ("session.begin", "ada", "ada"),
        ("session.refuse", "somebody", "an unknown name"),
        ("session.refuse", "ada", "ada"),
        ("user.add", "local", "ada"),
    ]
    assert {row["address"] for row in trail[:-1]} == {"192.0.2.7"}
    with engine.connect() as connection:
        everything = str(connection.execute(text("SELECT * FROM audit")).all())
        stored = str(connection.execute(text("SELECT password_hash FROM app_user")).scalar_one())
    for secret in (RIGHT, WRONG, signed_in.secret, signed_in.device, stored):
        assert secret not in everything


def test_neither_the_secret_of_a_session_nor_that_of_a_browser_is_stored(engine: Engine, ada: int) -> None:
    signed_in = sign_in(engine, "ada", RIGHT, HOME)
    with engine.connect() as connection:
        stored = str([connection.execute(text(f"SELECT * FROM {name}")).all() for name in ("web_session", "guess")])
    assert signed_in.secret not in stored
    assert signed_in.device not in stored


def test_changing_the_password_ends_all_other_sessions(engine: Engine, ada: int) -> None:
    one, other = sign_in(engine, "ada", RIGHT, HOME), sign_in(engine, "ada", RIGHT, HOME)
    change_password(engine, ada, RIGHT, "eight green boats", by=HER, keep=one.secret, now=NOW)
    assert who(engine, one, NOW) == "ada admin password"
    assert who(engine, other, NOW) is None
    with pytest.raises(WrongPassword):
        sign_in(engine, "ada", RIGHT, HOME)
    assert sign_in(engine, "ada", "eight green boats", HOME).name == "ada"


def test_whoever_finds_an_open_browser_cannot_try_passwords_for_ever(engine: Engine, ada: int) -> None:
    for _ in range(5):
        with pytest.raises(Invalid, match="this is not your password"):
            change_password(engine, ada, WRONG, "eight green boats", by=HER, keep="", now=NOW)
    with pytest.raises(MustWait):
        change_password(engine, ada, RIGHT, "eight green boats", by=HER, keep="", now=NOW)


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ("short", "10 to 200"),
        ("x" * 201, "10 to 200"),
        ("aaaaaaaaaaaab", "different characters"),
        (RIGHT, "the old one"),
        ("green\nboats and more", "printed"),
    ],
)
def test_a_bad_new_password_is_refused_and_the_old_one_stays(engine: Engine, ada: int, new: str, fault: str) -> None:
    with pytest.raises(Invalid, match=fault):
        change_password(engine, ada, RIGHT, new, by=HER, keep="", now=NOW)
    assert sign_in(engine, "ada", RIGHT, HOME).name == "ada"
