"""Accounts, sessions and tokens: when they end, who may do what with them, and that an admin always remains."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from actions.sign_in import Arrival, sign_in, sign_in_elsewhere
from actions.tokens import make_token, revoke_token
from actions.users import add_user, change_user, set_password, sign_out_everywhere
from cdn.errors import Changed, Forbidden, Unknown
from cdn.model import LOCAL_ADMIN, Actor, Invalid
from db import access, audit, guesses
from db.engine import editing
from db.frame import records

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
IDLE, LASTING = timedelta(hours=1), timedelta(days=7)
PASSWORD = "seven green boats"
HOME = Arrival(NOW, LASTING, address="192.0.2.7", agent="Browser")
ADA = Actor("ada", "admin", "password")


@pytest.fixture
def ada(engine: Engine) -> int:
    return add_user(engine, "ada", "admin", PASSWORD, by=LOCAL_ADMIN, must_change=False)


def version(engine: Engine, user_id: int) -> int:
    return next(int(row["version"]) for row in records(access.users(engine, NOW)) if row["id"] == user_id)


def change(engine: Engine, user_id: int, *, by: Actor = ADA, **changes: Any) -> None:
    change_user(engine, user_id, version(engine, user_id), changes, by=by, now=NOW)


def test_nobody_has_to_sign_in_until_there_is_an_account(engine: Engine) -> None:
    assert access.is_open(engine)
    add_user(engine, "ada", "admin", PASSWORD, by=LOCAL_ADMIN)
    assert not access.is_open(engine)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_first_account_has_to_be_an_admins(engine: Engine, role: str) -> None:
    with pytest.raises(Invalid, match="no admin yet"):
        add_user(engine, "vi", role, PASSWORD, by=LOCAL_ADMIN)
    assert access.is_open(engine)


def test_all_faults_of_a_new_account_are_told_at_once(engine: Engine) -> None:
    with pytest.raises(Invalid) as fault:
        add_user(engine, "a\nb", "king", "short", by=LOCAL_ADMIN)
    assert set(fault.value.faults) == {"name", "role", "password"}


def test_a_name_is_given_once_in_whatever_case(engine: Engine, ada: int) -> None:
    with pytest.raises(Invalid, match="already"):
        add_user(engine, "ADA", "viewer", PASSWORD, by=ADA)


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"role": "operator"}, {"disabled": True}])
def test_the_last_admin_stays_one(engine: Engine, ada: int, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="last admin"):
        change(engine, ada, **changes)
    bo = add_user(engine, "bo", "admin", PASSWORD, by=ADA)
    change(engine, ada, **changes)
    with pytest.raises(Invalid, match="last admin"):
        change(engine, bo, **changes)


def test_two_admins_who_demote_each_other_at_once_leave_one(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "admin", PASSWORD, by=ADA)
    versions = {each: version(engine, each) for each in (ada, bo)}
    start = threading.Barrier(2)
    told: list[str] = []

    def demote(user_id: int) -> None:
        start.wait()
        try:
            change_user(engine, user_id, versions[user_id], {"role": "viewer"}, by=ADA, now=NOW)
            told.append("done")
        except Invalid:
            told.append("refused")

    threads = [threading.Thread(target=demote, args=(each,)) for each in (ada, bo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["done", "refused"]
    with engine.connect() as connection:
        assert access.admins(connection) == 1


def test_a_provider_that_demotes_the_only_admin_opens_no_door(engine: Engine) -> None:
    sign_in_elsewhere(engine, "https://id.example ada", "ada", "admin", HOME)
    sign_in_elsewhere(engine, "https://id.example ada", "ada", "viewer", HOME)
    assert not access.is_open(engine)


def test_who_is_overtaken_is_told(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "viewer", PASSWORD, by=ADA)
    seen = version(engine, bo)
    change(engine, bo, role="operator")
    with pytest.raises(Changed):
        change_user(engine, bo, seen, {"role": "admin"}, by=ADA, now=NOW)
    with pytest.raises(Unknown):
        change_user(engine, 999, 1, {"role": "admin"}, by=ADA, now=NOW)


def test_a_session_ends_when_it_is_not_used(engine: Engine, ada: int) -> None:
    secret = sign_in(engine, "ada", PASSWORD, HOME).secret
    for minutes in (50, 100, 150):
        assert access.visitor(engine, secret, NOW + timedelta(minutes=minutes), IDLE)
    assert access.visitor(engine, secret, NOW + timedelta(minutes=211), IDLE) is None


def test_looking_whether_a_session_is_still_one_does_not_use_it(engine: Engine, ada: int) -> None:
    key = access.digest(sign_in(engine, "ada", PASSWORD, HOME).secret)
    for minutes in (20, 40, 59):
        assert key in access.visitors(engine, [key], NOW + timedelta(minutes=minutes), IDLE, used=())
    assert access.visitors(engine, [key], NOW + timedelta(minutes=61), IDLE, used={key}) == {}


def test_a_session_ends_in_the_end_however_much_it_is_used(engine: Engine, ada: int) -> None:
    secret = sign_in(engine, "ada", PASSWORD, HOME).secret
    for hours in range(168):
        assert access.visitor(engine, secret, NOW + timedelta(hours=hours), timedelta(hours=2))
    assert access.visitor(engine, secret, NOW + timedelta(hours=168), timedelta(hours=2)) is None


def test_many_sessions_are_looked_up_at_once(engine: Engine, ada: int) -> None:
    keys = [access.digest(sign_in(engine, "ada", PASSWORD, HOME).secret) for _ in range(3)]
    assert set(access.visitors(engine, [*keys, b"none"], NOW, IDLE, used=())) == set(keys)


def test_signing_out_everywhere_ends_all_sessions(engine: Engine, ada: int) -> None:
    secrets = [sign_in(engine, "ada", PASSWORD, HOME).secret for _ in range(2)]
    assert sign_out_everywhere(engine, ada, by=Actor("ada", "viewer"), own_id=ada) == 2
    assert not any(access.visitor(engine, secret, NOW, IDLE) for secret in secrets)


def test_the_own_sessions_are_listed_until_they_are_over(engine: Engine, ada: int) -> None:
    sign_in(engine, "ada", PASSWORD, HOME)
    (listed,) = records(access.sessions(engine, ada, NOW, IDLE))
    assert (listed["address"], listed["agent"], listed["seen_at"]) == ("192.0.2.7", "Browser", NOW)
    assert access.sessions(engine, ada, NOW + timedelta(hours=2), IDLE).empty


def test_a_password_an_admin_gave_has_to_be_changed(engine: Engine, ada: int) -> None:
    secret = sign_in(engine, "ada", PASSWORD, HOME).secret
    set_password(engine, ada, "nine blue boats", by=ADA)
    assert access.visitor(engine, secret, NOW, IDLE) is None
    signed_in = sign_in(engine, "ada", "nine blue boats", HOME)
    visitor = access.visitor(engine, signed_in.secret, NOW, IDLE)
    assert signed_in.must_change
    assert visitor
    assert visitor.must_change


def test_what_is_over_is_forgotten(engine: Engine, ada: int) -> None:
    sign_in(engine, "ada", PASSWORD, HOME)
    with editing(engine) as session:
        connection = session.connection()
        assert access.forget_old(connection, NOW + timedelta(minutes=59), IDLE) == 0
        assert access.forget_old(connection, NOW + timedelta(minutes=60), IDLE) == 1
        guesses.forget_old(connection, NOW + timedelta(days=89))
        assert connection.scalar(text("SELECT count(*) FROM guess WHERE subject LIKE 'known %'")) == 1
        guesses.forget_old(connection, NOW + timedelta(days=91))
        assert connection.scalar(text("SELECT count(*) FROM guess")) == 0


def test_a_token_does_what_its_scope_says(engine: Engine) -> None:
    for scope, role in (("read", "viewer"), ("operate", "operator"), ("admin", "admin")):
        made = make_token(engine, scope, scope, None, by=LOCAL_ADMIN, user_id=None, now=NOW)
        visitor = access.bearer(engine, made.secret, NOW)
        assert visitor
        assert (visitor.role, visitor.via, visitor.name) == (role, "token", f"token {scope}")


def test_a_token_can_do_no_more_than_its_owner_can_now(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "admin", PASSWORD, by=ADA)
    made = make_token(engine, "script", "admin", None, by=Actor("bo", "admin"), user_id=bo, now=NOW)
    change(engine, bo, role="viewer")
    visitor = access.bearer(engine, made.secret, NOW)
    assert visitor
    assert visitor.role == "viewer"
    change(engine, bo, disabled=True)
    assert access.bearer(engine, made.secret, NOW) is None


@pytest.mark.parametrize(("role", "scope"), [("viewer", "operate"), ("viewer", "admin"), ("operator", "admin")])
def test_nobody_makes_a_token_that_can_do_more_than_they(engine: Engine, role: str, scope: str) -> None:
    with pytest.raises(Forbidden, match="no more than"):
        make_token(engine, "t", scope, None, by=Actor("x", role), user_id=None, now=NOW)


def test_a_token_ends_at_its_time_and_when_it_is_revoked(engine: Engine) -> None:
    ends = NOW + timedelta(days=1)
    made = make_token(engine, "t", "read", ends, by=LOCAL_ADMIN, user_id=None, now=NOW)
    assert access.bearer(engine, made.secret, ends - timedelta(seconds=1))
    assert access.bearer(engine, made.secret, ends) is None
    revoke_token(engine, made.id, by=LOCAL_ADMIN, user_id=None, now=NOW)
    assert access.bearer(engine, made.secret, NOW) is None


def test_people_revoke_their_own_tokens_and_admins_all(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "viewer", PASSWORD, by=ADA)
    mine, other = (
        make_token(engine, "t", "read", None, by=Actor("x", "viewer"), user_id=each, now=NOW) for each in (bo, ada)
    )
    revoke_token(engine, mine.id, by=Actor("bo", "viewer"), user_id=bo, now=NOW)
    with pytest.raises(Forbidden):
        revoke_token(engine, other.id, by=Actor("bo", "viewer"), user_id=bo, now=NOW)
    revoke_token(engine, other.id, by=ADA, user_id=ada, now=NOW)
    with pytest.raises(Unknown):
        revoke_token(engine, 999, by=ADA, user_id=ada, now=NOW)


def test_the_secret_of_a_token_is_neither_stored_nor_in_the_trail(engine: Engine) -> None:
    made = make_token(engine, "t", "read", None, by=LOCAL_ADMIN, user_id=None, now=NOW)
    with engine.connect() as connection:
        stored = str([connection.execute(text(f"SELECT * FROM {name}")).all() for name in ("api_token", "audit")])
    assert made.secret not in stored
    assert made.secret[: access.HINT] in stored


@pytest.mark.parametrize("secret", ["", "cdn_", "x" * 10_000, "\x00", "\ud800"])
def test_what_is_no_secret_opens_nothing(engine: Engine, ada: int, secret: str) -> None:
    assert access.bearer(engine, secret, NOW) is None
    assert access.visitor(engine, secret, NOW, IDLE) is None


def test_the_trail_tells_what_changed_with_before_and_after(engine: Engine, ada: int) -> None:
    bo = add_user(engine, "bo", "viewer", PASSWORD, by=ADA)
    change(engine, bo, role="operator")
    set_password(engine, bo, "nine blue boats", by=ADA)
    trail = records(audit.trail(engine, wanted="bo"))
    assert [row["action"] for row in trail] == ["user.password", "user.change", "user.add"]
    assert (trail[1]["before"], trail[1]["after"]) == ({"role": "viewer"}, {"role": "operator"})
    assert "boats" not in str(trail)


def test_somebody_from_elsewhere_gets_no_account_that_has_the_name_already(engine: Engine, ada: int) -> None:
    with pytest.raises(Forbidden, match="already"):
        sign_in_elsewhere(engine, "https://id.example 7", "Ada", "admin", HOME)


def test_somebody_from_elsewhere_who_is_disabled_stays_out(engine: Engine, ada: int) -> None:
    sign_in_elsewhere(engine, "https://id.example 7", "eva", "viewer", HOME)
    eva = next(int(row["id"]) for row in records(access.users(engine, NOW)) if row["name"] == "eva")
    change(engine, eva, disabled=True)
    with pytest.raises(Forbidden, match="disabled"):
        sign_in_elsewhere(engine, "https://id.example 7", "eva", "viewer", HOME)
