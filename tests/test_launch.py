"""The supervisor behind `make run` and `make demo`, with small programs in place of the real ones."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cdn.settings import ROOT, environment, load
from db import embedded
from db.account import choose
from launch import preparation
from launch.__main__ import Launch, first_address
from launch.children import Program
from launch.output import Output
from launch.preparation import NotReady, kept_secret, new_token, require_free_port
from launch.supervisor import Failed, Supervisor

ELSEWHERE = "postgresql://elsewhere/production"
ONE_SERVER = "[[server]]\nname = 'a'\nurl = 'http://127.0.0.31:1985'\n"


def python(code: str, *, name: str = "child", stop_seconds: float = 1.0) -> Program:
    return Program(name, (sys.executable, "-u", "-c", textwrap.dedent(code)), stop_seconds)


class Terminal(io.StringIO):
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def supervisor(terminal: Terminal, tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(Output(["child"], colours=False, stream=terminal), folder=tmp_path, environment=environment())
    yield made
    made.stop()


def gone(pid: int) -> bool:
    """True where the process has ended, a zombie included."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def eventually(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_lines_carry_the_name_of_who_says_them(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.run(python("import sys; print('out'); print('err', file=sys.stderr); print('no newline', end='')"))
    assert terminal.lines() == ["child  │ out", "child  │ err", "child  │ no newline"]


def test_a_half_line_waits_for_its_other_half(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.run(python("import time; print('half', end=''); time.sleep(0.3); print(' and half')"))
    assert terminal.lines() == ["child  │ half and half"]


def test_control_characters_of_a_child_do_not_reach_the_terminal(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.run(python(r"print('a\x1b[31mred\x1b[0m\x07\x9bb\x00 \xff')"))
    assert terminal.lines() == ["child  │ aredb \xff"]


def test_a_child_without_end_of_line_is_still_heard(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.run(python("print('x' * 200_000, end='')"))
    assert sum(line.count("x") for line in terminal.lines()) == 200_000


def test_names_are_coloured_only_where_asked() -> None:
    terminal = Terminal()
    Output(["web"], colours=True, stream=terminal).line("web", "up")
    assert terminal.getvalue() == "\x1b[36mweb    │\x1b[0m up\n"


def test_a_closed_terminal_stops_nobody() -> None:
    stream = io.StringIO()
    stream.close()
    Output(["web"], colours=False, stream=stream).say("anybody there?")


def test_a_step_that_fails_says_which_and_how(supervisor: Supervisor) -> None:
    with pytest.raises(Failed, match="child ended with exit status 3"):
        supervisor.run(python("raise SystemExit(3)"))


def test_output_to_a_file_leaves_errors_on_the_terminal(
    supervisor: Supervisor, terminal: Terminal, tmp_path: Path
) -> None:
    supervisor.run(python("import sys; print('data'); print('oh', file=sys.stderr)"), output=tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "data\n"
    assert terminal.lines() == ["child  │ oh"]


def test_who_dies_is_started_again_with_growing_pauses(
    supervisor: Supervisor, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launch.supervisor.FIRST_PAUSE", 0.01)
    supervisor.keep_running(python("print('here'); raise SystemExit(1)"))
    supervisor.wait_until(lambda: terminal.lines().count("child  │ here") >= 3, 30)
    assert supervisor._pauses["child"] >= 0.04
    assert "launch │ child ended with exit status 1; it starts again in 0 s" in terminal.lines()


def test_who_runs_beside_is_shown_how_far_it_is_and_is_not_started_again(
    supervisor: Supervisor, terminal: Terminal
) -> None:
    supervisor.run_beside(python("print('5 % begins'); print('7 % goes on'); print('42 % middle'); print('all there')"))
    assert supervisor.wait_until(lambda: "all there" in terminal.getvalue(), 30)
    supervisor.wait_until(lambda: False, 0.3)
    assert terminal.lines() == [
        "child  │ █░░░░░░░░░░░░░░░░░░░░░░░   5 %  begins",
        "child  │ ██████████░░░░░░░░░░░░░░  42 %  middle",
        "child  │ all there",
    ]


def test_who_fails_beside_is_said_and_stops_nobody(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.keep_running(python("import time; print('here'); time.sleep(60)", name="lasting"))
    supervisor.run_beside(python("raise SystemExit(3)"))
    assert supervisor.wait_until(lambda: "exit status 3" in terminal.getvalue(), 30)
    assert "launch │ child ended with exit status 3; its lines above say why" in terminal.lines()
    supervisor.wait_until(lambda: False, 0.3)
    assert terminal.getvalue().count("exit status") == 1


def test_on_a_terminal_the_bar_stays_below_the_lines_of_others() -> None:
    terminal = Terminal()
    output = Output(["web", "history"], colours=False, redraws=True, stream=terminal)
    output.progress("history", "50 % half \x1b[31mway")
    output.line("web", "hello")
    output.progress("history", "100 % done")
    output.end_progress()
    output.line("web", "bye")
    bar = "history │ ████████████░░░░░░░░░░░░  50 %  half way"
    full = "history │ ████████████████████████ 100 %  done"
    clear = "\r\x1b[K"
    assert terminal.getvalue() == (f"{bar}{clear}web     │ hello\n{bar}{clear}{full}{clear}web     │ bye\n")


def test_stop_lets_a_child_end_in_order(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.keep_running(
        python(
            """
            import signal, sys, time
            signal.signal(signal.SIGTERM, lambda *_: (print("tidied up"), sys.exit()))
            print("ready")
            time.sleep(60)
            """
        )
    )
    assert supervisor.wait_until(lambda: "child  │ ready" in terminal.lines(), 30)
    supervisor.stop()
    assert terminal.lines()[-1] == "child  │ tidied up"


def test_stop_kills_who_does_not_listen_and_what_it_started(supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.keep_running(
        python(
            """
            import signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
            time.sleep(60)
            """,
            stop_seconds=0.1,
        )
    )
    assert supervisor.wait_until(lambda: bool(terminal.lines()), 30)
    grandchild = int(terminal.lines()[0].split()[-1])
    supervisor.stop()
    assert terminal.lines()[-1] == "launch │ child did not end in time and is killed"
    assert eventually(lambda: gone(grandchild))


def test_a_taken_port_is_named_with_the_setting_that_helps() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(NotReady, match=rf"port {port} .*WEB_PORT"):
            require_free_port(port)


def test_a_secret_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "data" / "api.token", new_token)
    again = kept_secret(tmp_path / "data" / "api.token", new_token)
    assert (first[1], again[1]) == (True, False)
    assert first[0] == again[0]
    assert stat.S_IMODE((tmp_path / "data" / "api.token").stat().st_mode) == 0o600


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").touch()
    with pytest.raises(NotReady, match="is empty"):
        kept_secret(tmp_path / "secret.key", new_token)


def test_the_demo_is_awaited_where_its_first_server_is(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(ONE_SERVER)
    assert first_address(tmp_path / "fleet.toml") == ("127.0.0.31", 1985)
    (tmp_path / "fleet.toml").write_text("")
    with pytest.raises(Failed, match="holds no servers"):
        first_address(tmp_path / "fleet.toml")


def test_the_first_interrupt_ends_in_order_and_the_second_in_a_hurry(
    supervisor: Supervisor, terminal: Terminal
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        supervisor.catch_signals()
        supervisor.keep_running(
            python(
                "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(60)", stop_seconds=60
            )
        )
        assert supervisor.wait_until(lambda: bool(terminal.lines()), 30)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert not supervisor.hurried
        os.kill(os.getpid(), signal.SIGINT)
        assert supervisor.hurried
        supervisor.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert terminal.lines()[-1] == "launch │ child did not end in time and is killed"


def test_a_dead_database_is_started_again_under_the_same_address(open_folder: Path, terminal: Terminal) -> None:
    data = open_folder / "launched"
    launch = Launch("run", load(data_dir=data), Output([], colours=False, stream=terminal))
    launch.open_database()
    try:
        first = launch.cluster
        assert first is not None
        os.kill(int((data / "run" / "postgresql" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert eventually(lambda: not first.alive)
        launch.keep_database()
        assert launch.cluster is not None
        assert launch.cluster.alive
        assert launch.cluster.url() == first.url()
    finally:
        launch.close_database()
    assert any("PostgreSQL ended; starting it again" in line for line in terminal.lines())


# The whole of it: the real supervisor and database, small programs in place of everything else.

COLLECTOR = """
import os, sys, time, tomllib
assert os.environ["DATABASE_URL"].startswith("postgresql+psycopg2://")
assert len(os.environ["SECRET_KEY"]) == 44 and os.environ["API_TOKEN"]
if sys.argv[1:2] == ["import"]:
    print("imported", tomllib.load(open(sys.argv[2], "rb"))["server"][0]["name"])
else:
    print("polling", os.getpid())
    time.sleep(60)
"""
MIGRATE = """
import os, sys
print("migrating", sys.argv[1], os.environ["DATABASE_URL_DIRECT"] or "ours")
"""
DEMO = """
import http.server, sys
if sys.argv[1:] == ["fleet"]:
    print("[[server]]\\nname = 'edge 1'\\nurl = 'http://127.0.0.1:%d'")
else:
    http.server.HTTPServer(("127.0.0.1", %d), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
STREAMLIT = """
import http.server, os, sys
port = next(int(flag.split("=")[1]) for flag in sys.argv if flag.startswith("--server.port="))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        print(self.path)
print("serving", os.getpid())
http.server.HTTPServer(("127.0.0.1", port), Page).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def project(open_folder: Path) -> Iterator[Path]:
    """A project folder with a space in its name and stand-ins for the programs."""
    folder = open_folder / "a project"
    for package in ("cdn", "db", "launch"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    programs = {"collector": COLLECTOR, "db": MIGRATE, "demo": DEMO % (port, port), "streamlit": STREAMLIT}
    for name, code in programs.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").touch()
        (folder / name / "__main__.py").write_text(code)
    yield folder
    shutil.rmtree(folder)


def launched(project: Path, mode: str, log: Path, **settings: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "launch", mode],
            cwd=project,
            env=environment(WEB_PORT=str(free_port()), **settings),
            stdout=output,
            stderr=output,
        )


def pids(log: Path) -> list[int]:
    return [int(line.split()[-1]) for line in log.read_text().splitlines() if "polling" in line or "serving" in line]


def processes_of(project: Path) -> list[int]:
    """Processes that work in the project: PostgreSQL in its data, the others in the folder itself."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(project) in str((entry / "cwd").readlink()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_the_demo_comes_up_in_order_and_ends_in_order(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    launch = launched(project, "demo", log, DATABASE_URL=ELSEWHERE, DATABASE_URL_DIRECT=ELSEWHERE)
    try:
        assert eventually(lambda: "Ready: http://localhost:" in log.read_text() or launch.poll() is not None)
        assert launch.poll() is None, log.read_text()
    finally:
        launch.send_signal(signal.SIGINT)
        launch.wait()
    said = log.read_text()
    story = ("left alone", "Starting PostgreSQL", "migrating migrate ours", "imported edge 1", "polling", "Ready")
    places = [said.find(words) for words in (*story, "Ending", "Ended.")]
    assert -1 not in places, said
    assert places == sorted(places), said
    assert "/_stcore/script-health-check" in said
    assert launch.returncode == 0
    assert processes_of(project) == []


def test_killing_the_supervisor_leaves_no_process_behind(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    launch = launched(project, "run", log)
    try:
        assert eventually(lambda: len(pids(log)) == 2 or launch.poll() is not None)
        assert len(processes_of(project)) > 3
    finally:
        launch.kill()
        launch.wait()
    assert eventually(lambda: processes_of(project) == []), log.read_text()
    data = (project / "data" / "run" / "postgresql").resolve()
    choose("", data).socket_folder(data).rmdir()  # the next start would use it again


def test_a_broken_setting_is_said_before_anything_starts(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert launched(project, "run", log, POLL_INTERVAL="soon", LOG_LEVEL="loud").wait() == 1
    said = log.read_text()
    assert "POLL_INTERVAL" in said
    assert "LOG_LEVEL" in said
    assert not (project / "data").exists()


def test_a_folder_that_is_in_use_is_said_plainly(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    (project / "data" / "run").mkdir(parents=True)
    descriptor = os.open(project / "data" / "run" / "postgresql.lock", os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert launched(project, "run", log).wait() == 1
    finally:
        os.close(descriptor)
    assert "in use by another running program" in log.read_text()


def test_a_database_that_cannot_be_beside_the_other_data_has_one_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    monkeypatch.setenv("HOME", str(tmp_path))
    one, other = preparation.elsewhere(Path("/closed/data/run")), preparation.elsewhere(Path("/closed/data/demo"))
    assert one == preparation.elsewhere(Path("/closed/data/run"))
    assert one != other
    assert one.is_dir()
    assert one.is_relative_to(tmp_path)


@pytest.mark.parametrize("said_where", [True, False])
def test_a_folder_postgresql_cannot_use_is_replaced_unless_somebody_chose_it(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_where: bool
) -> None:
    started: list[Path] = []

    def start(folder: Path, **_: object) -> None:
        started.append(folder)
        if len(started) == 1:
            raise embedded.OutOfReach("nobody may enter there")

    monkeypatch.setattr(embedded, "start", start)
    monkeypatch.setattr("launch.__main__.elsewhere", lambda folder: tmp_path / "elsewhere")
    config = load(data_dir=tmp_path / "closed")
    if not said_where:
        config = config.model_copy()
        config.model_fields_set.discard("data_dir")
    launch = Launch("run", config, Output([], colours=False, stream=terminal))
    if said_where:
        with pytest.raises(embedded.OutOfReach):
            launch._start_database()
        return
    launch._start_database()
    assert started == [tmp_path / "closed" / "run", tmp_path / "elsewhere"]
    assert "elsewhere" in terminal.getvalue()


def test_an_interrupt_that_python_swallows_ends_everything_at_the_next_moment(tmp_path: Path) -> None:
    supervisor = Supervisor(Output(["web"], colours=False), folder=tmp_path, environment={})
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    supervisor.catch_signals()
    try:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            supervisor.tick()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
