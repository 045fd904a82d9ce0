"""Where webhooks and chats may be: public addresses, and own networks that WEBHOOK_ALLOW names."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

from alerts.notifiers.outcome import Permanent, Temporary
from cdn import networks
from cdn.plain_text import plain
from cdn.settings import Settings

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "240.0.0.0/4", "::1/128", "fc00::/7", "fec0::/10"),
        ),
    )
)


def refusal(ip: networks.Address, settings: Settings) -> str | None:
    """Why nothing is told to `ip`, as the end of a sentence about it; None where something may be."""
    why = networks.refusal(ip, (), settings.poll_deny)
    if why is not None:
        return why
    if settings.webhook_allow and networks.refusal(ip, settings.webhook_allow) is None:
        return None
    if networks.refusal(ip, (), _NOT_PUBLIC) is not None:
        return "it is in a network of your own, and WEBHOOK_ALLOW does not have it"
    return None


def reachable(what: str, host: str, port: int, settings: Settings) -> tuple[str, ...]:
    """The addresses of `host`. Permanent where any may not be told anything, Temporary where it has none now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise Permanent(f"{what}: {plain(host)!r} is not a name DNS can hold") from None
    except OSError as error:
        raise Temporary(f"{what}: its name has no address now ({error.strerror or 'no answer'})") from None
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    for text in addresses:
        why = refusal(ip_address(text), settings)
        if why is not None:
            raise Permanent(f"{what}: not sent to {text}: {why}")
    return addresses
