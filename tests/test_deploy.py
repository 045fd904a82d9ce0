"""What deploy/ holds is taken by those it is for, and names what there is: files, programs, settings, routes."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest

from cdn.settings import ROOT, Settings
from tests import real_proxy
from tests.test_docs import CODE as BLOCKS
from tests.test_docs import LINK, marked, paths, runs
from tests.test_imports import MAY_IMPORT
from web.gate import FREE

DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "deploy.md"
UNITS = sorted(DEPLOY.glob("*.service"))
CODE = "/opt/cdn-monitor"
ANALYZE = shutil.which("systemd-analyze")
# Of the repository and of no production: a simulated CDN, the supervisor behind make, tests, measurements.
NOT_SERVED = {"demo", "launch", "tests", "benchmarks"}
# Exposure as systemd counts it, from 0 to 10; "OK" is below 2.
MOST_EXPOSED = 1.5
PROGRAM = re.compile(r'-m"?,? "?([a-z_]+)')
SETTING = re.compile(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b")
# Streamlit's, PostgreSQL's, and Python's own.
OTHERS = re.compile(r"STREAMLIT_\w+|POSTGRES_\w+|PYTHON\w+")


def text(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def uncommented(name: str) -> str:
    return re.sub(r"^\s*#.*\n", "", text(name), flags=re.MULTILINE)


@pytest.mark.skipif(bool(real_proxy.missing()), reason=f"not installed: {real_proxy.missing()}")
@pytest.mark.parametrize("variant", ["at the root", "below a path"])
def test_nginx_takes_the_example(tmp_path: Path, variant: str) -> None:
    example = text("nginx.conf")
    real_proxy.certificate(tmp_path)
    chosen = real_proxy.below_a_path(example) if variant == "below a path" else example
    ports = [real_proxy.free_port() for _ in range(3)]
    assert real_proxy.faults(real_proxy.site(tmp_path, chosen, *ports)) == ""
    broken = chosen.replace("proxy_http_version 1.1;", "proxy_http_version one;")
    assert 'invalid value "one"' in real_proxy.faults(real_proxy.site(tmp_path, broken, *ports))


def unit(file: Path) -> dict[str, dict[str, list[str]]]:
    """Section → name → its values, one for each time it is set."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section.setdefault(name, []).append(value)
    return found


def test_there_is_a_unit_for_each_program() -> None:
    assert [file.name for file in UNITS] == [f"cdn-monitor-{name}.service" for name in ("collector", "migrate", "web")]


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_systemd_takes_the_unit_and_finds_it_shut_in(tmp_path: Path, file: Path) -> None:
    if not ANALYZE:
        pytest.skip("not installed: systemd-analyze")
    # The program is where this repository is, and units know each other.
    for each in UNITS:
        (tmp_path / each.name).write_text(re.sub(rf"{CODE}/\.venv/bin/python", "/bin/true", each.read_text("utf-8")))
    verified = said(ANALYZE, "verify", "--man=no", str(tmp_path / file.name))
    assert [line for line in verified.splitlines() if "cdn-monitor" in line] == []
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", said(ANALYZE, "security", "--offline=true", str(file)))
    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSED


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_a_unit_runs_a_program_of_ours_from_the_folder_it_is_in(file: Path) -> None:
    service = unit(file)["Service"]
    (command,) = service["ExecStart"]
    assert command.startswith(f"{CODE}/.venv/bin/python -m ")
    assert service["WorkingDirectory"] == [CODE]
    assert starts(command.split()[1:]) == set()
    (documents,) = unit(file)["Unit"]["Documentation"]
    assert (ROOT / documents.removeprefix(f"file://{CODE}/")).is_file()
    # Secrets are in a file that only root reads; never in the unit, which everybody may read.
    assert service["EnvironmentFile"] == ["/etc/cdn-monitor/environment"]
    # None of the programs tells systemd that it lives.
    assert "WatchdogSec" not in service
    assert "notify" not in service.get("Type", [])


def starts(arguments: list[str]) -> set[str]:
    """What of `-m …` is not there to be started."""
    module, rest = arguments[arguments.index("-m") + 1], arguments[arguments.index("-m") + 2 :]
    if module == "streamlit":
        return {name for name in rest if name.endswith(".py") and not (ROOT / name).exists()}
    return set() if runs(module) else {module}


def test_a_program_that_may_run_for_ever_is_always_started_again_and_after_the_schema() -> None:
    for file in (DEPLOY / "cdn-monitor-collector.service", DEPLOY / "cdn-monitor-web.service"):
        found = unit(file)
        assert found["Service"]["Restart"] == ["always"]
        assert found["Unit"]["StartLimitIntervalSec"] == ["0"]
        for order in ("Wants", "After"):
            assert "cdn-monitor-migrate.service" in found["Unit"][order][0].split()
        # Required, one failure of the schema would leave it down for good.
        assert "Requires" not in found["Unit"]
        assert found["Service"]["Environment"][-1] == f"DATA_DIR=/var/lib/{found['Service']['StateDirectory'][0]}"


def copied() -> set[str]:
    """What the image is made of, of this repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", text("Containerfile"), re.MULTILINE)
    return {source.rstrip("/") for line in lines for source in line.split()[:-1]}


def committed() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if listed.returncode:
        pytest.skip("this folder is no git repository")
    return set(listed.stdout.split("\n"))


def test_the_image_has_all_packages_of_the_product() -> None:
    packages = {name.split("/")[0] for name in committed() if "/" in name and name.endswith(".py")}
    served = {name for name in copied() if (ROOT / name).is_dir()} - {".streamlit"}
    assert served == packages - NOT_SERVED
    # What stays out is imported by nothing that is in.
    assert not NOT_SERVED & set().union(*(MAY_IMPORT[name] for name in served))


def test_what_the_image_is_made_of_exists_and_is_not_kept_out() -> None:
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    let_in = {line[1:] for line in text("Containerfile.dockerignore").splitlines() if line.startswith("!")}
    assert let_in == copied()


def test_the_image_holds_only_packages_that_were_compared_and_runs_as_nobody_in_particular() -> None:
    file = uncommented("Containerfile")
    assert "--require-hashes --no-deps --only-binary=:all: -r /tmp/requirements.lock" in file
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^\S+==\S+ .*\\\n    --hash=", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-zA-Z]", lock, re.MULTILINE))
    last = file.rpartition("FROM ")[2]
    assert re.search(r"^USER (?!root\b|0\b)\S+$", last, re.MULTILINE)
    assert not re.search(r"apt-get|gcc|build-essential", file)


def test_the_image_is_asked_for_its_health_where_that_is_free_to_ask() -> None:
    asked = re.search(r"'(api/[a-z0-9/]+)'", text("Containerfile"))
    assert asked is not None
    assert f"/{asked[1]}" in FREE


def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="not installed: PyYAML")
    found: dict[str, Any] = yaml.safe_load(text("compose.yaml"))
    return found


def test_containers_start_in_order_and_are_started_again() -> None:
    services = compose()["services"]
    assert set(services) == {"database", "migrate", "collector", "web"}
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("collector", "web"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert "pg_isready" in services["database"]["healthcheck"]["test"]
    file = DEPLOY / services["web"]["build"]["context"] / services["web"]["build"]["dockerfile"]
    assert file.resolve() == DEPLOY / "Containerfile"
    for service in services.values():
        if "command" in service:
            assert starts(service["command"]) == set()
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose()["volumes"]


def test_no_container_is_reached_from_elsewhere_and_none_has_a_secret_written_down() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8501:8501"]
    for service in compose()["services"].values():
        for name, value in service["environment"].items():
            if re.search(r"PASSWORD|KEY|TOKEN|URL", name):
                assert re.search(r"\$\{[A-Z_]+:\?.+\}", value), name


def test_the_proxy_that_containers_trust_is_their_own_network() -> None:
    found = compose()
    (network,) = found["networks"]["inside"]["ipam"]["config"]
    assert found["services"]["web"]["environment"]["TRUSTED_PROXIES"] == network["gateway"]


@pytest.mark.parametrize("name", sorted(file.name for file in DEPLOY.iterdir()))
def test_settings_that_are_named_exist(name: str) -> None:
    known = {field.upper() for field in Settings.model_fields}
    named = {each for each in SETTING.findall(re.sub(r"\$\{?[a-z]\w*", "", text(name))) if not OTHERS.fullmatch(each)}
    assert named - known - {"AF_INET", "AF_INET6", "AF_UNIX"} == set()


def test_the_guide_names_what_there_is() -> None:
    guide = GUIDE.read_text("utf-8")
    links = [link for link in LINK.findall(BLOCKS.sub("", guide)) if "://" not in link]
    assert [link for link in links if not (GUIDE.parent / link).exists()] == []
    code = marked("docs/deploy.md")
    assert [path for path in paths(code) if not (ROOT / path).exists()] == []
    known = {field.upper() for field in Settings.model_fields} | {"FORWARDED_ALLOW_IPS"}
    assert {name for name in SETTING.findall(guide) if not OTHERS.fullmatch(name)} - known == set()
    assert [name for name in re.findall(r"^ *cdn ([a-z]+) ", code, re.MULTILINE) if not runs(name)] == []
    metrics = (ROOT / "web" / "metrics.py").read_text("utf-8")
    assert [name for name in re.findall(r"cdn_monitor_\w+", guide) if f'"{name}"' not in metrics] == []
    assert {"/api/v1/healthz", "/api/v1/readyz"} <= FREE


def test_options_of_streamlit_that_are_named_exist() -> None:
    from streamlit import config

    known = {option.env_var for option in config.get_config_options().values()}
    written = "\n".join(file.read_text("utf-8") for file in [*DEPLOY.iterdir(), ROOT / "docs" / "deploy.md"])
    assert set(re.findall(r"STREAMLIT_\w+", written)) - known == set()


def test_the_guide_names_all_files_there_are() -> None:
    guide = GUIDE.read_text("utf-8")
    assert [file.name for file in DEPLOY.iterdir() if file.suffix != ".dockerignore" and file.name not in guide] == []


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_proxies_ask_the_program_where_it_listens(name: str) -> None:
    streamlit = RawConfigParser(strict=False)
    streamlit.read_string(
        re.sub(r"^\[theme.*", "", (ROOT / ".streamlit/config.toml").read_text("utf-8"), flags=re.S | re.M)
    )
    address = streamlit["server"]["address"].strip('"')
    assert f"{address}:8501" in uncommented(name)
