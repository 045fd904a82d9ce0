"""A line in the log: for trials, and where nothing else is set up."""

from __future__ import annotations

import logging

from alerts.message import Told, Written
from alerts.notifiers.outcome import Permanent, Sent
from cdn.settings import Settings

_log = logging.getLogger(__name__)


def fault(address: str) -> str | None:
    """Any short name will do: it stands in front of the line."""
    if not address.strip() or len(address) > 80 or not address.isprintable():
        return "want a short name that stands in front of the line in the log"
    return None


class Log:
    """Writes the subject where all other log lines go."""

    def __init__(self, settings: Settings) -> None:
        del settings

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Write one line. Permanent where `address` is no name."""
        wrong = fault(address)
        if wrong is not None:
            raise Permanent(f"Log: {wrong}")
        fields = {"to": address, "notification": told.id, "state": told.state, "severity": told.severity}
        _log.info("tell %s: %s", address, written.subject, extra={"fields": fields})
        return Sent(told.id)
