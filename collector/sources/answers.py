"""Reading answers of servers that may send anything: every value is checked, every text is bounded."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from cdn.model import PollError, Reason
from cdn.units import MAX_COUNTER

MAX_TEXT = 300
_HASH_DIGITS = 12


def json_object(body: bytes, path: str) -> dict[str, Any]:
    """The JSON object in `body`. Raises PollError(WRONG_BODY) that quotes how the answer begins."""
    value = _json(body, path)
    if not isinstance(value, dict):
        raise wrong(path, f"the answer is JSON but no object, it begins {begins(body)}")
    return value


def json_list(body: bytes, path: str) -> list[Any]:
    """The JSON list in `body`. Raises PollError(WRONG_BODY) that quotes how the answer begins."""
    value = _json(body, path)
    if not isinstance(value, list):
        raise wrong(path, f"the answer is JSON but no list, it begins {begins(body)}")
    return value


def _json(body: bytes, path: str) -> Any:
    try:
        return _loads(body)
    except ValueError:
        raise wrong(path, f"the answer is not JSON, it begins {begins(body)}") from None
    except RecursionError:
        raise wrong(path, "the answer is nested too deeply") from None


def _loads(body: bytes) -> Any:
    # One name that is no UTF-8, or half a character, and whoever may publish picks names, must not hide a whole server.
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    whole = body.decode("utf-8", "replace")
    if "\\u" not in whole:
        return orjson.loads(whole)
    return json.loads(whole, parse_constant=_no_number)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def begins(body: bytes) -> str:
    """The first characters of `body`, quoted and harmless, for an error message."""
    text = body[:40].decode("utf-8", "replace")
    return repr(text) if text else "with nothing: it is empty"


def wrong(path: str, what: str) -> PollError:
    """A PollError that says which path answered what."""
    return PollError(Reason.WRONG_BODY, f"GET {path}: {what}")


def member(value: Mapping[str, Any], key: str, path: str) -> dict[str, Any]:
    """The object `value[key]`. Raises PollError where it is missing or something else."""
    inner = value.get(key)
    if not isinstance(inner, dict):
        raise wrong(path, f"{key} is {seen(inner)}, want an object")
    return inner


def counter(value: Mapping[str, Any], key: str, path: str) -> int:
    """The cumulative counter `value[key]`: a whole number from 0 to 2^63 - 1. Raises PollError."""
    number = value.get(key)
    # bool is an int in Python, but no count.
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MAX_COUNTER:
        raise wrong(path, f"{key} is {seen(number)}, want a whole number from 0 to 2^63 - 1")
    return number


def optional_gauge(value: Mapping[str, Any], key: str, highest: float = 1e15) -> float | None:
    """The gauge `value[key]`; None where it is missing, no number, negative or beyond `highest`."""
    number = value.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if not math.isfinite(number) or not 0 <= number <= highest:
        return None
    return float(number)


def text(value: object, limit: int = MAX_TEXT) -> str:
    """`value` as text PostgreSQL can hold: no NUL, no lone surrogates, bounded; "" where it is no text.

    A longer text is cut and gets a hash of the whole, so that two long names stay two.
    """
    if not isinstance(value, str):
        return ""
    if len(value) <= limit and value.isascii() and "\x00" not in value:
        return value  # nearly every text is like this: the rest is for strangers' names
    clean = value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= limit:
        return clean
    digest = hashlib.sha256(clean.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{clean[: limit - _HASH_DIGITS - 1]}…{digest}"


def seen(value: object) -> str:
    """`value` in few characters, for an error message."""
    if value is None:
        return "missing"
    try:
        shown = repr(value)
    except RecursionError:
        return "nested too deeply"
    return shown if len(shown) <= 40 else f"{shown[:37]}…"
