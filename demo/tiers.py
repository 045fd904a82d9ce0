"""What stands between the simulated CDN's origins and its edges, and who pulls from whom. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from demo.lineup import Channel
from demo.server import CACHE_KINDS, ORIGIN_CITIES, RTMP_KINDS, City, Server

# Far from the origins: where there is a server in the middle, its edges pull from that.
FAR_REGIONS = ("North America", "Asia")
DIRECT_VIEWERS = 90


@dataclass(slots=True)
class Pod:
    """Origins that share a line-up, and what stands between them and their edges."""

    origins: tuple[str, ...]
    channels: tuple[Channel, ...]
    middle: str = ""
    shield: str = ""

    def of(self, origin: str) -> tuple[Channel, ...]:
        """The channels that are published into one of its origins."""
        return tuple(channel for channel in self.channels if channel.home == origin)

    @property
    def plain(self) -> tuple[Channel, ...]:
        """The channels without a vhost of their own: NGINX edges carry no others."""
        return tuple(channel for channel in self.channels if channel.vhost == "__defaultVhost__")


def named(role: str, city: City, seen: Counter[str]) -> str:
    """The next name for a server of that role in that city."""
    stem = f"{role}-{city.code}"
    seen[stem] += 1
    return f"{stem}-{seen[stem]}"


def between(middle: int, shields: int, pods: list[Pod], seen: Counter[str]) -> list[Server]:
    """`middle` SRS and `shields` caches between origins and edges, spread over the pods, to which they are noted."""
    servers = []
    for number in range(middle):
        pod = pods[number % len(pods)]
        pod.middle = named("middle", ORIGIN_CITIES[2], seen)
        servers.append(Server(pod.middle, "srs", "origin", ORIGIN_CITIES[2], "6.0.157", pod.origins, pod.channels))
    for number in range(shields):
        pod = pods[number % len(pods)]
        pod.shield = named("shield", ORIGIN_CITIES[0], seen)
        servers.append(Server(pod.shield, "nginx_vts", "origin", ORIGIN_CITIES[0], "1.22.1", pod.origins, pod.plain))
    return servers


def edge(name: str, kind: str, city: City, pod: Pod, release: str) -> Server:
    """An edge of a pod, behind whatever stands between that and its origins."""
    origins, channels = pod.origins, pod.channels if kind in ("srs", "nginx") else pod.plain
    if kind in CACHE_KINDS and pod.shield:
        origins = (pod.shield,)
    elif kind in RTMP_KINDS and pod.middle and city.region.name in FAR_REGIONS:
        origins = (pod.middle,)
    return Server(name, kind, "edge", city, release, origins, channels)


def direct(servers: list[Server]) -> list[Server]:
    """One origin gets viewers of its own, and its last channel is published through the last listed SRS edge."""
    homes = [server for server in servers if server.is_home]
    chosen = next((one for one in homes if any(c.vhost != "__defaultVhost__" for c in one.channels)), homes[0])
    doors = [one for one in servers if one.role == "edge" and one.kind == "srs" and one.listed]
    door = next((one for one in reversed(doors) if chosen.name in one.origins), None)
    rewritten = chosen.channels
    if door and len(rewritten) > 1:
        plain = [channel for channel in rewritten if channel.vhost == "__defaultVhost__"] or list(rewritten)
        rewritten = _replaced(rewritten, plain[-1], replace(plain[-1], through=door.name))
    new = {channel.url: channel for channel in rewritten}
    return [
        replace(
            server,
            channels=tuple(new.get(channel.url, channel) for channel in server.channels),
            direct=DIRECT_VIEWERS if server is chosen else 0,
        )
        for server in servers
    ]


def _replaced(channels: Iterable[Channel], old: Channel, new: Channel) -> tuple[Channel, ...]:
    return tuple(new if channel == old else channel for channel in channels)
