"""The kinds of server we read: one module each, one line here."""

from __future__ import annotations

from collections.abc import Mapping

from cdn.model import Kind
from collector.sources import nginx, srs
from collector.sources.script import Source

SOURCES: Mapping[Kind, Source] = {
    Kind.SRS: srs.SOURCE,
    Kind.NGINX: nginx.SOURCE,
}
