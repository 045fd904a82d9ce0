"""The ways to tell somebody. A new one is a module here, a line in each table, and its settings."""

from __future__ import annotations

from collections.abc import Callable

from alerts.notifiers import log, sendgrid, smtp, webhook
from alerts.notifiers.apprise import Chat
from alerts.notifiers.apprise import fault as chat_fault
from alerts.notifiers.outcome import Notifier, Permanent, Sent, Temporary
from cdn.settings import Settings

__all__ = ["NOTIFIERS", "Notifier", "Permanent", "Sent", "Temporary", "address_fault"]

NOTIFIERS: dict[str, Callable[[Settings], Notifier]] = {
    "log": log.Log,
    "sendgrid": sendgrid.SendGrid,
    "smtp": smtp.Smtp,
    "apprise": Chat,
    "webhook": webhook.Webhook,
}
_FAULTS: dict[str, Callable[[str], str | None]] = {
    "log": log.fault,
    "sendgrid": sendgrid.fault,
    "smtp": smtp.fault,
    "apprise": chat_fault,
    "webhook": webhook.fault,
}


def address_fault(kind: str, address: str) -> str | None:
    """Why `address` is none of a notifier of `kind`, in words without a credential; None where it is one."""
    check = _FAULTS.get(kind)
    return check(address) if check else f"there is no way to tell called so; want one of {', '.join(_FAULTS)}"
