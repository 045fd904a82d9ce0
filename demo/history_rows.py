"""Rows of five minutes and hours out of a season's figures: sums as the roll-up tables hold them. Pure.

Everything is an array with one row a window and one column a server, copy, channel or group; NaN: not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo.curves import Floats
from demo.figures import Copies, Figures
from demo.machine_figures import Told
from demo.server import RTMP_KINDS

Table = dict[str, Floats]
Numbers = npt.NDArray[np.int64]
BYTES = (
    "egress_bytes",
    "ingress_bytes",
    "internal_bytes",
    "origin_bytes",
    "delivered_bytes",
    "home_bytes",
    "untold_bytes",
)
SECONDS = ("covered_seconds", "up_seconds", "counted_seconds")
IN_HOUR = 12
# How far the least and the most of a gauge are from its mean over five minutes.
SWING = 0.03


@dataclass(frozen=True, slots=True)
class Places:
    """Which rows of `Copies` the product knows, and as what.

    servers: ids of `numbers`, the servers that are listed; streams: ids of `copies`, those that a server lists;
    channels: of each of these copies; groups: of each of `servers`.
    """

    numbers: Numbers
    servers: Numbers
    groups: Numbers
    copies: Numbers
    streams: Numbers
    channels: Numbers


def traffic(copies: Copies, places: Places, figures: Figures, seconds: float) -> Table:
    """What `traffic_*` holds of each listed server, whole bytes."""
    chosen = places.numbers
    servers = [copies.servers[number] for number in chosen]
    up = figures.up[:, chosen]
    blank = np.where(up > 0, 0.0, np.nan)

    def whole(rate: Floats) -> Floats:
        return np.rint(rate * seconds / 8) + blank

    def where(known: list[bool], values: Floats) -> Floats:
        return np.where(np.array(known), values, np.nan)

    counts = [server.kind != "nginx" for server in servers]
    over_rtmp = [server.kind in RTMP_KINDS for server in servers]
    homes = {server.name for server in copies.servers if server.is_home}
    egress = where(counts, whole(figures.server_sent[:, chosen]))
    internal = where(
        [rtmp and server.role == "origin" for rtmp, server in zip(over_rtmp, servers, strict=True)],
        whole(figures.server_internal[:, chosen]),
    )
    fetched = where([server.caches for server in servers], whole(figures.server_fetched[:, chosen]))
    read = _read_by_own(copies, places, fetched)
    delivered = egress - np.where(np.isnan(internal), 0.0, internal) - read
    at_home = np.where(np.array([server.is_home for server in servers]), internal, np.nan)
    from_home = where([bool(homes.intersection(server.origins)) for server in servers], fetched)
    return {
        "egress_bytes": egress,
        "ingress_bytes": where(counts, whole(figures.server_received[:, chosen])),
        "internal_bytes": internal,
        "origin_bytes": fetched,
        "delivered_bytes": delivered,
        "home_bytes": np.where(np.isnan(at_home), from_home, at_home),
        "untold_bytes": egress * np.nan,
        "viewer_seconds": where(over_rtmp, figures.server_viewers[:, chosen] * seconds) + blank,
        "stream_seconds": where(over_rtmp, figures.server_streams[:, chosen] * seconds) + blank,
        "covered_seconds": np.full_like(up, seconds),
        "up_seconds": up * seconds,
        "counted_seconds": np.where(np.array(counts), up * seconds, 0.0),
    }


def _read_by_own(copies: Copies, places: Places, fetched: Floats) -> Floats:
    """Bytes that caches fetched from each server that counts HTTP."""
    column = {copies.servers[number].name: place for place, number in enumerate(places.numbers)}
    read = np.zeros_like(fetched)
    for place, number in enumerate(places.numbers):
        origins = [
            column[name]
            for name in copies.servers[number].origins
            if name in column and copies.servers[places.numbers[column[name]]].caches
        ]
        for origin in origins:
            read[:, origin] += np.rint(np.nan_to_num(fetched[:, place]) / len(origins))
    return read


def hours(table: Mapping[str, Floats], combine: Mapping[str, Callable[[Floats], Floats]] | None = None) -> Table:
    """Twelve windows in one: sums, unless `combine` says otherwise for a column."""
    found: Table = {}
    for name, values in table.items():
        each = values.reshape(-1, IN_HOUR, values.shape[1])
        found[name] = (combine or {}).get(name, total)(each)
    return found


def total(each: Floats) -> Floats:
    """Sums over the second axis; NaN where all are."""
    return np.where(np.isnan(each).all(axis=1), np.nan, np.nansum(each, axis=1))


def grouped(table: Mapping[str, Floats], groups: Numbers) -> tuple[Numbers, Table]:
    """Sums over the servers of each group, as `group_*` holds them; and the groups."""
    order = np.argsort(groups, kind="stable")
    names, first = np.unique(groups[order], return_index=True)

    def summed(values: Floats) -> Floats:
        sorted_values = values[:, order]
        known = np.add.reduceat(~np.isnan(sorted_values), first, axis=1)
        sums = np.add.reduceat(np.nan_to_num(sorted_values), first, axis=1)
        return np.where(known > 0, sums, np.nan)

    up = np.where(table["up_seconds"] > 0, table["up_seconds"], np.nan)
    return names, {
        "servers": summed(np.ones_like(up)),
        **{name: summed(table[name]) for name in (*BYTES, "viewer_seconds", *SECONDS)},
        "viewers": summed(table["viewer_seconds"] / up),
        "streams": summed(table["stream_seconds"] / up),
    }


def streams(copies: Copies, places: Places, figures: Figures, seconds: float) -> Table:
    """What `stream_*` holds of each copy that a server lists; NaN in `counted_seconds` where it was not there."""
    chosen = places.copies
    there = figures.there[:, chosen]
    known = np.where(there * seconds >= 1, there * seconds, np.nan)
    viewers = figures.viewers[:, chosen] * seconds / np.maximum(known, seconds / 2)
    publishing = np.where(copies.handed_on[chosen], 0.0, known)
    return {
        "egress_bytes": np.rint(figures.sent[:, chosen] * seconds / 8),
        "ingress_bytes": np.rint(figures.received[:, chosen] * seconds / 8),
        "counted_seconds": known,
        "publishing_seconds": publishing,
        "viewers": viewers,
        "viewers_max": np.ceil(viewers * (1 + SWING)),
        "viewers_known": known,
    }


def stream_hours(table: Table) -> Table:
    """Hours of copies: the mean of viewers is weighted by the seconds they were known."""
    weighed = hours(
        {**table, "viewers": table["viewers"] * table["viewers_known"]},
        {"viewers_max": lambda each: np.fmax.reduce(each, axis=1)},
    )
    weighed["viewers"] = weighed["viewers"] / weighed["viewers_known"]
    return weighed


def channels(copies: Copies, places: Places, table: Table) -> tuple[Numbers, Table]:
    """What `channel_*` holds, over all copies; and the channels."""
    order = np.argsort(places.channels, kind="stable")
    names, first = np.unique(places.channels[order], return_index=True)
    at_edge = np.array([copies.servers[copies.pairs[copy][0]].role == "edge" for copy in places.copies])
    there = ~np.isnan(table["counted_seconds"])

    def summed(values: Floats) -> Floats:
        sums: Floats = np.add.reduceat(np.where(there, values, 0.0)[:, order], first, axis=1)
        return sums

    viewers = summed(table["viewers"])
    any_there = np.logical_or.reduceat(there[:, order], first, axis=1)
    publishing = np.maximum.reduceat(np.nan_to_num(table["publishing_seconds"])[:, order], first, axis=1)
    return names, {
        "egress_bytes": np.where(any_there, summed(np.where(at_edge, table["egress_bytes"], 0.0)), np.nan),
        "viewers": viewers,
        "viewers_max": viewers,
        "viewer_seconds": summed(table["viewers"] * table["viewers_known"]),
        "publishing_seconds": publishing,
    }


def channel_hours(table: Table) -> Table:
    """Hours of channels: the mean and the most of the sums of their copies."""
    return hours(
        table,
        {
            "viewers": lambda each: each.mean(axis=1),
            "viewers_max": lambda each: each.max(axis=1),
        },
    )


def wide(said: Told, up: Floats, seconds: float) -> Table:
    """What `server_*` holds of servers of one kind beside their traffic."""
    known = np.where(up > 0, up * seconds, np.nan)
    found: Table = {
        "covered_seconds": np.full_like(up, seconds),
        "up_seconds": up * seconds,
        "counted_seconds": up * seconds,
    }
    for name, rate in said.counters.items():
        found[name] = np.rint(rate * known)
    for name, value in said.gauges.items():
        mean = value + 0 * known
        found |= {name: mean, f"{name}_min": mean * (1 - SWING), f"{name}_max": mean * (1 + SWING)}
        found[f"{name}_known"] = known
    return found


def wide_hours(table: Table, gauges: Mapping[str, object]) -> Table:
    """Hours of it: means weighted by the seconds they were known."""
    weighed = dict(table)
    combine: dict[str, Callable[[Floats], Floats]] = {}
    for name in gauges:
        weighed[name] = table[name] * table[f"{name}_known"]
        combine[f"{name}_min"] = lambda each: np.fmin.reduce(each, axis=1)
        combine[f"{name}_max"] = lambda each: np.fmax.reduce(each, axis=1)
    found = hours(weighed, combine)
    for name in gauges:
        found[name] = found[name] / found[f"{name}_known"]
    return found
