"""One look at the whole fleet: who is there, and columns of what is known of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from alerts.rules import DIMENSIONS, Asked, Comparison, NoData, Rule, Scope, Subject, SubjectKey, SubjectKind
from alerts.states import Seen

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Fleet:
    """The subjects that are there, with an index of their labels. Make one anew only when the fleet changes."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self.subjects = tuple(subjects)
        self.rows: dict[SubjectKey, int] = {subject.key: row for row, subject in enumerate(self.subjects)}
        found: dict[tuple[str, str], list[int]] = {}
        for row, subject in enumerate(self.subjects):
            found.setdefault(("kind", subject.kind), []).append(row)
            for dimension in DIMENSIONS:
                for label in subject.labels(dimension):
                    found.setdefault((dimension, label), []).append(row)
        self._index = {pair: np.array(rows, dtype=np.intp) for pair, rows in found.items()}
        self._within: dict[tuple[SubjectKind, Scope], Mask] = {}

    def within(self, kind: SubjectKind, scope: Scope) -> Mask:
        """Which rows are of that kind and in `scope`. Remembered, so nobody can write to it."""
        if (kind, scope) not in self._within:
            mask = self._any("kind", (kind,))
            for dimension, labels in scope.asked().items():
                mask = mask & self._any(dimension, labels)
            mask.flags.writeable = False
            self._within[kind, scope] = mask
        return self._within[kind, scope]

    def _any(self, dimension: str, labels: Sequence[str]) -> Mask:
        mask = np.zeros(len(self.subjects), dtype=np.bool_)
        for label in labels:
            rows = self._index.get((dimension, label))
            if rows is not None:
                mask[rows] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """What is known of one thing that is asked, a row for each subject of the fleet; see Seen.

    values: base units, NaN where nobody knows. since, at: seconds since the epoch.
    """

    values: Floats
    since: Floats
    at: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The fleet at one moment. What has no column, nobody knows."""

    fleet: Fleet
    columns: Mapping[Asked, Column]

    def beyond(self, rule: Rule, within: Mask) -> list[int]:
        """Rows of `within` that the rule counts as breached now."""
        column = self.columns.get(rule.asks)
        if column is None:
            return np.flatnonzero(within).tolist() if rule.no_data is NoData.BREACH else []
        above = rule.comparison is Comparison.ABOVE
        breached = column.values > rule.threshold if above else column.values < rule.threshold
        if rule.no_data is NoData.BREACH:
            breached = breached | ~np.isfinite(column.values)
        return np.flatnonzero(within & breached).tolist()

    def seen(self, asked: Asked, row: int) -> Seen:
        """What is known of one subject."""
        column = self.columns.get(asked)
        value = math.nan if column is None else float(column.values[row])
        if column is None or not math.isfinite(value):
            return Seen(None, _NEVER, _NEVER)
        return Seen(value, _moment(column.since[row]), _moment(column.at[row]))


_NEVER = datetime.fromtimestamp(0, UTC)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
