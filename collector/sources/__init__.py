"""The kinds of server we read: one module each, one line here."""

from __future__ import annotations

from collections.abc import Mapping

from cdn.model import Kind
from collector.sources import angie, nginx, nginx_plus, nginx_rtmp, nginx_vts, srs
from collector.sources.script import Source

# In the order in which detection tries them: a server that offers several pages is known by the one that tells most.
SOURCES: Mapping[Kind, Source] = {
    Kind.SRS: srs.SOURCE,
    Kind.NGINX_VTS: nginx_vts.SOURCE,
    Kind.NGINX_RTMP: nginx_rtmp.SOURCE,
    Kind.NGINX_PLUS: nginx_plus.SOURCE,
    Kind.ANGIE: angie.SOURCE,
    Kind.NGINX: nginx.SOURCE,
}
