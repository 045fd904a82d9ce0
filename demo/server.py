"""The servers the simulated CDN is made of: what each is, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from demo.lineup import Channel

GBIT = 1_000_000_000
RTMP_KINDS = ("srs", "nginx_rtmp")
CACHE_KINDS = ("nginx_vts", "nginx_plus", "angie")


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
class Token:
    """A bearer token that a server asks for, as worthless."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """One simulated server. capacity in bit/s; `release` is the software's version.

    origins: whom it pulls from; an origin that has some is a tier in between. channels: what is published here, or
    else what it can pull. direct: people who watch on this origin in the evening. workers: processes that answer
    in turn. listed: False where nobody told the product of it.
    """

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
    auth: BasicAuth | Token | None = None
    direct: int = 0
    workers: int = 1
    listed: bool = True

    @property
    def is_home(self) -> bool:
        """True where publishers send their channels."""
        return self.role == "origin" and not self.origins

    @property
    def pulls_rtmp(self) -> bool:
        """True where it pulls as an RTMP player; the others fetch HLS."""
        return bool(self.origins) and self.kind in RTMP_KINDS

    @property
    def caches(self) -> bool:
        """True where it serves HLS out of a cache."""
        return self.kind in CACHE_KINDS

    @property
    def url(self) -> str:
        """What the product polls."""
        return f"http://{self.address}:{self.port}{self.path}"
