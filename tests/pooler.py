"""A PgBouncer in transaction mode with TLS and password in front of a cluster: what hosted PostgreSQL often is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.engine import make_url

from db.account import choose
from db.embedded import Cluster

INI = """
[databases]
* = host={sockets}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 4
client_tls_sslmode = require
client_tls_key_file = {folder}/key.pem
client_tls_cert_file = {folder}/certificate.pem
"""


def pooler_program() -> str | None:
    """Path of pgbouncer; None where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")


class Pooler:
    """A running PgBouncer on a free port of 127.0.0.1; it serves every database of its cluster."""

    def __init__(self, program: str, cluster: Cluster, folder: Path, data: Path) -> None:
        self.port = _free_port()
        self._cluster = cluster
        account = choose("", data)
        folder.mkdir(mode=0o700)
        users = make_url(cluster.url())
        (folder / "users.txt").write_text(f'"{users.username}" "{users.password}"\n')
        (folder / "pgbouncer.ini").write_text(INI.format(sockets=cluster.sockets, port=self.port, folder=folder))
        _certificate(folder)
        account.own(folder)
        self._log = folder / "log"
        with self._log.open("wb") as output:
            self._process = account.popen([program, str(folder / "pgbouncer.ini")], output)
        self._wait()

    def url(self, database: str) -> str:
        """Address of `database` through the pooler."""
        direct = make_url(self._cluster.url(database))
        pooled = direct.set(host="127.0.0.1", port=self.port, query={"sslmode": "require"})
        return pooled.render_as_string(hide_password=False)

    def stop(self) -> None:
        """End it at once."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        for _ in range(200):
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"pgbouncer does not start: {self._log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _certificate(folder: Path) -> None:
    """A self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
