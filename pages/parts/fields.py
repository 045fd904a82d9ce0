"""Fields of a form about a server: each with its fault under it, and keys of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from actions.server_form import KEEP
from ui.form import fault

STORED = "Stored. Leave empty to keep it."


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one form. key: what tells it from other forms; faults: field → what was wanted."""

    key: str
    faults: Mapping[str, str]

    def name(self, field: str) -> str:
        """The widget key of `field`."""
        return f"fleet-{field}-{self.key}"

    def text(self, field: str, label: str, value: str, example: str = "") -> str:
        """A line of text."""
        typed = st.text_input(label, value, placeholder=example, key=self.name(field), autocomplete="off")
        fault(self.faults, field)
        return typed

    def secret(self, field: str, label: str, *, kept: bool) -> Any:
        """A password or token: what was typed, or KEEP. kept: one is stored; it is never sent to the browser."""
        typed = st.text_input(
            label,
            type="password",
            placeholder=STORED if kept else "",
            key=self.name(field),
            autocomplete="new-password",
        )
        fault(self.faults, field)
        return KEEP if kept and not typed else typed

    def choice(self, field: str, label: str, options: Mapping[str, str], value: str) -> str:
        """One of `options` (value → words)."""
        names = list(options)
        chosen = st.selectbox(
            label, names, index=names.index(value), format_func=options.__getitem__, key=self.name(field)
        )
        fault(self.faults, field)
        return str(chosen)

    def known(self, field: str, label: str, values: Iterable[str], value: str) -> str:
        """A choice among the `values` other servers have, or a new one."""
        offered = sorted({*values, value} - {""})
        chosen = st.selectbox(
            label,
            offered,
            index=offered.index(value) if value else None,
            placeholder="Choose or type",
            accept_new_options=True,
            key=self.name(field),
        )
        fault(self.faults, field)
        return chosen or ""

    def several(self, field: str, label: str, offered: list[str], chosen: list[str]) -> list[str]:
        """Any number of `offered`."""
        picked = st.multiselect(label, offered, chosen, key=self.name(field))
        fault(self.faults, field)
        return list(picked)
