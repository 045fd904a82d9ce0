"""Strips of days: a box a day, coloured, marked and told, for each server, region or channel. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from ui import numbers
from ui.html import NOTHING, Html, fill, join

# From so many seconds a day on it is more than a hiccup.
LONG = 300.0
# Where less of a day was seen, nobody can say how it was.
SEEN = 0.5


class Day(StrEnum):
    """How a day was; the value is the class of its box."""

    FINE = "f"
    PARTLY = "w"
    DOWN = "d"
    BLIND = "b"
    ABSENT = "a"


@dataclass(frozen=True, slots=True)
class Words:
    """What the days of a strip are called."""

    fine: str
    partly: str
    down: str
    blind: str
    absent: str

    def of(self, day: Day) -> str:
        """The words for `day`."""
        return {
            Day.FINE: self.fine,
            Day.PARTLY: self.partly,
            Day.DOWN: self.down,
            Day.BLIND: self.blind,
            Day.ABSENT: self.absent,
        }[day]


SERVERS = Words(
    "Up all day", "Down for less than 5 min", "Down for 5 min or more", "Nobody was looking", "Not there yet"
)
CHANNELS = Words(
    "On air as expected", "Off air for less than 5 min", "Off air for 5 min or more", "Nobody knows", "Not expected"
)


@dataclass(frozen=True, slots=True)
class Box:
    """A day of a strip. seconds: for how long it was down or off air at least."""

    day: Day
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Strip:
    """A line: name (a link), what is below it, its days, and the figure at its end with a title."""

    name: Html
    below: str
    boxes: Sequence[Box]
    figure: str
    title: str


def of_server(expected: float, covered: float, up: float) -> Box:
    """The box of a day out of its seconds; see db.availability.watched."""
    if expected <= 0:
        return Box(Day.ABSENT)
    down = covered - up
    if down >= LONG:
        return Box(Day.DOWN, down)
    if covered < SEEN * expected:
        return Box(Day.BLIND, down)
    # Less than a second is what rounding leaves.
    return Box(Day.PARTLY if down >= 1 else Day.FINE, down)


def of_channel(judged: bool, expected: float, off_least: float, off_most: float) -> Box:
    """The box of a day out of its seconds; see db.airtime.airtime."""
    if not judged or expected <= 0:
        return Box(Day.ABSENT)
    if off_least >= LONG:
        return Box(Day.DOWN, off_least)
    if off_most - off_least > (1 - SEEN) * expected:
        return Box(Day.BLIND, off_least)
    return Box(Day.PARTLY if off_most >= 1 else Day.FINE, off_least)


def strips(lines: Iterable[Strip], first: date, words: Words, on_phone: int) -> Html:
    """The strips, from the day `first` on; on a phone those after `on_phone` are folded."""
    shown = [_strip(line, first, words, folded=place >= on_phone) for place, line in enumerate(lines)]
    return fill('<div class="avs">{shown}</div>', shown=join(shown))


def _strip(line: Strip, first: date, words: Words, *, folded: bool) -> Html:
    return fill(
        '<div class="av {folded}"><div class="av-n"><b>{name}</b><span>{below}</span></div>'
        '<div class="av-d" role="img" aria-label="{told}">{boxes}</div>'
        '<div class="av-f" title="{title}">{figure}</div></div>',
        folded="folded" if folded else "",
        name=line.name,
        below=line.below,
        told=in_words(line.boxes, words),
        boxes=join(_box(box, first + timedelta(days=number), words) for number, box in enumerate(line.boxes)),
        title=line.title,
        figure=line.figure,
    )


def _box(box: Box, day: date, words: Words) -> Html:
    if box.day in (Day.FINE, Day.ABSENT):
        return fill('<i class="{day}"></i>', day=box.day.value)
    lasted = f", {numbers.age(box.seconds)} in all" if box.seconds >= 1 else ""
    title = f"{spoken(day)}: {words.of(box.day).lower()}{lasted}"
    return fill('<i class="{day}" title="{title}"></i>', day=box.day.value, title=title)


def in_words(boxes: Sequence[Box], words: Words) -> str:
    """A strip for whoever cannot see it: "90 days: 88 up all day, 2 down for 5 min or more"."""
    counted = Counter(box.day for box in boxes)
    parts = [f"{counted[day]} {words.of(day).lower()}" for day in Day if counted[day]]
    return f"{numbers.many(len(boxes), 'day')}: {', '.join(parts)}"


def axis(first: date, last: date, today: date) -> Html:
    """The days below the strips: the first, two in between, the last."""
    days = (last - first).days
    marks = [first, first + timedelta(days=days // 3), first + timedelta(days=2 * days // 3), last]
    words = ["today" if day == today else spoken(day) for day in marks]
    return fill(
        '<div class="av av-x"><div></div><div>{marks}</div><div></div></div>',
        marks=join(fill("<span>{word}</span>", word=word) for word in words),
    )


def legend(words: Words, shown: Iterable[Day]) -> Html:
    """What the boxes mean; only of those that are there."""
    present = set(shown)
    return fill(
        '<div class="av-l">{items}</div>',
        items=join(
            fill(
                '<span><i class="{day}"></i>{words}</span>',
                day=day.value,
                words=words.of(day),
            )
            for day in Day
            if day in present
        )
        or NOTHING,
    )


def spoken(day: date) -> str:
    """ "12 Nov"."""
    return f"{day.day} {numbers.MONTHS[day.month - 1]}"
