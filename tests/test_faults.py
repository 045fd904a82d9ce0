"""Everything that can go wrong in the simulated CDN is seen and named by the product within two polls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from cdn.health import ChannelState, CopyState, State
from cdn.model import REASON_WORDS, Reason
from collector.sources.zones import STATES
from db import channels, live, server
from db.frame import records
from demo.fleet import Size, plan
from demo.scenarios import SCENARIOS
from tests.simulated import INTERVAL, Simulated, first_address, simulated

FLEET = plan(
    Size(
        servers=9,
        origins=2,
        kinds={"srs": 3, "nginx": 2, "nginx_vts": 1, "nginx_rtmp": 1},
        streams=4,
        first_address=first_address(),
    )
)
ORIGIN, SRS_EDGE, NGINX_EDGE = "origin-ams-1", "edge-fra-1", "edge-waw-1"
CACHE_EDGE = "edge-prg-1"
CHANNEL = "/live/sport-1"


@dataclass
class Seen:
    """What the product says after a poll."""

    scene: Simulated
    engine: Engine

    @property
    def now(self) -> Any:
        return self.scene.at + timedelta(seconds=1)

    def server(self, name: str) -> dict[str, Any]:
        return next(row for row in records(live.fleet(self.engine, self.now, INTERVAL)) if row["name"] == name)

    def channel(self, name: str = "sport-1") -> dict[str, Any]:
        return next(row for row in records(channels.channels(self.engine, self.now, INTERVAL)) if row["name"] == name)

    def copy(self, name: str) -> str:
        found = channels.copies(self.engine, self.now, INTERVAL, self.channel()["id"])
        return str(found.loc[found["server"] == name, "state"].iloc[0])

    def events(self) -> set[tuple[str, str]]:
        found = channels.events(self.engine, self.now, since=self.now - timedelta(seconds=2 * INTERVAL + 2))
        return set(zip(found["server"], found["kind"], strict=True))

    def ends(self, name: str = "sport-1") -> set[str]:
        found = channels.publications(self.engine, self.now, since=self.now - timedelta(seconds=2 * INTERVAL + 2))
        return set(found.loc[found["name"] == name, "end_reason"].dropna())

    def hit_ratio(self, name: str) -> float:
        row = self.server(name)
        states = [row[f"cache_{state}_per_second"] or 0.0 for state in STATES]
        return float((row["cache_hit_per_second"] or 0.0) / sum(states))

    def error_ratio(self, name: str) -> float:
        row = self.server(name)
        return float(row["responses_5xx_per_second"] / row["requests_per_second"])

    def streams(self, name: str) -> int:
        return len(server.server_streams(self.engine, self.now, self.scene.targets[name].id))


@dataclass(frozen=True)
class Row:
    """One line of the table: where it happens, the reason and its words, or what else shows it."""

    server: str
    reason: Reason | frozenset[Reason] | None = None
    words: str = ""
    shows: Callable[[Seen], bool] = lambda seen: True
    channel: str | None = None
    # How many seconds of real time a poll may take.
    deadline: float = 0.4


# Nonsense comes in many forms, one a poll: each has its own words.
GARBAGE = frozenset(
    {Reason.WRONG_BODY, Reason.SERVER_ERROR, Reason.CUT_OFF, Reason.HTTP_STATUS, Reason.REDIRECTED, Reason.TIMED_OUT}
)
TABLE: dict[str, Row] = {
    "edge-down": Row(SRS_EDGE, Reason.REFUSED, "it refuses the connection"),
    "edge-silent": Row(SRS_EDGE, Reason.TIMED_OUT, "it does not answer in time"),
    "edge-dripping": Row(SRS_EDGE, Reason.TIMED_OUT, "it does not answer in time"),
    "edge-slow": Row(NGINX_EDGE, shows=lambda seen: seen.server(NGINX_EDGE)["response_seconds"] > 2.4, deadline=5.0),
    "restart": Row(SRS_EDGE, shows=lambda seen: (SRS_EDGE, "restart") in seen.events()),
    "origin-lost": Row(
        ORIGIN,
        Reason.REFUSED,
        "it refuses the connection",
        # Its channels do not move any more, and where they are published nobody answers.
        lambda seen: seen.channel()["state"] in (ChannelState.UNKNOWN, ChannelState.FROZEN),
    ),
    "publisher-lost": Row(
        ORIGIN,
        shows=lambda seen: (
            seen.channel()["state"] == ChannelState.OFF_AIR
            and seen.copy(SRS_EDGE) == CopyState.WAITING
            and seen.ends() == {"stopped"}
        ),
        channel=CHANNEL,
    ),
    "publisher-flapping": Row(
        ORIGIN, shows=lambda seen: bool(seen.ends() & {"reconnected", "stopped"}), channel=CHANNEL
    ),
    "bitrate-collapse": Row(ORIGIN, shows=lambda seen: seen.channel()["ingest_bps"] < 1_500_000, channel=CHANNEL),
    "channel-frozen": Row(
        SRS_EDGE,
        shows=lambda seen: seen.channel()["state"] == ChannelState.FROZEN and seen.copy(SRS_EDGE) == CopyState.FROZEN,
        channel=CHANNEL,
    ),
    "saturation": Row(SRS_EDGE, shows=lambda seen: seen.server(SRS_EDGE)["state"] == State.NEARLY_FULL),
    "auth-broken": Row(SRS_EDGE, Reason.UNAUTHORIZED, "it wants a password"),
    "garbage": Row(SRS_EDGE, GARBAGE, "its answer is not what was expected"),
    "stats-off": Row(SRS_EDGE, Reason.STATS_OFF, "its statistics are switched off"),
    "clock-wrong": Row(SRS_EDGE, shows=lambda seen: 415 < seen.server(SRS_EDGE)["clock_difference"] < 425),
    "republished": Row(ORIGIN, shows=lambda seen: seen.ends() == {"reconnected"}, channel=CHANNEL),
    "encoder-changed": Row(ORIGIN, shows=lambda seen: (ORIGIN, "format") in seen.events(), channel=CHANNEL),
    "reload": Row(CACHE_EDGE, shows=lambda seen: (CACHE_EDGE, "restart") not in seen.events()),
    "cache-miss-storm": Row(CACHE_EDGE, shows=lambda seen: seen.hit_ratio(CACHE_EDGE) < 0.5),
    "5xx-storm": Row(CACHE_EDGE, shows=lambda seen: seen.error_ratio(CACHE_EDGE) > 0.3),
    "hostile-names": Row(ORIGIN, shows=lambda seen: seen.streams(ORIGIN) >= 60),
}


def test_the_table_has_a_line_for_everything_that_can_go_wrong() -> None:
    assert set(TABLE) == set(SCENARIOS)


@pytest.mark.parametrize("scenario", list(TABLE))
def test_what_goes_wrong_is_seen_and_named_within_two_polls(engine: Engine, scenario: str) -> None:
    row = TABLE[scenario]
    with simulated(engine, FLEET, deadline=row.deadline) as scene:
        seen = Seen(scene, engine)
        scene.poll()
        for _ in range(4):
            scene.step()
        assert seen.server(row.server)["state"] == State.FINE
        scene.begin(scenario, row.server, channel=row.channel, seconds=3 if scenario == "restart" else 3_600)
        scene.step()
        scene.step()
        found = seen.server(row.server)
        reasons = row.reason if isinstance(row.reason, frozenset) else {row.reason}
        assert (Reason(found["reason"]) if found["reason"] else None) in reasons
        if row.reason:
            assert row.words in {REASON_WORDS[reason] for reason in reasons if reason}
            assert (found["up"], found["state"]) == (False, State.DOWN)
        assert row.shows(seen)
