"""`python -m alerts try sendgrid ops@example.com`: one test message, and what the other side answered."""

from __future__ import annotations

import argparse
import sys
import uuid

from alerts.message import Told, written
from alerts.notifiers import NOTIFIERS, Permanent, Temporary, address_fault
from cdn.clock import utc_now
from cdn.logs import configure
from cdn.settings import Settings, SettingsError, settings


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m alerts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    trial = commands.add_parser("try", help="send one test message")
    trial.add_argument("kind", choices=list(NOTIFIERS), help="the way it goes")
    trial.add_argument("address", help="where to: a mail address, a webhook's URL, a chat's address as Apprise has it")
    asked = parser.parse_args()
    try:
        config = settings()
        configure(config.log_format, config.log_level)
        return _try(config, asked.kind, asked.address)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1


def _try(config: Settings, kind: str, address: str) -> int:
    if fault := address_fault(kind, address):
        print(f"Not tried: {fault}", file=sys.stderr)
        return 1
    told = Told(
        id=f"try-{uuid.uuid4()}",
        state="test",
        severity="info",
        headline="This is a test",
        brand=config.brand_name,
        colour=config.brand_color,
        sentence="Nothing is wrong: somebody tried whether messages arrive.",
        since=utc_now(),
        link=config.public_url,
        why="Sent by hand, with python -m alerts try.",
    )
    try:
        sent = NOTIFIERS[kind](config).send(address, written(told), told)
    except (Temporary, Permanent) as failed:
        print(f"Not sent: {failed.words}", file=sys.stderr)
        return 1
    print(f"Sent{f', known there as {sent.reference}' if sent.reference else ''}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
