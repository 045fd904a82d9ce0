"""Which servers the simulated CDN consists of, and the import file that names them to the product. Pure."""

from __future__ import annotations

import ipaddress
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from demo.lineup import Channel, lineup

GBIT = 1_000_000_000
DEFAULT_STREAMS = 11
# Origins of a pod share its channels; the edges of a pod pull from all of them.
ORIGINS_PER_POD = 3
SERVERS_PER_ORIGIN = 16


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the world: its name and its clock (hours from UTC)."""

    name: str
    utc_offset: float


@dataclass(frozen=True, slots=True)
class City:
    """Where servers stand, and whose lines they use."""

    code: str
    region: Region
    provider: str


WEST = Region("Europe West", 1)
EAST = Region("Europe East", 2)
AMERICA = Region("North America", -5)
ASIA = Region("Asia", 8)

ORIGIN_CITIES = (
    City("ams", WEST, "Nordlink"),
    City("waw", EAST, "Eastwire"),
    City("nyc", AMERICA, "Lakeshore Transit"),
)
EDGE_CITIES = (
    City("fra", WEST, "Nordlink"),
    City("ams", WEST, "Nordlink"),
    City("lon", WEST, "Channel Fibre"),
    City("fra", WEST, "Channel Fibre"),
    City("waw", EAST, "Eastwire"),
    City("prg", EAST, "Eastwire"),
    City("nyc", AMERICA, "Lakeshore Transit"),
    City("chi", AMERICA, "Lakeshore Transit"),
    City("lax", AMERICA, "Sierra Net"),
    City("sin", ASIA, "Straits Carrier"),
    City("tyo", ASIA, "Straits Carrier"),
    City("par", WEST, "Channel Fibre"),
    City("mad", WEST, "Nordlink"),
    City("dal", AMERICA, "Sierra Net"),
    City("hkg", ASIA, "Straits Carrier"),
)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Basic auth that a server asks for. Made up, and worth nothing anywhere else."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """One simulated server. capacity in bit/s; `release` is the software's version."""

    name: str
    kind: str
    role: str
    city: City
    release: str
    origins: tuple[str, ...]
    channels: tuple[Channel, ...]
    capacity: int = 10 * GBIT
    address: str = ""
    port: int = 0
    path: str = ""
    auth: BasicAuth | None = None

    @property
    def url(self) -> str:
        """What the product polls."""
        return f"http://{self.address}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a fleet, and where it listens.

    kinds: weights of the edges' kinds. one_address: everything on `first_address` at ports counted up from
    `srs_port`, for systems on which only 127.0.0.1 exists. open: nobody asks for a password.
    """

    servers: int = 18
    origins: int | None = None
    streams: int = DEFAULT_STREAMS
    kinds: Mapping[str, int] = field(default_factory=lambda: {"srs": 1})
    seed: int = 1
    first_address: str = "127.0.10.11"
    srs_port: int = 1985
    nginx_port: int = 8080
    one_address: bool = False
    open: bool = False


DEFAULT_SIZE = Size(origins=3, kinds={"srs": 4, "nginx": 1})


@dataclass(frozen=True, slots=True)
class Fleet:
    """All servers, origins first, and the seed everything random is made from."""

    servers: tuple[Server, ...]
    seed: int


def _kinds(edges: int, weights: Mapping[str, int]) -> list[str]:
    """The kind of each edge, kinds together, in shares of their weights."""
    total = sum(weights.values())
    kinds: list[str] = []
    reached = 0
    for kind, weight in weights.items():
        reached += weight
        kinds += [kind] * (round(edges * reached / total) - len(kinds))
    return kinds


def _places(size: Size) -> Iterator[tuple[str, int | None]]:
    """Address and port of each server in turn; the port is None where it is the kind's usual one."""
    first = ipaddress.IPv4Address(size.first_address)
    index = 0
    while True:
        if size.one_address:
            yield str(first), size.srs_port + index
        elif int(first + index) & 0xFF not in (0, 0xFF):
            yield str(first + index), None
        index += 1


def _name(role: str, city: City, seen: Counter[str]) -> str:
    stem = f"{role}-{city.code}"
    seen[stem] += 1
    return f"{stem}-{seen[stem]}"


def plan(size: Size = DEFAULT_SIZE) -> Fleet:
    """The fleet of a given size: the same for the same numbers. Raises ValueError where no edge is left."""
    origin_count = size.origins or max(1, round(size.servers / SERVERS_PER_ORIGIN))
    if size.servers <= origin_count:
        raise ValueError(f"{size.servers} servers with {origin_count} origins leave no edge")
    rng, seen = random.Random(f"fleet {size.seed}"), Counter[str]()
    cities = [ORIGIN_CITIES[index % len(ORIGIN_CITIES)] for index in range(origin_count)]
    origins = [_name("origin", city, seen) for city in cities]
    pods = [tuple(origins[at : at + ORIGINS_PER_POD]) for at in range(0, origin_count, ORIGINS_PER_POD)]
    lineups = [
        lineup(pod, first=number * size.streams, count=size.streams, seed=size.seed) for number, pod in enumerate(pods)
    ]
    bare = [
        Server(name, "srs", "origin", city, _release("srs", rng), (), _own(name, lineups[index // ORIGINS_PER_POD]))
        for index, (name, city) in enumerate(zip(origins, cities, strict=True))
    ]
    asking: set[str] = set()
    for index, kind in enumerate(_kinds(size.servers - origin_count, size.kinds)):
        city, pod = EDGE_CITIES[index % len(EDGE_CITIES)], index % len(pods)
        name = _name("edge", city, seen)
        edge = Server(name, kind, "edge", city, _release(kind, rng), pods[pod], lineups[pod])
        # One edge of each kind asks for a password.
        if not size.open and kind not in asking:
            asking.add(kind)
            edge = replace(edge, auth=BasicAuth("monitor", f"demo-{kind}-only"))
        bare.append(edge)
    return Fleet(tuple(map(partial(_placed, size), bare, _places(size))), size.seed)


def _own(origin: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    return tuple(channel for channel in channels if channel.home == origin)


def _placed(size: Size, server: Server, place: tuple[str, int | None]) -> Server:
    """The server at its address, with its kind's port and path."""
    usual, path = (size.nginx_port, "/nginx_status") if server.kind == "nginx" else (size.srs_port, "")
    return replace(server, address=place[0], port=place[1] or usual, path=path)


def _release(kind: str, rng: random.Random) -> str:
    return "1.22.1" if kind == "nginx" else "5.0.216" if rng.random() < 0.2 else "6.0.157"


def servers_toml(fleet: Fleet) -> str:
    """The fleet as a file for `python -m collector import`."""
    quoted = json.dumps  # A JSON string is a TOML basic string for every name used here.
    blocks = []
    for server in fleet.servers:
        lines = [
            "[[server]]",
            f"name = {quoted(server.name)}",
            f"kind = {quoted(server.kind)}",
            f"url = {quoted(server.url)}",
            f"role = {quoted(server.role)}",
            f"region = {quoted(server.city.region.name)}",
            f"provider = {quoted(server.city.provider)}",
            f'capacity = "{server.capacity // GBIT} Gbit/s"',
            'tags = ["demo"]',
        ]
        if server.origins:
            lines.append(f"origins = {quoted(list(server.origins))}")
        if server.auth:
            lines += [f"user = {quoted(server.auth.user)}", f"password = {quoted(server.auth.password)}"]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
