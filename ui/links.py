"""Links inside the program. They are relative, so that a base path works; the script follows them without a reload."""

from __future__ import annotations

from urllib.parse import urlencode

from ui.html import Html, fill

OVERVIEW = "./"
FLEET = "fleet"
SYSTEM = "system"
CHANNELS = "channels"
ACCESS = "access"
AVAILABILITY = "availability"
BILLING = "billing"
# Served beside the pages, not one of them.
ACCOUNT = "account"


def server(name: str, **query: str) -> str:
    """Address of a server's page with `query`; empty values are left out."""
    kept = {name: value for name, value in query.items() if value}
    return f"server?{urlencode({'name': name, **kept})}"


def overview(**query: str) -> str:
    """Address of the overview with `query`; empty values are left out."""
    kept = {name: value for name, value in query.items() if value}
    return f"./?{urlencode(kept)}" if kept else OVERVIEW


def channels(**query: str) -> str:
    """Address of the list of channels with `query`; empty values are left out."""
    kept = {name: value for name, value in query.items() if value}
    return f"{CHANNELS}?{urlencode(kept)}" if kept else CHANNELS


def channel(id: int, **query: str) -> str:
    """Address of a channel's page, with `query`."""
    return f"channel?{urlencode({'id': id, **query})}"


def link(href: str, text: object, classes: str = "") -> Html:
    """A soft link."""
    return fill('<a class="{classes}" href="{href}">{text}</a>', classes=classes, href=href, text=text)


def edit(name: str) -> str:
    """Address of the form that changes a server."""
    return f"{FLEET}?{urlencode({'edit': name})}"


def enter(url: str) -> str:
    """Address of the form that adds a server, with its address filled in."""
    return f"{FLEET}?{urlencode({'url': url})}"


def person(name: str) -> str:
    """Address of the form that changes an account."""
    return f"{ACCESS}?{urlencode({'person': name})}"


def billing(**query: str) -> str:
    """Address of the page about bills with `query`; empty values are left out."""
    kept = {name: value for name, value in query.items() if value}
    return f"{BILLING}?{urlencode(kept)}" if kept else BILLING


def bill_report(contract_id: int, month: object, zone: str) -> str:
    """Address of a contract's month to print. Served beside the pages, not one of them."""
    return f"reports/contract?{urlencode({'id': contract_id, 'month': month, 'zone': zone})}"


def availability(**query: str) -> str:
    """Address of the page of availability, with `query`."""
    return f"{AVAILABILITY}?{urlencode(query)}" if query else AVAILABILITY


def channel_report(channel_id: int, month: str, zone: str) -> str:
    """Address of a channel's month as a page to print; none of Streamlit's."""
    return f"reports/channel?{urlencode({'id': channel_id, 'month': month, 'zone': zone})}"
