"""`python -m launch run | demo`: the whole product in one terminal, with a database of its own."""

from __future__ import annotations

import argparse
import sys
import threading
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from cdn.settings import ROOT, Settings, SettingsError, environment, settings
from db import embedded
from db.secrets import new_key
from launch.children import Program
from launch.output import Output
from launch.preparation import HOST, NotReady, answers, elsewhere, kept_secret, listens, new_token, require_free_port
from launch.supervisor import Failed, Supervisor

DEMO_SECONDS = 60.0
WEB_SECONDS = 90.0
FIRST_RUN_SECONDS = 30.0
COLLECTOR = Program("collector", (sys.executable, "-m", "collector"))
DEMO = Program("demo", (sys.executable, "-m", "demo"), stop_seconds=1.0)
HISTORY = Program("history", (sys.executable, "-m", "demo", "history", "--unless-there"), stop_seconds=1.0)


def main() -> int:
    """Run until interrupted; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m launch", description=__doc__)
    parser.add_argument("mode", choices=["run", "demo"], help="over your own servers, or over a simulated CDN")
    mode = parser.parse_args().mode
    inherited = environment()
    output = Output(
        ["collector", "web", "demo", "database", "history"],
        colours=sys.stdout.isatty() and "NO_COLOR" not in inherited,
        redraws=sys.stdout.isatty(),
    )
    try:
        config = settings()
        require_free_port(config.web_port)
        Launch(mode, config, output).run()
    except (SettingsError, NotReady, embedded.EmbeddedError, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Launch:
    """One run of the product: `mode` is run or demo; each keeps its data in a folder of its own."""

    def __init__(self, mode: str, config: Settings, output: Output) -> None:
        self._mode = mode
        self._config = config
        self._output = output
        self._folder = config.data_dir.resolve() / mode
        self._database = self._folder
        self._supervisor = Supervisor(output, folder=ROOT, environment=self._environment())
        self.cluster: embedded.Cluster | None = None

    def run(self) -> None:
        """Start all, keep it running, end all. Raises what keeps it from starting."""
        self._supervisor.catch_signals()
        try:
            self._start()
            while True:
                self._supervisor.tick()
                self.keep_database()
        except KeyboardInterrupt:
            self._output.say("Ending (once more Ctrl-C kills) …")
        finally:
            self._supervisor.stop()
            self.close_database()
        self._output.say("Ended.")

    def _start(self) -> None:
        self.open_database()
        self._supervisor.run(Program("database", (sys.executable, "-m", "db", "migrate")))
        if self._mode == "demo":
            self._start_demo()
        self._supervisor.keep_running(COLLECTOR)
        self._supervisor.keep_running(self._web())
        self._announce()
        if self._mode == "demo":
            self._supervisor.run_beside(HISTORY)

    def close_database(self) -> None:
        """End our own PostgreSQL, at once where we are in a hurry."""
        if self.cluster:
            self.cluster.stop(0.5 if self._supervisor.hurried else 2.0)

    def _environment(self) -> dict[str, str]:
        """What the programs get: our environment, the key and the token, and nothing of another database."""
        keep = self._config.data_dir.resolve()
        changes = {"DATA_DIR": str(self._folder), "PYTHONUNBUFFERED": "1"}
        if not self._config.secret_key.get_secret_value():
            changes["SECRET_KEY"], new = kept_secret(keep / "secret.key", new_key)
            if new:
                self._output.say(
                    f"Made the key that encrypts the servers' passwords: {keep / 'secret.key'}. Keep a copy."
                )
        if not self._config.api_token.get_secret_value():
            changes["API_TOKEN"], new = kept_secret(keep / "api.token", new_token)
            if new:
                self._output.say(f"Made a token for the REST API: {keep / 'api.token'}")
        return environment(**changes)

    def open_database(self) -> None:
        """Start our own PostgreSQL, unless `run` was given another. The demo never touches that one."""
        given = bool(self._config.database_url.get_secret_value())
        if given and self._mode == "run":
            self._output.say("Using the database of DATABASE_URL.")
            return
        if given:
            self._output.say("DATABASE_URL is left alone: the demo has a database of its own.")
        self._output.say(f"Starting PostgreSQL on {self._folder} …")
        self.cluster = self._start_database()
        self._supervisor.environment |= {"DATABASE_URL": self.cluster.url(), "DATABASE_URL_DIRECT": ""}

    def _start_database(self) -> embedded.Cluster:
        """Our own PostgreSQL, beside the other data; elsewhere where it cannot be there and nobody said where."""
        try:
            return embedded.start(self._database, run_as=self._config.embedded_user)
        except embedded.OutOfReach as error:
            if "data_dir" in self._config.model_fields_set:
                raise
            self._database = elsewhere(self._folder)
            self._output.say(f"{error}")
            self._output.say(f"So the database keeps its data in {self._database} …")
        return embedded.start(self._database, run_as=self._config.embedded_user)

    def keep_database(self) -> None:
        """Start our own PostgreSQL again where it has ended. Raises EmbeddedError where it cannot."""
        if self.cluster and not self.cluster.alive:
            self._output.say(f"PostgreSQL ended; starting it again. Its words: {self._database / 'postgresql.log'}")
            self.cluster.stop()
            # The same folder has the same address: nobody else has to be told.
            self.cluster = embedded.start(self._database, run_as=self._config.embedded_user)

    def _start_demo(self) -> None:
        """The simulated CDN, and its servers in our database; the same ones again at the next start."""
        fleet = self._folder / "servers.toml"
        self._supervisor.run(Program("demo", (sys.executable, "-m", "demo", "fleet")), output=fleet)
        host, port = first_address(fleet)
        if listens(host, port):
            raise Failed(f"something answers at {host}:{port} already: is another demo running? Stop that one first")
        self._supervisor.keep_running(DEMO)
        if not self._supervisor.wait_until(lambda: listens(host, port), DEMO_SECONDS):
            raise Failed(f"the simulated CDN does not answer at {host}:{port}; its lines above say why")
        self._supervisor.run(Program("collector", (sys.executable, "-m", "collector", "import", str(fleet))))

    def _web(self) -> Program:
        options = {
            "server.port": str(self._config.web_port),
            "server.address": HOST,
            "server.headless": "true",
            "browser.gatherUsageStats": "false",
            "logger.hideWelcomeMessage": "true",
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        return Program("web", (sys.executable, "-m", "streamlit", "run", "dashboard.py", *flags), stop_seconds=2.0)

    def _announce(self) -> None:
        """Say the address once somebody can look at it.

        One run of the dashboard comes first: before it, deep links are answered with "Page not found".
        """
        port = self._config.web_port
        up = self._supervisor.wait_until(lambda: answers(port, "/_stcore/health", seconds=1), WEB_SECONDS)
        if not up:
            self._output.say("The dashboard does not answer yet; the lines above say why.")
            return
        drawn: list[bool] = []
        # In a thread: what the dashboard prints meanwhile has to be passed on.
        first = threading.Thread(target=lambda: drawn.append(first_run(port)), daemon=True)
        first.start()
        self._supervisor.wait_until(lambda: not first.is_alive(), FIRST_RUN_SECONDS + 1)
        if drawn != [True]:
            self._output.say("The first page could not be drawn; the lines above say why.")
        self._output.say(f"Ready: http://localhost:{port}  (Ctrl-C ends everything)")


def first_run(port: int) -> bool:
    """Have the dashboard draw its first page for nobody; returns whether it could."""
    return answers(port, "/_stcore/script-health-check", seconds=FIRST_RUN_SECONDS)


def first_address(fleet: Path) -> tuple[str, int]:
    """Host and port of the first server in an import file. Raises Failed where there is none."""
    try:
        url = urlsplit(tomllib.loads(fleet.read_text("utf-8"))["server"][0]["url"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Failed(f"{fleet} holds no servers: {error}") from None
    return url.hostname or HOST, url.port or (443 if url.scheme == "https" else 80)


if __name__ == "__main__":
    sys.exit(main())
