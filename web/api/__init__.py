"""The REST API, mounted at /api/v1: what programs read of the fleet and do with it. `app` is the whole of it."""

from __future__ import annotations

import re
from functools import partial

from fastapi import FastAPI
from starlette.routing import Mount

from cdn import VERSION
from web.api import (
    alive,
    analytics,
    auth,
    availability,
    channels,
    contracts,
    docs,
    examples,
    fleet,
    history,
    looks,
    markers,
    problem,
    pullers,
    setup,
    tokens,
    trail,
    users,
)
from web.api.limits import RateHeaders
from web.api.wire import Bounded, Conditional, OtherSites

DESCRIPTION = """What the CDN monitor knows of the fleet, and what may be changed. Times are UTC, rates bit/s, ratios
0..1; null is "not known", never 0.

**Signing in.** Send `Authorization: Bearer <token>`. A token has a scope: *read*, *operate* or *admin*, and each holds
those before it. Tokens are made in admin/access, by `POST /tokens`, or set as API_TOKEN.

**Errors** are problem+json (RFC 9457): `title` and `detail` say what to do, `faults` names each wrong field.

**Long lists** come in pages: the header `Link` names the next one, relative to the address asked.

**Reading again**: send the `ETag` of an answer as `If-None-Match`, and 304 says that nothing changed.

**Changing**: send the ETag of what you read as `If-Match`; 412 says that somebody else was faster.

**Limits**: the headers `RateLimit` and `RateLimit-Policy` say what is left; 429 comes with `Retry-After`."""

app = FastAPI(
    title="CDN monitor",
    version=VERSION,
    description=DESCRIPTION,
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    openapi_tags=[
        {"name": "fleet", "description": "What is so now."},
        {"name": "one server", "description": "One server looked into."},
        {"name": "channels", "description": "Channels, publications, events."},
        {"name": "history", "description": "Any metric over time."},
        {"name": "analytics", "description": "Weeks, months and years."},
        {"name": "set-up", "description": "Servers: add, change, pause, retire, try."},
        {"name": "pullers", "description": "Servers that nobody entered yet."},
        {"name": "access", "description": "Accounts, tokens, and who changed what."},
        {"name": "self", "description": "The program itself. No token needed."},
    ],
)
problem.install(app)
app.openapi = partial(docs.describe, app)  # type: ignore[method-assign]
for part in (
    *(fleet, setup, looks, channels, history, analytics, markers, availability, contracts),
    *(pullers, tokens, users, trail, alive, docs, examples),
):
    # Flat, so that every route of a path is known where its methods are told (405).
    app.router.routes.extend(part.router.routes)
# The last one is the outermost.
app.add_middleware(Conditional)
app.add_middleware(RateHeaders)
app.add_middleware(Bounded, settings=auth.chosen)
app.add_middleware(OtherSites, settings=auth.chosen)


def mounted(path: str) -> Mount:
    """The API below `path`, whatever follows: Starlette alone passes paths with line breaks by, to the pages."""
    mount = Mount(path, app=app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount
