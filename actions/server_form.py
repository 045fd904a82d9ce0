"""A server as somebody typed it, made into a Draft, or all its faults at once. Forms, files and REST share it.

Pure, but that POLL_ALLOW and POLL_DENY decide which addresses may be entered.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from cdn import networks
from cdn.model import AuthMethod, Credentials, Invalid, Kind, Role
from cdn.settings import settings
from collector.detect import needs_path, usual_path
from db.fleet import Draft

FIELDS = (
    "name",
    "kind",
    "url",
    "role",
    "region",
    "provider",
    "capacity",
    "tags",
    "interval",
    "verify_tls",
    "user",
    "password",
    "token",
    "origins",
    "addresses",
)
T = TypeVar("T")
E = TypeVar("E", Kind, Role)

# What a form sends for a secret that is to stay as it is: secrets are never sent to a browser.
KEEP = object()

_BITS = re.compile(r"(?i)\s*(\d+(?:[.,]\d+)?)\s*([kmgt]?)\s*(?:bit/s|bps|bits/s|b/s)?\s*")
_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SECONDS = re.compile(r"(?i)\s*(\d+(?:[.,]\d+)?)\s*(s|sec|seconds?|min|minutes?|m)?\s*")


def read(fields: Mapping[str, Any]) -> Draft:
    """The Draft that `fields` describe. Raises Invalid with every fault, by field.

    Empty values count as left out. capacity: bit/s, or text like "10 Gbit/s"; interval: seconds, or text
    like "15 s"; tags, origins, addresses: a list, or text with commas.
    """
    faults: dict[str, str] = {name: f"there is no such field; there are {', '.join(FIELDS)}" for name in fields}
    for name in FIELDS:
        faults.pop(name, None)
    given = {name: value for name, value in fields.items() if name in FIELDS and value not in (None, "", [], ())}

    def take(name: str, check: Callable[[Any], T], default: T) -> T:
        if name not in given:
            return default
        try:
            return check(given[name])
        except ValueError as fault:
            faults[name] = str(fault)
            return default

    def need(name: str) -> None:
        if name not in given:
            faults[name] = "it is missing"

    for name in ("name", "kind", "url", "role"):
        need(name)
    kind = take("kind", lambda value: _choice(value, Kind), Kind.SRS)
    draft = Draft(
        name=take("name", lambda value: _text(value, 80), ""),
        kind=kind,
        url=take("url", lambda value: address(value, kind), ""),
        role=take("role", lambda value: _choice(value, Role), Role.EDGE),
        region=take("region", lambda value: _text(value, 80), ""),
        provider=take("provider", lambda value: _text(value, 80), ""),
        capacity_bps=take("capacity", _capacity, None),
        tags=take("tags", lambda value: _list(value, lambda each: _text(each, 40)), ()),
        interval_seconds=take("interval", _interval, None),
        verify_tls=take("verify_tls", _yes_or_no, True),
        credentials=_credentials(given, kind, faults),
        keep_secret=KEEP in (given.get("password"), given.get("token")),
        origins=take("origins", lambda value: _list(value, lambda each: _text(each, 80)), ()),
        addresses=take("addresses", lambda value: _list(value, _network), ()),
    )
    if draft.name and draft.name in draft.origins:
        faults["origins"] = "a server cannot pull from itself"
    if faults:
        raise Invalid(faults)
    return draft


def address(value: object, kind: Kind | None) -> str:
    """A server's url as it is stored. Raises ValueError with what is wrong. kind None: not known yet."""
    text = _text(value, 500)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("this is no address; want http://host:port") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("want an address that begins with http:// or https://")
    if not parts.hostname or any(char.isspace() for char in text):
        raise ValueError("the host is missing or has spaces; want http://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave user and password out of the address; they have fields of their own")
    if parts.query or parts.fragment:
        raise ValueError("leave out what follows ? or #")
    _refuse_forbidden(parts.hostname)
    return _without_slash(parts, kind)


def _refuse_forbidden(host: str) -> None:
    """Raise ValueError for an address that would be refused at every poll. A name is known only then."""
    ip, config = networks.literal(host), settings()
    why = None if ip is None else networks.refusal(ip, config.poll_allow, config.poll_deny)
    if why is not None:
        raise ValueError(f"nothing is sent to {host}: {why}")


def place(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a stored url: where credentials for it may be sent."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _without_slash(parts: SplitResult, kind: Kind | None) -> str:
    path = parts.path.rstrip("/")
    if kind is not None and not path and needs_path(kind):
        example = usual_path(kind)
        raise ValueError(f"want the address of the status page, for example http://host{example}")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _credentials(given: Mapping[str, Any], kind: Kind, faults: dict[str, str]) -> Credentials:
    def secret(name: str) -> str:
        value = given[name]
        if value is KEEP:
            return ""
        if not isinstance(value, str) or len(value) > 1_000 or not value.isprintable():
            faults[name] = "want at most 1,000 printable characters"
            return ""
        return value

    if "token" in given:
        if "user" in given or "password" in given:
            faults["token"] = "want either a token, or user and password"  # noqa: S105 — what is said
        return Credentials(AuthMethod.BEARER, "", secret("token"))
    if "user" not in given and "password" not in given:
        return Credentials()
    user = given.get("user", "")
    if not isinstance(user, str) or not user or ":" in user or len(user) > 200 or not user.isprintable():
        faults["user"] = "want a user name without a colon" if user else "it is missing"
        user = ""
    if "password" not in given:
        faults["password"] = "it is missing"  # noqa: S105 — what is said
        return Credentials(AuthMethod.BASIC, user, "")
    password = secret("password")
    if kind is Kind.SRS and ":" in password:
        faults["password"] = "SRS cannot take a password with a colon"  # noqa: S105 — what is said
    return Credentials(AuthMethod.BASIC, user, password)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise ValueError("want text")
    text = value.strip()
    if not text:
        raise ValueError("it is empty")
    if len(text) > limit or not text.isprintable():
        raise ValueError(f"want at most {limit} printable characters")
    return text


def _choice(value: object, kinds: type[E]) -> E:
    text = str(value).strip().lower()
    if text not in {each.value for each in kinds}:
        raise ValueError(f"{str(value)[:40]!r} is unknown; want {' or '.join(each.value for each in kinds)}")
    return kinds(text)


def _number(value: object, pattern: re.Pattern[str], wanted: str) -> tuple[float, str]:
    if isinstance(value, bool):
        raise ValueError(wanted)
    try:
        if isinstance(value, int | float):
            number, unit = float(value), ""
        else:
            found = pattern.fullmatch(value) if isinstance(value, str) else None
            number, unit = (float(found[1].replace(",", ".")), found[2] or "") if found else (math.nan, "")
    except OverflowError:
        number, unit = math.nan, ""
    # Four hundred digits are infinite, too.
    if not math.isfinite(number):
        raise ValueError(wanted)
    return number, unit.lower()


def _capacity(value: object) -> int:
    wanted = "want a rate such as 10 Gbit/s"
    number, unit = _number(value, _BITS, wanted)
    bits = round(number * _FACTOR[unit])
    if not 1_000 <= bits <= 10**15:
        raise ValueError(f"{wanted}, between 1 kbit/s and 1,000 Tbit/s")
    return bits


def _interval(value: object) -> float:
    wanted = "want seconds between 1 and 3,600"
    number, unit = _number(value, _SECONDS, wanted)
    seconds = number * (60 if unit.startswith("m") else 1)
    if not 1 <= seconds <= 3_600:
        raise ValueError(wanted)
    return seconds


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("want true or false")
    return value


def _list(value: object, check: Callable[[Any], str]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) > 100:
        raise ValueError("want a list of at most 100")
    return tuple(dict.fromkeys(check(part) for part in parts))


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(str(value).strip(), strict=False))
    except ValueError:
        raise ValueError(f"{str(value)[:60]!r} is no address; want one like 192.0.2.7 or 192.0.2.0/28") from None
