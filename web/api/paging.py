"""Long lists in pages. The header Link names the next one: <?cursor=…>; rel="next", relative to the address asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from web.api.problem import Problem

MOST, USUAL = 1_000, 200
Key = tuple[Any, ...]
T = TypeVar("T")
_WRONG = Problem(422, "A parameter is wrong", faults={"query.cursor": "want one out of the header Link of this list"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Limit = Annotated[int, Query(ge=1, le=MOST, description="So many at most; the header Link leads to the next ones.")]
Cursor = Annotated[
    str | None,
    Query(max_length=2_000, description="Where the page before ended; out of its header Link, never made up."),
]
LINK: dict[int | str, Any] = {
    200: {
        "headers": {
            "Link": {
                "description": 'The next page as <?limit=…&cursor=…>; rel="next"; none where this is the last one.',
                "schema": {"type": "string"},
            }
        }
    }
}


def newest_first(at: datetime) -> int:
    """A time as part of a key, in microseconds."""
    return -((at - _EPOCH) // timedelta(microseconds=1))


def time_of(part: int) -> datetime:
    """The time that `newest_first` made `part` of. Raises Problem 422 where it made none such."""
    try:
        return _EPOCH - timedelta(microseconds=part)
    except OverflowError:
        raise _WRONG from None


def encode(name: str, key: Key) -> str:
    """The cursor of the list `name` after the row with `key` (text and whole numbers)."""
    plain = json.dumps([name, *key], ensure_ascii=False).encode("utf-8", "replace")
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def decode(name: str, cursor: str, kinds: Sequence[type]) -> Key:
    """The key in a cursor, of `kinds`. Raises Problem 422 for what is no cursor of this list."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        if not isinstance(plain, list) or plain[:1] != [name] or len(plain) != len(kinds) + 1:
            raise ValueError
        return tuple(_value(value, kind) for value, kind in zip(plain[1:], kinds, strict=True))
    except (ValueError, RecursionError):
        raise _WRONG from None


def _value(value: Any, kind: type) -> Any:
    """`value` if it is of `kind`, and one that the database takes. Raises ValueError."""
    if type(value) is not kind or "\x00" in str(value) or (isinstance(value, int) and abs(value) >= 2**63):
        raise ValueError
    str(value).encode()
    return value


def point_on(request: Request, response: Response, cursor: str, **fixed: str) -> None:
    """Name the next page. fixed: parameters that are as they were, whatever "now" is then."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name not in {"cursor", *fixed}]
    query = urlencode([*asked, *fixed.items(), ("cursor", cursor)])
    response.headers["Link"] = f'<?{query}>; rel="next"'


def page(rows: Iterable[T], key: Callable[[T], Key], after: Key | None, most: int) -> tuple[list[T], Key | None]:
    """Of all `rows` the `most` after the key `after`, by their keys; and the key of the last one where more follow."""
    ordered = sorted((row for row in rows if after is None or key(row) > after), key=key)
    return ordered[:most], key(ordered[most - 1]) if len(ordered) > most else None


def page_of(
    read: Callable[[int], list[T]], key: Callable[[T], Key], group: Callable[[T], Any], after: Key | None, most: int
) -> tuple[list[T], Key | None]:
    """As `page`, of rows that `read(so many)` brings in order, from about where the page before ended.

    Rows of one `group` come in any order, so the last group counts only once it is whole.
    """
    asked = most + 100
    while True:
        rows = read(asked)
        whole = len(rows) < asked
        if not whole:
            last = group(rows[-1])
            rows = [row for row in rows if group(row) != last]
        found, more = page(rows, key, after, most)
        if whole or (more is not None):
            return found, more
        asked *= 2
