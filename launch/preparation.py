"""What has to be there before anything starts: a free port, a key, a token."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"


class NotReady(Exception):
    """Something stands in the way; the message says what and which setting helps."""


def require_free_port(port: int) -> None:
    """Raise NotReady where something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise NotReady(
                f"port {port} cannot be used for the dashboard ({error.strerror}): stop what uses it, "
                f"or set WEB_PORT to another port, for example WEB_PORT={port + 1 if port < 65_535 else port - 1}"
            ) from None


def kept_secret(file: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The secret in `file`, made by `make` at the first time, readable by us alone; and whether it is new."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = file.read_text("utf-8").strip()
            if not secret:
                raise NotReady(f"{file} is empty: remove it to get a new one") from None
            return secret, False
        secret = make()
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(f"{secret}\n")
    except OSError as error:
        raise NotReady(f"{file} cannot be used ({error.strerror}); set DATA_DIR to a folder of your own") from None
    return secret, True


def new_token() -> str:
    """A new bearer token for the REST API."""
    return secrets.token_urlsafe(32)


def elsewhere(folder: Path) -> Path:
    """Where the database that belongs to `folder` keeps its data when it cannot be in there; made if missing.

    Under the system's folder for such data as root, else under the user's own; the same one at every start.
    """
    home = Path("/var/lib") if os.geteuid() == 0 else Path.home() / ".local" / "share"
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    found = home / "cdn-monitor" / f"{name}-{folder.name[:40]}"
    found.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # The user that runs PostgreSQL has to get through, whatever our umask is.
        for each in (found.parent, found):
            each.chmod(0o711)
    return found


def listens(host: str, port: int) -> bool:
    """True where something takes connections at `host`:`port`."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str, *, seconds: float) -> bool:
    """True where GET `path` on our own `port` is answered with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
