"""What every way to send mail shares: addresses, and the headers by which mail threads and can be stopped."""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email

from alerts.message import Told, web_link


def fault(address: str) -> str | None:
    """Why `address` is none of mail; None where it is one. The name server is not asked."""
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return f"want an address like name@example.com: {error}"
    # Not every server takes others, and headers of mail are no place for surprises.
    return None if found.ascii_email else "want an address whose part before the @ has no accents"


def headers(told: Told, sender: str) -> dict[str, str]:
    """Message-ID (the same at every try), what it belongs to, where to change what one gets."""
    domain = sender.rpartition("@")[2]
    found = {"Message-ID": f"<{_token(told.id)}@{domain}>"}
    if told.thread:
        found["References"] = found["In-Reply-To"] = f"<incident-{_token(told.thread)}@{domain}>"
    stop = web_link(told.change)
    found["List-Unsubscribe"] = f"<{stop}>" if stop.isascii() and stop else f"<mailto:{sender}?subject=unsubscribe>"
    # Out-of-office answers are not wanted.
    found["Auto-Submitted"] = "auto-generated"
    return found


def _token(text: str) -> str:
    """`text` as what may stand in a message id."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:100] or "none"
