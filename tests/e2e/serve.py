"""The dashboard over an invented fleet: `python -m tests.e2e.serve PORT STATE_FILE`; the file names its state."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st
import uvicorn
from sqlalchemy import Engine

import db.access
import db.fleet
import db.keys
import db.migrate
from cdn.clock import utc_now
from cdn.model import Kind, Role
from tests import fake_live

# How often a change of state is looked for, and what is under way meanwhile may take.
LOOK, UNDER_WAY = 0.05, 0.5


def main(port: int, file: Path) -> None:
    """Serve until the process ends."""

    def state() -> str:
        return file.read_text(encoding="utf-8").strip()

    def stored(engine: Engine, name: str) -> db.fleet.Stored | None:
        return _stored(state(), name)

    fake_live.install(state)
    db.fleet.stored = stored
    db.access.is_open = lambda engine: True
    # There is no database whose schema or key could be wrong.
    db.migrate.require_newest = lambda engine: None
    db.keys.require_readable = lambda engine, key: None
    from dashboard import app

    threading.Thread(target=_forget_at_changes, args=(state,), daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def _forget_at_changes(state: Callable[[], str]) -> None:
    """Drop what was read in another state: history is kept for minutes. What pages show as old while away stays."""
    known = state()
    while True:
        time.sleep(LOOK)
        if (current := state()) != known:
            known = current
            st.cache_data.clear()
            time.sleep(UNDER_WAY)
            st.cache_data.clear()


def _stored(state: str, name: str) -> db.fleet.Stored | None:
    """As db.fleet.stored, of the fleet in `state`."""
    fleet = fake_live.fleet(state, utc_now())
    for row in fleet[fleet["name"] == name].to_dict("records"):
        draft = db.fleet.Draft(
            name=name,
            kind=Kind(row["kind"]),
            url=f"http://127.0.0.{row['id']}:1985",
            role=Role(row["role"]),
            region=row["region"],
            provider=row["provider"],
            capacity_bps=int(row["capacity_bps"]),
        )
        return db.fleet.Stored(int(row["id"]), int(row["version"]), draft, bool(row["paused"]), has_secret=False)
    return None


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
