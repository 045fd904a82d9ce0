"""How a machine counts on: from its last step to epoch second `at`, whoever watches and whatever is wrong."""

from __future__ import annotations

from demo.conditions import Conditions
from demo.http_process import NginxProcess
from demo.machine import Machine
from demo.process import SAMPLE, Process, SrsProcess
from demo.rtmp_process import RtmpProcess
from demo.steps import http, rtmp, srs

# SRS counts every 3 s; the others count as it happens, which is looked at every second.
PERIODS: dict[type[Process], float] = {SrsProcess: SAMPLE}
SHORT_PERIOD = 1.0


def period(process: Process) -> float:
    """Seconds between two steps of that process."""
    return PERIODS.get(type(process), SHORT_PERIOD)


def step(machine: Machine, conditions: Conditions, at: float) -> None:
    """Count on to `at`, not before the last step. A machine without a process has nothing to count."""
    process = machine.process
    if isinstance(process, SrsProcess):
        srs.step(machine, process, conditions, at)
    elif isinstance(process, RtmpProcess):
        rtmp.step(machine, process, conditions, at)
    elif isinstance(process, NginxProcess):
        http.step(machine, process, conditions, at)
