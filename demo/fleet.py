"""Which servers the simulated CDN consists of, and the import file that names them to the product. Pure."""

from __future__ import annotations

import ipaddress
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from demo.lineup import lineup
from demo.server import EDGE_CITIES, GBIT, ORIGIN_CITIES, BasicAuth, Server, Token
from demo.tiers import Pod, between, direct, edge, named

DEFAULT_STREAMS = 11
# Origins of a pod share its channels; the edges of a pod pull from all of them.
ORIGINS_PER_POD = 3
SERVERS_PER_ORIGIN = 16
PATHS = {"nginx": "/nginx_status", "nginx_vts": "/status/format/json", "nginx_rtmp": "/stat"}
RELEASES = {"nginx_plus": "1.29.0", "angie": "1.12.1"}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a fleet, and where it listens.

    kinds: weights of the edges' kinds. one_address: everything on `first_address` at ports counted up from
    `srs_port`, for systems on which only 127.0.0.1 exists. open: nobody asks for a password.
    Of the servers are: middle: SRS between origins and far edges; shields: caches between origins and caching
    edges; unlisted: SRS edges that the file for import leaves out. direct: one origin has viewers of its own, and
    one channel is published through an edge. rtmp_workers: worker processes of the first nginx-rtmp edge.
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
    middle: int = 0
    shields: int = 0
    unlisted: int = 0
    direct: bool = False
    rtmp_workers: int = 1


DEFAULT_SIZE = Size(
    servers=24,
    origins=3,
    kinds={"srs": 10, "nginx": 1, "nginx_plus": 1, "nginx_rtmp": 2, "nginx_vts": 2, "angie": 1},
    middle=1,
    shields=1,
    unlisted=2,
    direct=True,
    rtmp_workers=2,
)


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


def plan(size: Size = DEFAULT_SIZE) -> Fleet:
    """The fleet of a given size: the same for the same numbers. Raises ValueError where no edge is left."""
    origin_count = size.origins or max(1, round(size.servers / SERVERS_PER_ORIGIN))
    edge_count = size.servers - origin_count - size.middle - size.shields - size.unlisted
    if edge_count < 1:
        besides = size.middle + size.shields + size.unlisted
        more = f", {besides} between them and the edges or not listed" if besides else ""
        raise ValueError(f"{size.servers} servers with {origin_count} origins{more} leave no edge")
    rng, seen = random.Random(f"fleet {size.seed}"), Counter[str]()
    cities = [ORIGIN_CITIES[index % len(ORIGIN_CITIES)] for index in range(origin_count)]
    origins = [named("origin", city, seen) for city in cities]
    names = [tuple(origins[at : at + ORIGINS_PER_POD]) for at in range(0, origin_count, ORIGINS_PER_POD)]
    pods = [
        Pod(pod, lineup(pod, first=number * size.streams, count=size.streams, seed=size.seed))
        for number, pod in enumerate(names)
    ]
    bare = [
        Server(name, "srs", "origin", city, _release("srs", rng), (), pods[index // ORIGINS_PER_POD].of(name))
        for index, (name, city) in enumerate(zip(origins, cities, strict=True))
    ]
    bare += between(size.middle, size.shields, pods, seen)
    kinds = _kinds(edge_count, size.kinds) + ["srs"] * size.unlisted
    edges = []
    for index, kind in enumerate(kinds):
        city = EDGE_CITIES[index % len(EDGE_CITIES)]
        one = edge(named("edge", city, seen), kind, city, pods[index % len(pods)], _release(kind, rng))
        edges.append(replace(one, listed=index < edge_count))
    bare += _special(size, edges)
    if size.direct:
        bare = direct(bare)
    return Fleet(tuple(map(partial(_placed, size), bare, _places(size))), size.seed)


def _special(size: Size, edges: list[Server]) -> list[Server]:
    """The edges, of which the first of each kind asks who it is, and the first nginx-rtmp has its workers."""
    firsts: set[str] = set()
    found: list[Server] = []
    for one in edges:
        found.append(one)
        if one.kind in firsts or not one.listed:
            continue
        firsts.add(one.kind)
        if not size.open:
            # Of all kinds only NGINX Plus checks tokens by itself.
            plus = one.kind == "nginx_plus"
            auth = Token("demo-plus-token-only") if plus else BasicAuth("monitor", f"demo-{one.kind}-only")
            found[-1] = replace(found[-1], auth=auth)
        if one.kind == "nginx_rtmp":
            found[-1] = replace(found[-1], workers=size.rtmp_workers)
    return found


def _placed(size: Size, server: Server, place: tuple[str, int | None]) -> Server:
    """The server at its address, with its kind's port and path."""
    usual = size.srs_port if server.kind == "srs" else size.nginx_port
    return replace(server, address=place[0], port=place[1] or usual, path=PATHS.get(server.kind, ""))


def _release(kind: str, rng: random.Random) -> str:
    if kind == "srs":
        return "5.0.216" if rng.random() < 0.2 else "6.0.157"
    return RELEASES.get(kind, "1.22.1")


def servers_toml(fleet: Fleet) -> str:
    """The fleet as a file for `python -m collector import`; servers that are not listed are left out."""
    quoted = json.dumps  # A JSON string is a TOML basic string for every name used here.
    blocks = []
    for server in fleet.servers:
        if not server.listed:
            continue
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
        if isinstance(server.auth, Token):
            lines.append(f"token = {quoted(server.auth.token)}")
        elif server.auth:
            lines += [f"user = {quoted(server.auth.user)}", f"password = {quoted(server.auth.password)}"]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
