"""The program behind its proxy with an account in it, and the browsers that come through."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import httpx
from sqlalchemy import text
from starlette.testclient import TestClient
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from actions.users import add_user
from cdn.model import LOCAL_ADMIN
from db import engine as engines
from db.embedded import Cluster
from db.engine import Engine
from db.secrets import new_key
from tests import behind, real_proxy
from tests.behind import PAGE, PASSWORD
from tests.conftest import TEMPLATE
from tests.real_proxy import HOST, NAME, Ports, Web

# Where the browser sits, and the token of API_TOKEN.
BROWSER = "127.0.0.77"
TOKEN = "t0ken-of-the-environment"


class Resolved(httpx.HTTPTransport):
    """Finds every name on this machine, as a browser with an entry in /etc/hosts."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the address, with the name as it was asked for."""
        name = request.url.host
        return super().handle_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=HOST),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
        )


@dataclass(frozen=True)
class Served:
    """The program and its proxy. base: "" or "/cdn".

    before: what a browser got while nobody had an account; first: whether the very first visitor found a deep link.
    """

    folder: Path
    ports: Ports
    base: str
    engine: Engine
    before: httpx.Response
    first: list[bool] = field(default_factory=list)
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    @property
    def url(self) -> str:
        """What people type."""
        return f"https://{NAME}:{self.ports.https}"

    @contextmanager
    def browser(self, url: str = "", address: str = BROWSER) -> Iterator[httpx.Client]:
        """Somebody at `address` who typed `url`."""
        transport = Resolved(verify=real_proxy.trusting(self.folder), local_address=address)
        with httpx.Client(base_url=url or self.url, transport=transport, timeout=20) as client:
            yield client

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser with a session: for all tests the same one."""
        with self.browser() as client:
            client.cookies = self.cookies
            if not self.cookies:
                assert sign_in(client, base=self.base).status_code == 303
                self.cookies.update(client.cookies)
            yield client

    def socket(self, cookies: str = "", from_site: str = "") -> ClientConnection:
        """A page's websocket, opened as a browser does."""
        return connect(
            f"wss://{NAME}:{self.ports.https}{self.base}/_stcore/stream",
            address=(HOST, self.ports.https),
            source_address=(BROWSER, 0),
            ssl=real_proxy.trusting(self.folder),
            origin=Origin(from_site or self.url),
            subprotocols=[Subprotocol("streamlit")],
            additional_headers={"cookie": cookies} if cookies else {},
            proxy=None,
            open_timeout=20,
        )

    def stored(self, question: str) -> list[Any]:
        """The first column of what the database answers."""
        with engines.reading(self.engine) as connection:
            return list(connection.execute(text(question)).scalars())


class Starting:
    """The program over a database of its own, and its proxy, on their way up."""

    def __init__(self, stack: ExitStack, folder: Path, cluster: Cluster, base: str, trusted: str) -> None:
        database = f"behind_proxy{base}"
        administrator = engines.create(cluster.url("postgres"))
        with administrator.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}"))
        administrator.dispose()
        self.ports = Ports(real_proxy.free_port(), real_proxy.free_port(), real_proxy.free_port())
        self.folder, self.base = folder, f"/{base}" if base else ""
        self.engine = engines.create(cluster.url(database))
        stack.callback(self.engine.dispose)
        settings = {
            "DATABASE_URL": cluster.url(database),
            "SECRET_KEY": new_key(),
            "API_TOKEN": TOKEN,
            "TRUSTED_PROXIES": trusted,
            "PUBLIC_URL": f"https://{NAME}{self.base}",
        }
        self.web = Web(stack, folder / "web.log", self.ports.web, base, settings)

    def opened(self, stack: ExitStack, example: str) -> Served:
        """With its proxy, and then an account."""
        self.web.wait()
        stack.enter_context(real_proxy.nginx(self.folder, example, self.ports))
        nobody = Served(self.folder, self.ports, self.base, self.engine, httpx.Response(0))
        with nobody.browser() as client:
            before = client.get(f"{self.base}/", headers=PAGE)
        add_user(self.engine, "ada", "admin", PASSWORD, by=LOCAL_ADMIN, must_change=False)
        return replace(nobody, before=before)


def cookies_of(client: httpx.Client) -> str:
    """What a browser sends along."""
    return "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)


def ending(socket: ClientConnection) -> tuple[int, int]:
    """How many messages still come over a websocket, and the code with which the server closes it."""
    for count in itertools.count():
        try:
            socket.recv(timeout=10)
        except ConnectionClosed as closed:
            return count, closed.rcvd.code if closed.rcvd else 0
    raise AssertionError


def draws(socket: ClientConnection, page: str = "") -> bool:
    """Whether a page that is asked for is there and drawn to its end."""
    ask = BackMsg()
    ask.rerun_script.page_name = page
    socket.send(ask.SerializeToString())
    there = True
    while True:
        heard = socket.recv(timeout=20)
        assert isinstance(heard, bytes)
        message = ForwardMsg.FromString(heard)
        there = there and message.WhichOneof("type") != "page_not_found"
        if message.WhichOneof("type") == "script_finished":
            return there and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


def sign_in(
    client: httpx.Client, name: str = "ada", password: str = PASSWORD, *, base: str = "", wanted: str = ""
) -> httpx.Response:
    """Fill in the form as a browser would; returns the answer."""
    answer: httpx.Response = behind.sign_in(cast(TestClient, client), name, password, base=base, wanted=wanted)
    return answer


def origin(client: httpx.Client) -> dict[str, str]:
    """What a browser adds to a form of this site."""
    return behind.origin(cast(TestClient, client))
