"""How each kind of server answers. To add one: a file here, a line in KINDS, its place in the fleet."""

from __future__ import annotations

from collections.abc import Callable

from demo.kinds import angie, nginx, nginx_plus, nginx_rtmp, nginx_vts, srs
from demo.machine import Machine
from demo.wire import Answer, Request

# (machine, request, now) → the answer of a machine whose process runs and is counted up to now.
KINDS: dict[str, Callable[[Machine, Request, float], Answer]] = {
    "srs": srs.answer,
    "nginx": nginx.answer,
    "nginx_vts": nginx_vts.answer,
    "nginx_rtmp": nginx_rtmp.answer,
    "nginx_plus": nginx_plus.answer,
    "angie": angie.answer,
}
