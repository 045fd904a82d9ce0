"""Servers that misbehave on purpose, as plain sockets and threads on this machine."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Line:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self._sock = sock
        self._server = server

    def request(self) -> bytes:
        """The next request, headers and all; recorded in `Server.requests`. Raises OSError at its end."""
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            piece = self._sock.recv(4_096)
            if not piece:
                raise ConnectionResetError
            text += piece
        self._server.requests.append(text)
        return text

    def raw(self) -> bytes:
        """Whatever comes next."""
        return self._sock.recv(4_096)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)
        self._server.sent += len(data)

    def drip(self, data: bytes, every: float = 0.02) -> None:
        """One byte now and then, until the other side or the server is gone."""
        for byte in data:
            if self._server.stopped.is_set():
                return
            self.send(bytes([byte]))
            time.sleep(every)

    def hang(self) -> None:
        """Nothing, until the server stops."""
        self._server.stopped.wait()

    def secure(self, context: ssl.SSLContext) -> None:
        """The server's side of the TLS handshake."""
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


class Server:
    """Runs `script` for each connection, in its own thread; the connection ends with the script.

    connections: how many were accepted. requests: what they asked. sent: bytes they were given.
    stopped: set when the server ends.
    """

    def __init__(
        self,
        script: Callable[[Line], None],
        tls: ssl.SSLContext | None = None,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(at)
        self._threads: list[threading.Thread] = []
        self._lines: list[Line] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{at[0]}:{self.port}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.sent = 0
        self.stopped = threading.Event()

    def __enter__(self) -> Server:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            line.close()
        for thread in self._threads:
            thread.join()

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            line = Line(sock, self)
            self.connections += 1
            self._lines.append(line)
            self._spawn(self._serve, line)

    def _serve(self, line: Line) -> None:
        with suppress(OSError):
            if self._tls:
                line.secure(self._tls)
            self._script(line)
        line.close()


def answering(answer: bytes) -> Callable[[Line], None]:
    """Answers one request with `answer` and closes the connection."""

    def script(line: Line) -> None:
        line.request()
        line.send(answer)

    return script


def ending(line: Line) -> None:
    """Closes the connection once something has come, whatever it is."""
    line.raw()


def keeping(line: Line) -> None:
    """Answers every request of a connection."""
    while True:
        line.request()
        line.send(ok(b"kept"))


def ok(body: bytes, *headers: str) -> bytes:
    """A well-formed 200 answer."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def certificate(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    issued_days_ago: int = 1,
    valid_days: int = 30,
    issuer: str = "",
    readable: bool = True,
) -> tuple[ssl.SSLContext, Path, datetime]:
    """A certificate for `host`: the server's TLS context, the file to trust it by, its end.

    It is self-signed, or by an `issuer` that exists nowhere else. Not readable: where its end belongs stand letters.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=issued_days_ago)
    ends = begins + timedelta(days=valid_days)
    alternative: x509.GeneralName
    try:
        alternative = x509.IPAddress(ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]) if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()) if issuer else key, hashes.SHA256())
    )
    der = made.public_bytes(serialization.Encoding.DER)
    if not readable:
        der = der.replace(ends.strftime("%y%m%d%H%M%SZ").encode(), b"no such date!")
    public, private = folder / f"{host}.pem", folder / f"{host}.key"
    public.write_text(ssl.DER_cert_to_PEM_cert(der))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public, ends
