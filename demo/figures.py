"""What every server and every copy of a channel moves in any window of a season: the simulation's own sums, at once.

`demo/steps` counts second by second; this is where that goes on average. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo import curves
from demo.curves import Floats
from demo.fleet import Fleet
from demo.lineup import Channel
from demo.machine import Machine, machines
from demo.season import Season
from demo.server import Server
from demo.steps.http import HEAD_BYTES, PLAYLIST_BYTES, REQUEST_BYTES, SEGMENT, UPSTREAM_REQUEST_BYTES

Numbers = npt.NDArray[np.int64]
# bit/s beside the media of one who fetches HLS, and those of the requests for it.
HLS_EXTRA = (PLAYLIST_BYTES + 2 * HEAD_BYTES) / SEGMENT * 8
HLS_ASKED, HLS_FETCHED = REQUEST_BYTES * 2 / SEGMENT * 8, UPSTREAM_REQUEST_BYTES * 2 / SEGMENT * 8
# bit/s that a player sends to SRS: acknowledgements, and the handshakes of those who come.
ACKNOWLEDGED, GREETED = 2.7, 6.2


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over windows. Of copies, one row a window and one column a copy: viewers, sent and received in bit/s,
    there (share of the window). Of servers, one column a server: up (share), viewers, streams, sent, received,
    internal (to own listed servers over RTMP), fetched (from its origin over HTTP) in bit/s."""

    viewers: Floats
    sent: Floats
    received: Floats
    there: Floats
    up: Floats
    server_viewers: Floats
    server_streams: Floats
    server_sent: Floats
    server_received: Floats
    server_internal: Floats
    server_fetched: Floats


class Copies:
    """Every (server, channel) of a fleet, servers together, as arrays; and who has it from whom."""

    def __init__(self, fleet: Fleet, *, scale: float = 1.0) -> None:
        built = machines(fleet, now=0.0, scale=scale)
        self.servers: tuple[Server, ...] = fleet.servers
        self.pairs: list[tuple[int, Channel]] = [
            (number, channel) for number, server in enumerate(fleet.servers) for channel in server.channels
        ]
        index = {(number, channel.url): copy for copy, (number, channel) in enumerate(self.pairs)}
        numbers = {server.name: number for number, server in enumerate(fleet.servers)}
        self.server: Numbers = np.array([number for number, _ in self.pairs])
        self.channels: list[Channel] = list({channel.url: channel for _, channel in self.pairs}.values())
        places = {channel.url: place for place, channel in enumerate(self.channels)}
        self.channel: Numbers = np.array([places[channel.url] for _, channel in self.pairs])
        self.bitrate = np.array([float(channel.encoding.bitrate) for _, channel in self.pairs])
        self._first: Numbers = np.flatnonzero(np.diff(self.server, prepend=-1))
        self.home = np.array([self.servers[number].is_home for number, _ in self.pairs])
        self.capacity = np.array([float(server.capacity) for server in self.servers])
        self.caches = np.array([server.caches for server in self.servers])
        self.counts_pulls = np.array([server.kind == "nginx_rtmp" for server in self.servers])
        self.handed_on = np.array([channel.through == self.servers[number].name for number, channel in self.pairs])
        self._homes: Numbers = np.array([numbers[channel.home] for channel in self.channels])
        self._audiences(built)
        # An edge first, then what it pulls from, then the homes.
        self._pulls = [self._level(built, index, numbers, tier) for tier in (False, True)]

    def _audiences(self, built: dict[str, Machine]) -> None:
        watched = [built[self.servers[number].name].audiences.get(channel.url) for number, channel in self.pairs]
        self.peak = np.array([one.peak if one else 0.0 for one in watched])
        self.slow = np.array([one.slow_phase if one else 0.0 for one in watched])
        self.quick = np.array([one.quick_phase if one else 0.0 for one in watched])
        self.matches: Numbers = np.flatnonzero([bool(one and one.has_matches) for one in watched])
        offsets = [self.servers[number].city.region.utc_offset for number, _ in self.pairs]
        self.offsets = sorted(set(offsets))
        self.region: Numbers = np.array([self.offsets.index(offset) for offset in offsets])

    def _level(
        self, built: dict[str, Machine], index: dict[tuple[int, str], int], numbers: dict[str, int], tier: bool
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Copies of edges (or of tiers in between) that are pulled, and of which copies; sorted by the latter."""
        pulls: list[tuple[int, int]] = []
        for copy, (number, channel) in enumerate(self.pairs):
            machine = built[self.servers[number].name]
            server = machine.server
            if server.is_home or channel.through == server.name or (server.role == "origin") is not tier:
                continue
            source = numbers[machine.source.server.name] if machine.source else numbers[channel.home]
            # What is fetched over HTTP no SRS counts.
            if server.pulls_rtmp or self.caches[source]:
                pulls.append((index[source, channel.url], copy))
        pulls.sort()
        targets = np.array([target for target, _ in pulls], dtype=np.int64)
        first = np.flatnonzero(np.diff(targets, prepend=-1))
        return np.array([copy for _, copy in pulls], dtype=np.int64), first, targets[first]

    def figures(self, season: Season, starts: Floats, seconds: float) -> Figures:
        """The means over windows of `seconds` that begin at `starts` and follow each other."""
        up = np.stack([season.up(server.name, starts, seconds) for server in self.servers], axis=1)
        on_air = np.stack([season.on_air(channel.url, starts, seconds) for channel in self.channels], axis=1)
        on_air *= up[:, self._homes]
        there = on_air[:, self.channel] * up[:, self.server]
        viewers = self._viewers(season, starts, seconds) * up[:, self.server]
        bits = self.bitrate * on_air[:, self.channel]
        carried = np.where(self.home | self.handed_on, 0.0, np.minimum(1.0, viewers)) * there
        pulled, foreign = self._pulled(carried, there)
        carried = np.maximum(carried, np.where(self.home, 0.0, np.minimum(1.0, pulled + foreign) * there))
        return self._sums(up, there, viewers, bits, carried, pulled, foreign)

    def _viewers(self, season: Season, starts: Floats, seconds: float) -> Floats:
        middle = starts + seconds / 2
        growth = season.growth(middle)
        wanted = np.stack([curves.demand(offset, middle) * growth for offset in self.offsets], axis=1)
        viewers = curves.noise(starts, seconds, (self.slow, self.quick))
        viewers *= self.peak
        viewers *= wanted[:, self.region]
        viewers[:, self.matches] *= (curves.match_factor(middle) * season.finals(middle))[:, None]
        return viewers

    def _pulled(self, carried: Floats, there: Floats) -> tuple[Floats, Floats]:
        """How often each copy is pulled by servers we were told of, and by others."""
        pulled, foreign = np.zeros_like(carried), np.zeros_like(carried)
        listed = np.array([self.servers[number].listed for number in self.server])
        for copies, first, targets in self._pulls:
            if not len(copies):
                continue
            # A tier in between has what its own edges pull from it.
            each = np.maximum(carried[:, copies], np.minimum(1.0, (pulled + foreign)[:, copies]) * there[:, copies])
            pulled[:, targets] += np.add.reduceat(np.where(listed[copies], each, 0.0), first, axis=1)
            foreign[:, targets] += np.add.reduceat(np.where(listed[copies], 0.0, each), first, axis=1)
        return pulled, foreign

    def _sums(
        self,
        up: Floats,
        there: Floats,
        viewers: Floats,
        bits: Floats,
        carried: Floats,
        pulled: Floats,
        foreign: Floats,
    ) -> Figures:
        cached = self.caches[self.server]
        wanted = (viewers + pulled + foreign) * np.where(cached, bits + HLS_EXTRA, bits)
        share = np.minimum(1.0, self.capacity / np.maximum(self._by_server(wanted), 1.0))
        published = self.home | self.handed_on
        of_media = np.where(published, bits * there, np.where(self.counts_pulls[self.server], carried * bits, 0.0))
        of_people = np.where(cached, viewers * HLS_ASKED + (pulled + foreign) * HLS_FETCHED, viewers * ACKNOWLEDGED)
        # SRS lists a server that it was not told of as one more viewer.
        seen = viewers + np.where(cached, 0.0, foreign)
        shown = np.where(published, there, carried)
        internal = np.where(cached, 0.0, pulled * bits)
        return Figures(
            viewers=seen,
            sent=wanted * share[:, self.server],
            received=of_media + of_people,
            there=shown,
            up=up,
            server_viewers=self._by_server(seen),
            server_streams=self._by_server(np.where(self.handed_on, 0.0, shown)),
            server_sent=self._by_server(wanted) * share,
            server_received=self._by_server(of_media + of_people + np.where(cached, 0.0, viewers * GREETED)),
            server_internal=self._by_server(internal) * share,
            server_fetched=self._by_server(np.where(cached, carried * (bits + HLS_EXTRA), 0.0)),
        )

    def _by_server(self, of_copies: Floats) -> Floats:
        sums: Floats = np.add.reduceat(of_copies, self._first, axis=1)
        return sums
