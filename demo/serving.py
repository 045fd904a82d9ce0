"""The simulated CDN on real sockets: one listener per running server, one for the remote control."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from demo import control, hostile
from demo.kinds import KINDS
from demo.machine import Machine
from demo.wire import Answer, Connection, Request, Site
from demo.world import World

log = logging.getLogger("demo")
TICK = 0.1
BACKLOG = 256
CONTROL_ADDRESS = "127.0.0.1"
SPARE_FILES = 512


class CannotListen(Exception):
    """An address or port cannot be had; the message says whose, why, and what to do."""


def listening_socket(address: str, port: int, whose: str) -> socket.socket:
    """A socket that listens already. Raises CannotListen."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        advice = {
            errno.EADDRINUSE: "stop the program that has it, or choose others with --srs-port, --nginx-port, --control",
            errno.EADDRNOTAVAIL: "this system has only some addresses of 127.0.0.0/8: use --one-address",
            errno.EACCES: "this user may not; choose a port above 1023",
        }.get(error.errno or 0, "choose another with --first-address")
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotListen(f"cannot listen on {address}:{port} for {whose}: {reason}; {advice}") from None
    sock.setblocking(False)
    return sock


class Serving:
    """A world that answers. `clock` gives epoch seconds; control_port 0: no remote control."""

    def __init__(self, world: World, clock: Callable[[], float], *, control_port: int = 0) -> None:
        self.world = world
        self._clock = clock
        self._control_port = control_port
        self._servers: dict[str, asyncio.Server] = {}
        self._connections: dict[str, set[Connection]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen everywhere. Raises CannotListen, with nothing left listening."""
        _allow_files(len(self.world.machines) + SPARE_FILES)
        sockets: dict[str, socket.socket] = {}
        try:
            if self._control_port:
                sockets[""] = listening_socket(CONTROL_ADDRESS, self._control_port, "the remote control")
            for name, machine in self.world.machines.items():
                sockets[name] = listening_socket(machine.server.address, machine.server.port, name)
        except CannotListen:
            for sock in sockets.values():
                sock.close()
            raise
        for name, sock in sockets.items():
            await self._listen(name, sock, self._site(self.world.machines[name]) if name else self._control)
        self.world.on_change = self._changed
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Close every socket and drop every connection, at once."""
        self.world.on_change = lambda machine: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in list(self._servers):
            self._close(name)

    async def _tick(self) -> None:
        while True:
            self.world.advance(self._clock())
            await asyncio.sleep(TICK)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self, machine: Machine) -> None:
        """A process began or ended: its port opens or closes with it."""
        name = machine.server.name
        if machine.process is None:
            self._close(name)
            return
        try:
            sock = listening_socket(machine.server.address, machine.server.port, name)
        except CannotListen as error:
            log.error("%s", error)
            return
        self._spawn(self._listen(name, sock, self._site(machine)))

    async def _listen(self, name: str, sock: socket.socket, site: Site) -> None:
        connections = self._connections.setdefault(name, set())
        loop = asyncio.get_running_loop()
        self._servers[name] = await loop.create_server(lambda: Connection(site, connections), sock=sock)

    def _close(self, name: str) -> None:
        server = self._servers.pop(name, None)
        if server:
            server.close()
        for connection in list(self._connections.get(name, ())):
            connection.abort()

    def _control(self, request: Request) -> Answer:
        now = self._clock()
        self.world.advance(now)
        return control.answer(self.world, request, now)

    def _site(self, machine: Machine) -> Site:
        respond = KINDS[machine.server.kind]

        def site(request: Request) -> Answer | None:
            now = self._clock()
            self.world.advance(now)
            machine.answers += 1
            effect = machine.effect
            if effect.silent or machine.process is None:
                return None
            answer = respond(machine, request, now)
            if effect.garbage:
                _, _, body = answer.payload.partition(b"\r\n\r\n")
                answer = Answer(hostile.spoiled(body, machine.answers))
            if effect.delay or effect.drip:
                answer = replace(answer, delay=effect.delay, drip=effect.drip)
            return answer

        return site


def _allow_files(wanted: int) -> None:
    """Many servers need many sockets: raise our own limit as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 4 * wanted:
        most = 4 * wanted if hard == resource.RLIM_INFINITY else min(4 * wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
