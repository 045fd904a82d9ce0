"""Cards: the frame around a part of a page, the card of one number, the list of problems, the legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.html import NOTHING, Html, fill, icon, join
from ui.numbers import count, known, percent
from ui.sparkline import sparkline


def card(
    key: str, title: str = "", note: object = "", height: Literal["content", "stretch"] = "content"
) -> DeltaGenerator:
    """A framed container with a title, and a quiet note at its right."""
    framed = st.container(border=True, key=f"card-{key}", height=height, gap="xsmall")
    if title:
        framed.html(card_head(title, note))
    return framed


def card_head(title: str, note: object = "") -> Html:
    """Title of a card, and a quiet note at its right."""
    return fill('<div class="ch"><h2>{title}</h2><span>{note}</span></div>', title=title, note=note)


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number. unit: after the number ("Gbit/s", "of 60"); change: against when; note: what it is made of."""

    label: str
    value: str
    unit: str = ""
    change: Html = NOTHING
    note: str = ""
    course: Sequence[float] = ()


def kpis(items: Iterable[Kpi]) -> Html:
    """The row of numbers; two columns on a phone, the first one over both."""
    return fill('<div class="kpis">{items}</div>', items=join(_kpi(item) for item in items))


def _kpi(item: Kpi) -> Html:
    return fill(
        '<section class="kpi" aria-label="{label}"><div class="k-l">{label}</div>'
        '<div class="k-v"><b>{value}</b> <span>{unit}</span></div><div class="k-d">{change}</div>'
        '<div class="k-n">{note}</div>{course}</section>',
        label=item.label,
        value=item.value,
        unit=item.unit,
        change=item.change,
        note=item.note,
        course=sparkline(item.course),
    )


def change_in_percent(now: object, before: object, when: str) -> Html:
    """ "▲ 5.1 % on 20:04"; said in words where there is nothing to compare with or nothing changed."""
    current, former = known(now), known(before)
    if current is None or former is None:
        return fill("nothing to compare with at {when}", when=when)
    if former == 0:
        return fill("0 at {when}", when=when)
    grown = current / former - 1
    if abs(grown) < 0.0005:
        return fill("same as {when}", when=when)
    return _change(grown > 0, percent(abs(grown)), when, bad=False)


def change_in_count(now: object, before: object, when: str) -> Html:
    """ "▼ 3 on 20:04", red where it fell: for things that should all be there."""
    current, former = known(now), known(before)
    if current is None or former is None:
        return fill("nothing to compare with at {when}", when=when)
    grown = round(current) - round(former)
    if grown == 0:
        return fill("same as {when}", when=when)
    return _change(grown > 0, count(abs(grown)), when, bad=grown < 0)


def _change(up: bool, amount: str, when: str, *, bad: bool) -> Html:
    return fill(
        '<i class="tri {tone}">{mark}</i><b class="{tone}">{amount}</b> on {when}',
        mark="▲" if up else "▼",
        tone="badt" if bad else "",
        amount=amount,
        when=when,
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that needs a person: title (a link), what is known, how long."""

    icon: str
    tone: str
    title: Html
    known: Html
    age: Html


def problems(items: Iterable[Problem], more: int = 0) -> Html:
    """The list of problems; `more` says how many did not fit."""
    shown = [
        fill(
            '<li class="pr"><span class="ic {tone}">{icon}</span><div>{title}<p>{known}</p><p>{age}</p></div></li>',
            tone=item.tone,
            icon=icon(item.icon),
            title=item.title,
            known=item.known,
            age=item.age,
        )
        for item in items
    ]
    rest = fill('<li class="note">and {more} more: see the table below</li>', more=count(more)) if more else NOTHING
    return fill('<ul class="prs">{shown}{rest}</ul>', shown=join(shown), rest=rest)


def legend(items: Iterable[tuple[str, str, str]]) -> Html:
    """(colour role, label, current value) of each line of a chart."""
    return fill(
        '<div class="lg">{items}</div>',
        items=join(
            fill('<span><i class="{role}"></i>{label} <b>{value}</b></span>', role=role, label=label, value=value)
            for role, label, value in items
        ),
    )


def figure_now(value: str, unit: str, note: str = "") -> Html:
    """The current value above a chart."""
    return fill(
        '<p class="big">{value} <small>{unit}</small><small class="then">{note}</small></p>',
        value=value,
        unit=unit,
        note=note,
    )
