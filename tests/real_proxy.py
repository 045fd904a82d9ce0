"""The web program as in production: behind a real nginx with TLS, set up by the very file that operators copy."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cdn.settings import ROOT, environment
from launch.preparation import answers
from tests.real_nginx import NGINX, end, running

NAME = "monitor.example.com"
HOST = "127.0.0.1"
EXAMPLE = ROOT / "deploy" / "nginx.conf"
WEB_SECONDS = 60.0


def missing() -> str:
    """What is not installed; empty where nothing is missing."""
    return "" if os.access(NGINX, os.X_OK) else "nginx"


def certificate(folder: Path, name: str = NAME) -> None:
    """A self-signed certificate for `name`: fullchain.pem and privkey.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))


def below_a_path(example: str) -> str:
    """The example with its variant for a base path switched on, as its comments say."""
    changed, count = re.subn(r"    # <<<.*?    # >>>\n", "", example, flags=re.DOTALL)
    assert count == 1, "the example has no lines that give way"
    return re.sub(r"^    #(location|    |\})", r"    \1", changed, flags=re.MULTILINE)


def site(folder: Path, example: str, web: int, http: int, https: int) -> Path:
    """A whole configuration around `example`, with these ports and the certificate in `folder`."""
    changes = {
        "/etc/ssl/monitor.example.com/": f"{folder}/",
        "127.0.0.1:8501": f"127.0.0.1:{web}",
        "listen 80;": f"listen {HOST}:{http};",
        "listen 443 ssl http2;": f"listen {HOST}:{https} ssl http2;",
    }
    for old, new in changes.items():
        assert old in example, f"the example has no {old}"
        example = example.replace(old, new)
    example = re.sub(r"^ *listen \[::\].*\n", "", example, flags=re.MULTILINE)
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    whole = (
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; {user}\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off; client_body_temp_path {folder}/body; {paths}\n"
        # As Debian's nginx.conf has it: what an operator's file says around ours must not matter.
        f"gzip on;\n{example}\n}}\n"
    )
    file = folder / "nginx.conf"
    file.write_text(whole, "utf-8")
    return file


def faults(file: Path) -> str:
    """What nginx itself says against a configuration; empty where it takes it."""
    tested = subprocess.run(
        [NGINX, "-t", "-q", "-p", str(file.parent), "-c", str(file)], capture_output=True, text=True, timeout=20
    )
    return tested.stderr if tested.returncode or tested.stderr else ""


@dataclass(frozen=True)
class Ports:
    """Where things listen: the program itself, the proxy without and with TLS."""

    web: int
    http: int
    https: int


@contextmanager
def nginx(folder: Path, example: str, ports: Ports) -> Iterator[None]:
    """The proxy, until the block ends."""
    certificate(folder)
    file = site(folder, example, ports.web, ports.http, ports.https)
    with running([NGINX, "-p", str(folder), "-c", str(file)]) as process:
        deadline = time.monotonic() + 10
        while not (_listens(ports.http) and _listens(ports.https)):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        yield


class Web:
    """The web program as its unit starts it, with these settings; it ends with the stack."""

    def __init__(self, stack: ExitStack, log: Path, port: int, base: str, settings: dict[str, str]) -> None:
        options = {"STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_BASE_URL_PATH": base}
        self._log, self._port = log, port
        self._path = f"/{base}/_stcore/health" if base else "/_stcore/health"
        output = stack.enter_context(log.open("wb"))
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
        environ = environment(**options, **settings)
        self._process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        stack.callback(end, self._process)

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + WEB_SECONDS
        while not answers(self._port, self._path, seconds=1):
            running = self._process.poll() is None and time.monotonic() < deadline
            assert running, self._log.read_text(errors="replace")[-2_000:]
            time.sleep(0.1)


def free_port(host: str = HOST) -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def trusting(folder: Path) -> ssl.SSLContext:
    """What a browser needs to believe our certificate."""
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
