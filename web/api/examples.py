"""A page of examples to copy: one curl command for each route, made from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from web.api import docs
from web.api.auth import counted

router = APIRouter(include_in_schema=False, dependencies=[Depends(counted)])
METHODS = ("get", "post", "patch", "put", "delete")
_AS = '-H "Authorization: Bearer $TOKEN"'


@dataclass(frozen=True, slots=True)
class Example:
    """One command. scope: what its token needs, in words."""

    id: str
    tag: str
    method: str
    path: str
    text: str
    scope: str
    command: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A command for something that many routes do alike."""

    title: str
    text: str
    command: str


RECIPES = (
    Recipe(
        "A year of a metric",
        "The answer says in `level` how fine what was read is, and in `seen` how much of the time was watched.",
        f"curl -sS -G {_AS} -d metric=system_cpu -d group=region -d window=365d -d step=1d -d extremes=true \\\n"
        '  "$MONITOR/metrics/query"',
    ),
    Recipe(
        "All pages of a long list",
        "The header Link leads from page to page until there is none.",
        "next='?limit=200'\n"
        'while [ -n "$next" ]; do\n'
        f'  curl -sS -D head.txt {_AS} "$MONITOR/streams$next"\n'
        "  next=$(sed -n 's/^[Ll]ink: <\\(.*\\)>; rel=\"next\".*/\\1/p' head.txt)\n"
        "done",
    ),
    Recipe(
        "Only what changed",
        "The second answer is 304 without a body, unless something changed.",
        f"etag=$(curl -sS -o channels.json -w '%header{{etag}}' {_AS} \"$MONITOR/channels\")\n"
        f'curl -sS -i {_AS} -H "If-None-Match: $etag" "$MONITOR/channels"',
    ),
    Recipe(
        "Change what nobody else changed meanwhile",
        "412 says that somebody else was faster.",
        f"etag=$(curl -sS -o server.json -w '%header{{etag}}' {_AS} \"$MONITOR/servers/1/settings\")\n"
        f"curl -sS -X PATCH {_AS} -H \"If-Match: $etag\" -H 'Content-Type: application/json' \\\n"
        '  -d \'{"tags": ["sport"]}\' "$MONITOR/servers/1"',
    ),
)


@router.get("/examples")
def show(request: Request) -> Response:
    """The page."""
    found = list(examples(request.app.openapi()))
    tags = list(dict.fromkeys(each.tag for each in found))
    groups = [(tag, [each for each in found if each.tag == tag]) for tag in tags]
    address = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
    return docs.page("examples.html", address=quote(address), recipes=RECIPES, groups=groups)


def examples(described: dict[str, Any]) -> Iterator[Example]:
    """One example for each route of an OpenAPI document."""
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method in methods:
                route = methods[method]
                scopes = [scope for each in route.get("security", ()) for one in each.values() for scope in one]
                yield Example(
                    id=route["operationId"],
                    tag=route["tags"][0],
                    method=method.upper(),
                    path=path,
                    text=route["description"].partition("\n\n")[0],
                    scope=f"scope {scopes[-1]}" if scopes else "no token needed",
                    command=_command(path, method, route, described, bool(scopes)),
                )


def _command(path: str, method: str, route: dict[str, Any], described: dict[str, Any], needs_token: bool) -> str:
    given: dict[str, list[tuple[str, str]]] = {"path": [], "query": [], "header": []}
    for parameter in route.get("parameters", ()):
        values = parameter["schema"].get("examples") or parameter.get("examples")
        if values:
            given[parameter["in"]].append((parameter["name"], str(values[0])))
    for name, value in given["path"]:
        path = path.replace(f"{{{name}}}", value)
    query = f"?{urlencode(given['query'])}" if given["query"] else ""
    parts = ["curl -sS" if method == "get" else f"curl -sS -X {method.upper()}"]
    if needs_token:
        parts.append(_AS)
    parts += [f"-H {quote(f'{name}: {value}')}" for name, value in given["header"]]
    body = _body(route, described)
    if body is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d {quote(json.dumps(body, ensure_ascii=False))}"]
    return " \\\n  ".join([*parts, f'"$MONITOR{path}{query}"'])


def _body(route: dict[str, Any], described: dict[str, Any]) -> Any:
    """The example of a route's body; None where it has none."""
    try:
        shape = route["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    except KeyError:
        return None
    return described["components"]["schemas"][shape]["examples"][0]
