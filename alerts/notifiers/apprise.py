"""Chats and pagers by the library apprise: Slack, Discord, Telegram, Teams and others, one address each."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from alerts.message import Told, Written
from alerts.notifiers.outcome import Permanent, Sent, Temporary, within
from alerts.notifiers.reach import reachable
from cdn.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise, NotifyBase

# Services with an address of their own. The library knows many more: some start programs, read files or reach into
# this machine; none but those named here is ever loaded by an address.
HOSTED = {
    "slack": "Slack",
    "discord": "Discord",
    "tgram": "Telegram",
    "gchat": "Google Chat",
    "webex": "Webex",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "pover": "Pushover",
    "signl4": "SIGNL4",
    "ilert": "iLert",
    "twilio": "Twilio",
    "vonage": "Vonage",
}
# Services at a host that the address names: that host is looked at like a webhook's.
OWN_HOST = {
    "workflow": "Teams",
    "workflows": "Teams",
    "mmost": "Mattermost",
    "mmosts": "Mattermost",
    "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat",
    "gotify": "Gotify",
    "gotifys": "Gotify",
}
SERVICES = {**HOSTED, **OWN_HOST}
# What may stand behind the ?. Others name files to send, skip certificates, follow redirects.
OPTIONS = frozenset({"to", "channel", "priority", "region", "thread", "topic", "mode", "id", "ver", "sig", "sound"})
MAX_ADDRESS = 2_000

_SCHEME = re.compile(r"([a-z0-9]+)://[^\s?]+(?:\?([^\s?]*))?")
_CODE = re.compile(r"\berror=(\d{3})\b")


def fault(address: str) -> str | None:
    """Why `address` is none of a service that is spoken to, in words that hold nothing of it; None where it is one."""
    wrong = _misspelt(address)
    return wrong or (None if _plugin(address) is not None else f"{_service(address)} cannot read the rest of it")


class Chat:
    """Sends the plain text of one notification a call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Hand one message to the service that `address` names."""
        wrong = _misspelt(address)
        if wrong is not None:
            raise Permanent(f"Chat: {wrong}")
        what = f"Message by {_service(address)}"
        return within(self._settings.tell_timeout, what, lambda: self._send(what, address, written, told))

    def _send(self, what: str, address: str, written: Written, told: Told) -> Sent:
        from apprise import NotifyFormat

        plugin = _plugin(address)
        if plugin is None:
            raise Permanent(f"{what}: its address cannot be read, or the service cannot be used on this machine")
        if _scheme(address) in OWN_HOST:
            host = str(plugin.host or "")
            reachable(what, host, int(plugin.port or 443), self._settings)
        service = _service_of(plugin)
        result = service.notify(
            body=_harmless(written.text),
            title=_harmless(written.subject),
            notify_type=_kind(told),
            body_format=NotifyFormat.TEXT,
        )
        if result:
            return Sent("")
        # What the library says may quote the address, a token; of that only the answer's code is told.
        codes = [int(each) for entry in result.logs() for each in _CODE.findall(entry.message)]
        if not codes:
            raise Temporary(f"{what}: not taken, it did not answer or refused without saying why")
        refused = 300 <= codes[-1] < 500 and codes[-1] not in (408, 425, 429)
        raise (Permanent if refused else Temporary)(f"{what} gave {codes[-1]}, want 200")


def _misspelt(address: str) -> str | None:
    found = _SCHEME.fullmatch(address) if len(address) <= MAX_ADDRESS and address.isprintable() else None
    if found is None or found[1] not in SERVICES:
        return f"want the address of a service, beginning with one of {', '.join(f'{each}://' for each in SERVICES)}"
    odd = {unquote(each.partition("=")[0]).strip().lower() for each in re.split("[&;]", found[2] or "") if each}
    return None if odd <= OPTIONS else f"behind the ? there may be {', '.join(sorted(OPTIONS))} alone"


def _scheme(address: str) -> str:
    return address.partition("://")[0]


def _service(address: str) -> str:
    return SERVICES[_scheme(address)]


def _plugin(address: str) -> NotifyBase | None:
    """What speaks to the service of `address`, which is one of SERVICES; None where the library cannot read it."""
    # It takes a third of a second to load, and most programs send nothing.
    from apprise import Apprise, AppriseAsset

    _hush()
    asset = AppriseAsset(http_redirects=False, async_mode=False, allow_templates=False)
    plugin = Apprise.instantiate(address, asset=asset)
    return plugin if plugin is not None and plugin.enabled else None


def _hush() -> None:
    """Keep what libraries tell of requests, tokens included, out of our log. What apprise warns of is read here."""
    for name in ("requests_oauthlib", "oauthlib", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    talker = logging.getLogger("apprise")
    talker.setLevel(logging.WARNING)
    talker.propagate = False
    if not talker.handlers:
        talker.addHandler(logging.NullHandler())


def _service_of(plugin: NotifyBase) -> Apprise:
    from apprise import Apprise, OverflowMode

    # What is too long for a service is refused by it as a whole.
    plugin.overflow_mode = OverflowMode.TRUNCATE
    service = Apprise(asset=plugin.asset)
    service.add(plugin)
    return service


def _harmless(text: str) -> str:
    """`text` in which no name of a stranger's calls everybody (@everyone, <!channel>) or hides where a link goes."""
    return text.replace("<", "‹").replace(">", "›").replace("@", "@\u2060")


def _kind(told: Told) -> str:
    if told.state in ("resolved", "both"):
        return "success"
    if told.state == "test":
        return "info"
    return {"critical": "failure", "warning": "warning", "info": "info"}[told.severity]
