"""The numbers, tiles and rows of the overview. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn.health import State
from cdn.model import Kind, Role
from ui import cards, links, numbers, tables
from ui.headline import since
from ui.html import Html, fill
from ui.status import LOOKS, chip
from ui.tiles import Region, Tile

COUNTED = (State.FINE, State.NEARLY_FULL)
NOT_TOLD = "not told yet: its viewers and the own servers that pull from it look alike"
# Origins of these kinds list who is connected.
_LISTS_CLIENTS = (Kind.SRS, Kind.NGINX_RTMP)


def kpis(seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo) -> list[cards.Kpi]:
    """The four numbers, each against an hour ago."""
    current, before = seen["summary"].loc["now"], seen["summary"].loc["hour_ago"]
    then = numbers.clock(at - timedelta(hours=1), zone)
    course = (
        seen["traffic"].groupby("at")[["delivered_bps", "viewers", "servers_up"]].sum(min_count=1)
        if len(seen["traffic"])
        else pd.DataFrame(columns=["delivered_bps", "viewers", "servers_up"])
    )
    fleet = seen["fleet"]
    scale = numbers.rate_scale([current["delivered_bps"]])
    delivered = numbers.in_scale(current["delivered_bps"], scale)
    return [
        cards.Kpi(
            "Delivered now",
            delivered,
            "" if delivered == numbers.DASH else scale.word,
            cards.change_in_percent(current["delivered_bps"], before["delivered_bps"], then),
            delivered_from(current),
            list(course["delivered_bps"]),
        ),
        cards.Kpi(
            "Viewers",
            numbers.count(current["viewers"]),
            "",
            cards.change_in_percent(current["viewers"], before["viewers"], then),
            counted_on(fleet[fleet["state"].isin(COUNTED)]),
            list(course["viewers"]),
        ),
        cards.Kpi(
            "Streams on air",
            numbers.count(current["streams_on_air"]),
            "",
            cards.change_in_count(current["streams_on_air"], before["streams_on_air"], then),
            fill('<span class="hl-b foot">{link}</span>', link=links.link(links.CHANNELS, "All channels, each once")),
        ),
        cards.Kpi(
            "Servers up",
            numbers.count(current["servers_up"]),
            f"of {numbers.count(current['servers_total'])}",
            cards.change_in_count(current["servers_up"], before["servers_up"], then),
            missing_servers(fleet),
            list(course["servers_up"]),
        ),
    ]


def delivered_from(current: Any) -> str:
    """What the sum holds and what it cannot hold; current: "now" of db.live.summary."""
    if numbers.missing(current["delivered_bps"]):
        return "no server tells it"
    offload = current["origin_offload"]
    silent, mixed = (int(numbers.known(current[name]) or 0) for name in ("edges_without_traffic", "origins_not_told"))
    said = [
        "own servers left out"
        if numbers.missing(offload)
        else f"{numbers.percent(offload, 0)} of it without the origins",
        f"{numbers.many(silent, 'edge')} {'reports' if silent == 1 else 'report'} no traffic" if silent else "",
        f"{numbers.many(mixed, 'origin')} not told apart yet" if mixed else "",
    ]
    return "; ".join(part for part in said if part)


def counted_on(counted: pd.DataFrame) -> str:
    """Where viewers are counted and where not: "on 14 edges and 3 origins; 3 edges do not count them".

    counted: of db.live.fleet the servers that answer.
    """
    knows, edge = counted["viewers"].notna(), counted["role"] == Role.EDGE
    where = [
        numbers.many(int(number), noun)
        for number, noun in (((knows & edge).sum(), "edge"), ((knows & ~edge).sum(), "origin"))
        if number
    ]
    lists = counted["kind"].isin(_LISTS_CLIENTS)
    silent, mixed = int((~knows & edge).sum()), int((~knows & ~edge & lists).sum())
    said = [
        f"on {' and '.join(where)}" if where else "no server counts them",
        f"{numbers.many(silent, 'edge')} {'does' if silent == 1 else 'do'} not count them" if silent and where else "",
        f"{numbers.many(mixed, 'origin')} not told apart yet" if mixed else "",
    ]
    return "; ".join(part for part in said if part)


def missing_servers(fleet: pd.DataFrame) -> str:
    """What the others do: "1 down, 2 no data"."""
    states = fleet["state"].value_counts()
    said = [
        f"{states[state]:,} {LOOKS[state].word.lower()}"
        for state in (State.DOWN, State.NO_DATA, State.WAITING, State.PAUSED)
        if state in states
    ]
    return ", ".join(said) or "all answer"


def regions(fleet: pd.DataFrame) -> list[Region]:
    """The edges by region, busiest region first; origins are a row of their own."""
    place = fleet["region"].where(fleet["role"] == Role.EDGE, "Origins").replace("", "No region")
    rows = []
    for name, group in fleet.groupby(place, sort=False):
        up = group["state"].isin(COUNTED)
        sent = group.loc[up, "egress_bps"].sum(min_count=1)
        note = f"{up.sum():,} of {len(group):,} up" + ("" if numbers.missing(sent) else f" · {numbers.rate(sent)}")
        members = [
            Tile(each["name"], each["state"], each["fullness"]) for each in group.sort_values("name").to_dict("records")
        ]
        order = (name == "Origins", -(numbers.known(sent) or 0.0), str(name))
        rows.append((order, Region(str(name), note, members)))
    return [row for _, row in sorted(rows, key=lambda each: each[0])]


def columns(scale: numbers.Scale) -> list[tables.Column]:
    """The columns of the table of servers; scale: of what they send."""
    return [
        tables.Column("Server"),
        tables.Column("State"),
        tables.Column("Role"),
        tables.Column("Region"),
        tables.Column(f"Sent, {scale.word}", number=True),
        tables.Column("Viewers", number=True),
        tables.Column("Streams", number=True),
        tables.Column("Response", number=True),
        tables.Column("Last answer", number=True),
    ]


def cells(row: Any, scale: numbers.Scale, at: datetime, zone: tzinfo) -> list[object]:
    """One server as cells. Numbers of a server that does not answer are old: a dash, with the last one as its title."""
    counted = row.state in COUNTED
    not_told = row.role == Role.ORIGIN and row.kind in _LISTS_CLIENTS and numbers.missing(row.viewers)
    seen_at = f" at {numbers.when(row.good_at, at, zone)}" if not numbers.missing(row.good_at) else ""

    def cell(text: str, value: object) -> Html:
        if numbers.missing(value):
            return tables.unknown("not counted here")
        return fill("{text}", text=text) if counted else tables.unknown(f"last {text}{seen_at}")

    return [
        links.link(links.server(row.name), row.name),
        chip(LOOKS[row.state]),
        row.role.capitalize(),
        row.region or tables.unknown("no region set"),
        cell(numbers.in_scale(row.egress_bps, scale), row.egress_bps),
        tables.unknown(NOT_TOLD) if not_told else cell(numbers.count(row.viewers), row.viewers),
        cell(numbers.count(row.live_streams), row.live_streams),
        cell(numbers.duration(row.response_seconds), row.response_seconds),
        fill("{age} ago", age=since(row.good_at, at, zone)) if seen_at else tables.unknown("never answered"),
    ]
