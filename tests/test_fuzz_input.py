"""What people and disks hand us: whatever a form, a file, a setting or a spool holds, the named error is the worst."""

from __future__ import annotations

import logging
import math
import zlib
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from actions import server_form
from actions.import_servers import import_servers
from cdn.model import LOCAL_ADMIN, Invalid, Kind, Poll, PollError, Target
from cdn.settings import Settings, SettingsError, load
from collector.request import prepare
from collector.spool import Spool
from db import fleet, secrets
from db.engine import editing
from db.fleet import Draft
from tests.mutations import NAMES, NUMBERS, VALUES, Recorded, hostile_bytes, hostile_json, one_of_list
from tests.readings import FakeServer

KEY = secrets.new_key()
CALM: dict[str, Any] = {
    "derandomize": True,
    "database": None,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}
GOOD: dict[str, list[Any]] = {
    "name": ["edge-1", "Edge Frankfurt"],
    "kind": [kind.value for kind in Kind],
    "url": ["http://10.0.0.1:1985", "https://edge.example/status/format/json"],
    "role": ["origin", "edge"],
    "region": ["West"],
    "provider": ["Own"],
    "capacity": ["10 Gbit/s", 10**9],
    "tags": ["sport, hd", ["sport"]],
    "interval": ["15 s", 15],
    "verify_tls": [True, False],
    "user": ["monitor"],
    "password": ["s3cret"],
    "token": ["t0ken"],
    "origins": ["origin-1", ["origin-1"]],
    "addresses": ["192.0.2.7", ["2001:db8::/32"]],
}
# Text as people type it wrong, where an address, a number, a list is wanted.
TYPED = st.one_of(
    one_of_list(NAMES),
    st.text(max_size=60),
    st.from_regex(r"https?://[a-z0-9.:\[\]@%_\\-]{0,40}(/[a-z?#&%]{0,9})?", fullmatch=True),
    st.from_regex(r"[0-9.,]{1,400} ?([kmgtKMGT]?bit/s|s|min)?", fullmatch=True),
    st.from_regex(r"[0-9a-f:.%/]{1,40}", fullmatch=True),
    st.ip_addresses().map(str),
    st.ip_addresses().map(lambda ip: f"http://[{ip}]:80/x" if ip.version == 6 else f"http://{ip}/x"),
)
ANYTHING = st.one_of(TYPED, TYPED, st.sampled_from([10**400, -(10**400), *NUMBERS]), VALUES)


@st.composite
def forms(draw: st.DrawFn) -> dict[str, Any]:
    """A form that is right but for some of its fields."""
    needed = ["name", "kind", "url", "role"]
    chosen = [*needed, *draw(st.lists(one_of_list(sorted(set(GOOD) - set(needed))), max_size=6, unique=True))]
    form = {name: draw(one_of_list(GOOD[name])) for name in chosen}
    for name in draw(st.lists(one_of_list([*chosen, *GOOD]), max_size=3)):
        form[name] = draw(ANYTHING)
    if draw(st.integers(0, 9)) == 0:
        form[draw(st.text(max_size=10))] = draw(ANYTHING)
    if draw(st.integers(0, 9)) == 0:
        del form[draw(one_of_list(list(form)))]
    return form


def check(draft: Draft) -> None:
    assert draft.name
    assert draft.name.isprintable()
    assert draft.interval_seconds is None or 1 <= draft.interval_seconds <= 3_600
    assert draft.capacity_bps is None or 1_000 <= draft.capacity_bps <= 10**15
    # Whatever url is taken, a poll makes a request of it, or says why not.
    target = Target(1, draft.name, draft.kind, draft.url, draft.role, 15.0, credentials=draft.credentials)
    for path in ("", "/api/v1/summaries"):
        try:
            assert prepare(target, path).request.url
        except PollError as error:
            told = error.detail
        else:
            continue
        assert len(draft.credentials.secret) < 9 or draft.credentials.secret not in told


def test_a_form_is_a_server_or_has_every_fault_told_by_field() -> None:
    taken = count()

    @examples(max_examples=4_000, **CALM)
    @given(forms())
    def judge(form: dict[str, Any]) -> None:
        try:
            draft = server_form.read(form)
        except Invalid as error:
            faults = error.faults
        else:
            next(taken)
            check(draft)
            return
        assert faults
        assert set(faults) <= set(server_form.FIELDS) | set(form)
        assert all(0 < len(fault) < 400 for fault in faults.values())

    judge()
    assert 400 < next(taken) < 4_000


def test_every_server_a_form_takes_can_be_stored(engine: Engine) -> None:
    stored = count()

    @examples(max_examples=700, **CALM)
    @given(forms())
    def judge(form: dict[str, Any]) -> None:
        try:
            draft = server_form.read(form)
        except Invalid:
            return
        with editing(engine) as session:
            session.execute(text("DELETE FROM server"))
            fleet.add(session, draft, KEY)
            session.flush()
        with engine.begin() as connection:
            ids = [row.id for row in connection.execute(text("SELECT id FROM server"))]
            (target,) = fleet.targets(connection, ids, 15.0, KEY)
        assert (target.name, target.url, target.credentials) == (draft.name, draft.url, draft.credentials)
        next(stored)

    judge()
    assert next(stored) > 50


FILE = b"""
[[server]]
name = "origin-1"
kind = "srs"
url = "http://10.0.0.9:1985"
role = "origin"
capacity = 10_000_000_000

[[server]]
name = "edge-1"
kind = "nginx"
url = "http://10.0.0.1/nginx_status"
role = "edge"
origins = ["origin-1"]
addresses = ["192.0.2.0/28"]
interval = 15.5
verify_tls = false
user = "monitor"
password = "s3cret"
"""
PIECES = [
    *(b"[" * depth for depth in (1, 2, 3, 500, 50_000)),
    b"x = " + b"[" * 5_000,
    b"a." * 5_000 + b"b = 1\n",
    b"{a = " * 2_000,
    b"9" * 5_000,
    b"interval = " + b"9" * 5_000 + b"\n",
    b"capacity = 0x" + b"f" * 400 + b"\n",
    b"interval = nan\n",
    b"capacity = -inf\n",
    b"capacity = 1e400\n",
    b"interval = 2026-03-01T12:00:00Z\n",
    b"name = 12:00:00\n",
    b"tags = [{a = 1}, 2, []]\n",
    b"url = {}\n",
    b"[server]\n",
    b"[[server.x]]\n",
    b"[[server]]\n",
    b'"\\u0000" = 1\n',
    b'name = "\\U0010FFFF"\n',
    b"'''",
    b'"""',
]


@st.composite
def server_files(draw: st.DrawFn) -> str:
    """A server file with other things in it."""
    body = FILE
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.one_of(st.integers(0, len(body)), one_of_list([0, FILE.index(b"[[", 9), len(body)])))
        new = draw(
            st.one_of(one_of_list(PIECES), st.text(max_size=20).map(lambda typed: typed.encode("utf-8", "replace")))
        )
        body = body[:at] + new + body[min(len(body), at + draw(one_of_list([0, 0, 1, 9]))) :]
    return body.decode("utf-8", "replace")


def test_a_server_file_is_imported_or_its_faults_are_told(engine: Engine) -> None:
    imported = count()

    @examples(max_examples=600, **CALM)
    @given(st.one_of(server_files(), st.text(max_size=200)))
    def judge(file: str) -> None:
        try:
            report = import_servers(engine, file, key=KEY, by=LOCAL_ADMIN)
        except Invalid as error:
            told = str(error)
        else:
            next(imported)
            assert report.added + report.changed + report.unchanged >= 1
            return
        assert told
        assert "s3cret" not in told

    judge()
    assert next(imported) > 10


def test_settings_are_within_bounds_or_every_fault_is_told() -> None:
    good = count()
    typed = st.one_of(
        TYPED,
        st.integers(-(2**70), 2**70).map(str),
        st.floats().map(str),
        st.sampled_from(["nan", "inf", "1e400", "10.0.0.0/8", "10.0.0.0/8,::/0", "10.0.0.0/99", "postgresql://[::1/x"]),
        st.from_regex(r"[0-9.,/:a-f ]{0,40}", fullmatch=True),
    )

    @examples(max_examples=800, **CALM)
    @given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), typed, min_size=1, max_size=3))
    def judge(values: dict[str, str]) -> None:
        try:
            read = load(**values)
        except SettingsError as error:
            told = str(error)
            assert any(f"  {name.upper()}" in told for name in values)
            for name in ("secret_key", "secret_keys_old", "database_url", "api_token"):
                others = "".join(value for other, value in values.items() if other != name)
                secret = values.get(name, "")
                assert len(secret) < 12 or secret in others or secret not in told
        else:
            next(good)
            numbers = [value for value in read.model_dump().values() if isinstance(value, int | float)]
            assert all(map(math.isfinite, numbers))
            repr(read)

    judge()
    assert next(good) > 100


def spooled() -> bytes:
    """A batch as a spool writes it, unpacked: a good poll and a failed one."""
    server = FakeServer()
    server.streams = {"/live/alpha": 5}
    return b"\n".join(orjson.dumps(poll) for poll in (server.poll(), server.failed()))


def test_a_spool_gives_polls_or_sets_the_file_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = spooled()
    lines = [Recorded([line]) for line in whole.splitlines()]
    bodies = st.one_of(
        hostile_bytes(Recorded([zlib.compress(whole)])),
        hostile_bytes(Recorded([whole])).map(zlib.compress),
        st.lists(st.one_of(*map(hostile_json, lines)), min_size=1, max_size=2).map(b"\n".join).map(zlib.compress),
        st.binary(max_size=40),
    )
    numbers, read, aside = count(), count(), count()

    @examples(max_examples=600, **CALM)
    @given(bodies)
    def judge(body: bytes) -> None:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        (folder / "000000000007-2.polls").write_bytes(body)
        spool = Spool(folder, 1_000_000)
        found = spool.oldest()
        if found is None:
            next(aside)
            assert [path.suffix for path in sorted(folder.iterdir()) if path.name != "lock"] == [".unreadable"]
        else:
            next(read)
            for poll in found[1]:
                check_poll(poll)
            spool.remove(found[0])
        spool.append([FakeServer().poll()])
        assert len(spool) == 1
        spool.close()

    with caplog.at_level(logging.CRITICAL):
        judge()
    assert min(next(read), next(aside)) > 30


def check_poll(poll: Poll) -> None:
    """A poll of the types the writer relies on: one it stumbles over would stop all that come after it."""
    assert type(poll.server_id) is int
    assert type(poll.interval) is float
    for moment in (poll.at, poll.since, poll.certificate_expires):
        assert moment is None or moment.tzinfo is not None
    for said in (poll.detail, poll.address, poll.url):
        assert said is None or type(said) is str
    if poll.reading is not None:
        assert {type(value) for value in poll.reading.counters.values()} <= {int}
        assert {type(value) for value in poll.reading.gauges.values()} <= {float}
        for stream in poll.reading.streams or ():
            assert {type(said) for said in (stream.url, stream.vhost, stream.app, stream.name)} == {str}
            assert {type(value) for value in stream.counters.values()} <= {int}


@pytest.mark.parametrize("name", ["x.polls", "-2.polls", "7.polls", "٣-٤.polls", "1-2-3.polls", "1-.polls"])
def test_a_foreign_file_in_the_spools_folder_does_not_keep_the_collector_from_starting(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"not ours")
    spool = Spool(tmp_path, 1_000_000)
    spool.append([FakeServer().poll()])
    found = spool.oldest()
    assert found is not None
    assert found[1][0].server_id == 1
    spool.close()


def test_what_was_set_aside_takes_no_room_in_the_spool(tmp_path: Path) -> None:
    (tmp_path / "000000000001-1.polls").write_bytes(b"x" * 5_000)
    spool = Spool(tmp_path, 5_000)
    assert spool.oldest() is None
    for _ in range(3):
        spool.append([FakeServer().poll()])
    assert (len(spool), spool.dropped) == (3, 0)
    spool.close()
