"""The dashboard over an invented fleet: `python -m tests.e2e.serve PORT STATE_FILE`; the file holds the fleet's state."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from tests import fake_live


def main(port: int, state: Path) -> None:
    """Serve until the process ends."""
    fake_live.install(lambda: state.read_text(encoding="utf-8").strip())
    from dashboard import app

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
