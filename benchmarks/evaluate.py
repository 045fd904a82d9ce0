"""What does it cost to judge the whole fleet once?

A thousand servers with twenty streams each and fifty rules with scopes, judged at once (`evaluate.evaluate`), and the
same one by one with `evaluate.step` alone, in the same run and to the same result: what a plain loop has to pay.
Four times: while all is calm; while a hundredth of it is beyond a threshold and stays there; at the moment in which a
tenth breaks; and while that tenth stays broken.

    python -m benchmarks.evaluate
    python -m benchmarks.evaluate --servers 1000 --streams 20 --rules 50 --times 5
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np

from alerts import evaluate
from alerts.evaluate import Held, Judged
from alerts.look import Column, Fleet, Look
from alerts.rules import EVERYTHING, Rule, Scope, Subject, SubjectKey, SubjectKind
from alerts.watched import WATCHED

START = datetime(2026, 11, 1, tzinfo=UTC)
REGIONS, PROVIDERS = ("fra", "ams", "waw", "mad", "lis"), ("north", "south", "west")
SERVER_VALUES = ("load_against_capacity", "response_time", "error_ratio", "system_cpu", "server_down")
COPY_VALUES = ("stream_bitrate", "stream_frame_rate", "copy_frozen", "publisher_starts")
States = dict[tuple[int, SubjectKey], Held]
Evaluation = Callable[[list[Rule], States, Look, datetime], list[Judged]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1_000)
    parser.add_argument("--streams", type=int, default=20, help="on each server")
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument(
        "--times", type=int, default=5, help="how often it is measured at once; the middle one is printed"
    )
    given = parser.parse_args()

    rules = made_rules(given.rules)
    began = time.perf_counter()
    fleet = Fleet(subjects(given.servers, given.streams))
    pairs = sum(int(fleet.within(WATCHED[rule.watched].kind, rule.scope).sum()) for rule in rules)
    print(f"{len(fleet.subjects):,} subjects, {len(rules)} rules, {pairs:,} pairs in scope")
    print(f"index of the fleet, made when it changes: {(time.perf_counter() - began) * 1_000:,.0f} ms\n")
    print(f"{'':28}{'states':>10}{'at once':>12}{'one by one':>13}{'ratio':>8}")
    for words, share, held in (
        ("calm", 0.0, False),
        ("1 % beyond, and stays so", 0.01, True),
        ("a tenth breaks", 0.1, False),
        ("a tenth stays broken", 0.1, True),
    ):
        states: States = {}
        if held:
            states = stored(evaluate.evaluate(rules, {}, look(rules, fleet, share, START), START))
        now = START + timedelta(seconds=15)
        seen = look(rules, fleet, share, now)
        fast, quick = measured(evaluate.evaluate, rules, states, seen, now, given.times)
        slow, plain = measured(one_by_one, rules, states, seen, now, 1)
        if stored(quick) != stored(plain):
            raise SystemExit(f"{words}: at once and one by one do not agree")
        line = f"{words:28}{len(states):>10,}{fast * 1_000:>9,.0f} ms{slow * 1_000:>10,.0f} ms"
        print(f"{line}{fast / slow:>8.4f}")


def measured(
    way: Evaluation, rules: list[Rule], states: States, seen: Look, now: datetime, times: int
) -> tuple[float, list[Judged]]:
    """The middle of the seconds it took, and what came out."""
    took, found = [], []
    for _ in range(times):
        began = time.perf_counter()
        found = way(rules, states, seen, now)
        took.append(time.perf_counter() - began)
    return median(took), found


def one_by_one(rules: list[Rule], states: States, seen: Look, now: datetime) -> list[Judged]:
    """The plain loop: every subject of a rule's kind and scope through `step`."""
    found = []
    for rule in rules:
        kind = WATCHED[rule.watched].kind
        for row, subject in enumerate(seen.fleet.subjects):
            if subject.kind is kind and rule.scope.has(subject):
                held = states.get((rule.id, subject.key))
                state, moves = evaluate.step(rule, held and held.state, seen.seen(rule.asks, row), now)
                if state is not None or moves:
                    found.append(Judged(rule, subject, state, moves))
    return found


def stored(judged: list[Judged]) -> States:
    """The states that are kept."""
    return {(rule.id, subject.key): Held(subject, state) for rule, subject, state, _ in judged if state is not None}


def subjects(servers: int, streams: int) -> list[Subject]:
    """Servers with labels, and the streams on them with the same."""
    found = []
    for number in range(servers):
        name = f"edge-{number}"
        role, tags = "origin" if number % 20 == 0 else "edge", (f"tag-{number % 10}",)
        region, provider = REGIONS[number % len(REGIONS)], PROVIDERS[number % len(PROVIDERS)]
        found.append(Subject(SubjectKind.SERVER, str(number), name, role, region, provider, tags, name))
        for stream in range(streams):
            copy, key = f"live/{stream}", f"{number}/{stream}"
            found.append(Subject(SubjectKind.COPY, key, copy, role, region, provider, tags, name, copy))
    return found


def made_rules(count: int) -> list[Rule]:
    """Rules on servers and on streams in turn, with scopes from everything to a region and a role."""
    scopes = (
        *(EVERYTHING, Scope(role=("edge",)), Scope(region=REGIONS[:2]), Scope(provider=("north",), role=("edge",))),
        *(Scope(tag=("tag-1", "tag-2")), Scope(region=("waw",), role=("origin",))),
    )
    names = [name for pair in zip(SERVER_VALUES, COPY_VALUES * 2, strict=False) for name in pair]
    return [
        Rule(number, f"rule {number}", names[number % len(names)], 0.5, 0.4, scope=scopes[number % len(scopes)])
        for number in range(count)
    ]


def look(rules: list[Rule], fleet: Fleet, share: float, now: datetime) -> Look:
    """Values of which that `share` is beyond the threshold; the same subjects each time."""
    chance = np.random.default_rng(1)
    end = np.full(len(fleet.subjects), now.timestamp())
    columns = {}
    for asked in dict.fromkeys(rule.asks for rule in rules):
        values = np.where(chance.random(len(fleet.subjects)) < share, 1.0, 0.1)
        columns[asked] = Column(values, end - 15, end)
    return Look(fleet, columns)


if __name__ == "__main__":
    main()
