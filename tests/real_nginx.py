"""A real nginx with its RTMP module, ffmpeg as publisher and players, and a relay that counts their bytes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
FFMPEG = shutil.which("ffmpeg") or "/usr/bin/ffmpeg"
HOST = "127.0.0.1"
WIDTH, HEIGHT = 320, 180
# The two packets each side sends before the first message: 1 + 1536 bytes, then 1536. nginx does not count them.
HANDSHAKE = 1 + 1536 + 1536


def missing() -> str:
    """What is not installed of what this needs; empty where all of it is."""
    programs = {"nginx": os.access(NGINX, os.X_OK), "nginx's RTMP module": MODULE.exists()}
    programs["ffmpeg"] = os.access(FFMPEG, os.X_OK)
    return ", ".join(name for name, found in programs.items() if not found)


class Tally:
    """Bytes that passed, and when."""

    def __init__(self) -> None:
        self._times = [0.0]
        self._totals = [0]
        self._lock = Lock()

    def add(self, count: int) -> None:
        """`count` more, now."""
        with self._lock:
            self._totals.append(self._totals[-1] + count)
            self._times.append(time.time())

    def at(self, moment: float = float("inf")) -> int:
        """Bytes that had passed at `moment`, in seconds of the epoch; without it: until now."""
        with self._lock:
            return self._totals[bisect_right(self._times, moment) - 1]


class Relay:
    """Listens on `port` of its own and passes every connection on to another port, counting all the bytes."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.from_server, self.to_server = Tally(), Tally()
        self.connections = 0
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those there are last until one side ends them."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((HOST, self._target))
                self.connections += 1
                for ends in ((client, server, self.to_server), (server, client, self.from_server)):
                    Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, tally: Tally) -> None:
    try:
        while data := source.recv(65_536):
            tally.add(len(data))
            sink.sendall(data)
        # The other direction goes on until its own end, so that the last words of both are counted.
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class RtmpServer:
    """A running nginx: RTMP on `rtmp`, its statistics over HTTP on `http`."""

    rtmp: int
    http: int
    process: subprocess.Popen[bytes]

    def url(self, path: str) -> str:
        """Of a page: /stat, /nginx_status or /hello."""
        return f"http://{HOST}:{self.http}{path}"


@contextmanager
def serving(folder: Path, workers: int = 1) -> Iterator[RtmpServer]:
    """nginx with RTMP, whose files are in `folder`, until the block ends."""
    rtmp, http = _free_port(), _free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes {workers};
        load_module {MODULE}; {"user root;" if os.geteuid() == 0 else ""}
        events {{ worker_connections 256; }}
        rtmp_auto_push off;
        rtmp {{ access_log off; server {{ listen {HOST}:{rtmp}; application live {{ live on; }} }} }}
        http {{
          access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          server {{
            listen {HOST}:{http};
            location = /stat {{ rtmp_stat all; }}
            location = /nginx_status {{ stub_status; }}
            location = /hello {{ return 200 "hello"; }}
          }}
        }}"""
    )
    with running([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]) as process:
        deadline = time.monotonic() + 10
        while not (_listens(http) and _listens(rtmp)):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        yield RtmpServer(rtmp, http, process)


@contextmanager
def running(command: Sequence[str], *, abruptly: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with the block, if it has not ended before. abruptly: it is not asked, but killed."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if abruptly:
            process.kill()
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end; kill it where it does not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def publisher(port: int, name: str) -> list[str]:
    """The command that publishes moving pictures and a tone as live/`name`, in real time."""
    pictures = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25"
    sources = ["-re", "-f", "lavfi", "-i", pictures, "-re", "-f", "lavfi", "-i", "sine=frequency=440"]
    video = "-c:v libx264 -preset superfast -tune zerolatency -pix_fmt yuv420p -profile:v main -b:v 600k -g 25"
    sent = [*video.split(), "-c:a", "aac", "-b:a", "64k", "-f", "flv", f"rtmp://{HOST}:{port}/live/{name}"]
    return [FFMPEG, "-nostdin", "-v", "error", *sources, *sent]


def player(port: int, name: str) -> list[str]:
    """The command that plays live/`name` and throws away what comes."""
    source = f"rtmp://{HOST}:{port}/live/{name}"
    return [FFMPEG, "-nostdin", "-v", "error", "-i", source, "-c", "copy", "-f", "null", "-"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with suppress(OSError), ExitStack() as stack:
        stack.enter_context(socket.create_connection((HOST, port), 0.2))
        return True
    return False
