"""A child process that ends with its parent, whatever ends the parent: kill -9 included."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program starts (`preexec_fn`), so that it gets `signal_number` when we die.

    "We" is the thread that starts it, so start children from a thread that lives as long as the program.
    None where the system has no such thing (only Linux has).
    """
    if sys.platform != "linux":
        return None
    # Loaded here: nothing may be imported or allocated at length between fork and exec.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def leash() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return leash
