"""One's own account: who one is, where one is signed in, and the tokens of one's programs. Works without a script."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions.tokens import make_token, revoke_token
from cdn.clock import utc_now
from cdn.errors import Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from cdn.roles import RANK, SCOPES
from db import access
from db import engine as engines
from db.frame import records
from web import plain, visitors
from web.forms import Forms, actor_of, asked_of_database, fields_of, visitor_of
from web.gate import ACCOUNT, TOKENS
from web.wording import HOW, MAY, session, token

# Days until a token ends → in words. It should end some time, so that is what is offered first.
ENDS = {"90": "in 90 days", "30": "in 30 days", "365": "in a year", "": "never"}


class Account(Forms):
    """The page, and what is done on it."""

    def routes(self) -> list[Route]:
        """Its routes, below the base path."""
        return [
            Route(ACCOUNT, self.show, methods=["GET"]),
            # A browser that asks for it by its address would else learn nothing.
            Route(TOKENS, self.lead_back, methods=["GET"]),
            Route(TOKENS, self.change_tokens, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The page."""
        told = {"changed": "Your password is changed.", "revoked": "The token opens nothing any more."}
        return await self._shown(request, said=next((told[each] for each in told if each in request.query_params), ""))

    async def lead_back(self, _: Request) -> Response:
        """To the page itself."""
        return RedirectResponse(f"{self.base}{ACCOUNT}", 303)

    async def change_tokens(self, request: Request) -> Response:
        """Make a token of one's own, which is shown once, or revoke one."""
        fields = await fields_of(request)
        if not self.is_ours(request, fields):
            return plain.told("This was not done", "The page was open for too long.", self.base, status=403)
        if visitor_of(request).user_id is None:
            return plain.told("This was not done", "Nobody has an account yet.", self.base, status=403)
        try:
            if "revoke" in fields:
                return await self._revoke(request, fields["revoke"])
            return await self._make(request, fields)
        except Unavailable:
            words = "The database does not answer, so nothing was changed. Try again in a moment."
            return plain.told("This was not done", words, self.base, status=503)

    async def _make(self, request: Request, fields: dict[str, str]) -> Response:
        engine, by, now, user_id = engines.shared(), actor_of(request), utc_now(), visitor_of(request).user_id
        name, scope, ends = fields.get("name", "").strip(), fields.get("scope", ""), fields.get("ends", "")
        if ends not in ENDS:
            return await self._shown(request, faults={"ends": "want one of those offered"}, entered=fields)
        expires_at = now + timedelta(days=int(ends)) if ends else None
        # Whoever loads the answer again sends the form again: that makes no second one.
        if any(each["name"] == name and each["works"] for each in await self._tokens(user_id, now)):
            return await self._shown(request, faults={"name": "you have a token of that name"}, entered=fields)
        try:
            made = await asked_of_database(
                lambda: make_token(engine, name, scope, expires_at, by=by, user_id=user_id, now=now)
            )
        except Invalid as error:
            return await self._shown(request, faults=error.faults, entered=fields)
        except Forbidden:
            return await self._shown(request, faults={"scope": "it can do no more than you"}, entered=fields)
        return await self._shown(request, made={"name": name, "secret": made.secret}, status=201)

    async def _revoke(self, request: Request, which: str) -> Response:
        engine, by, now, user_id = engines.shared(), actor_of(request), utc_now(), visitor_of(request).user_id
        own = {str(each["id"]) for each in await self._tokens(user_id, now)}
        if which not in own:  # those of others are an admin's to revoke, but not here
            return plain.told("This was not done", "You have no such token.", self.base, status=404)
        try:
            await asked_of_database(lambda: revoke_token(engine, int(which), by=by, user_id=user_id, now=now))
        except Unknown:
            return plain.told("This was not done", "You have no such token.", self.base, status=404)
        return RedirectResponse(f"{self.base}{ACCOUNT}?revoked=1", 303)

    async def _shown(
        self,
        request: Request,
        *,
        said: str = "",
        made: dict[str, str] | None = None,
        faults: dict[str, str] | None = None,
        entered: dict[str, str] | None = None,
        status: int = 0,
    ) -> Response:
        """The page. made: name and secret of a new token; entered: what the form brought that has `faults`."""
        visitor, now = visitor_of(request), utc_now()
        found: list[dict[str, Any]] = []
        tokens: list[dict[str, Any]] = []
        away = False
        if visitor.user_id is not None:
            try:
                found = await self._sessions(request, visitor.user_id, now)
                tokens = await self._tokens(visitor.user_id, now)
            except Unavailable:
                away = True
        scopes = {each: MAY[role] for each, role in SCOPES.items() if RANK[role] <= RANK.get(visitor.role, -1)}
        return self.page(
            request,
            "account.html",
            status=status or (422 if faults else 200),
            name=visitor.name,
            may=MAY.get(visitor.role, "do nothing"),
            how=HOW.get(visitor.via, ""),
            said=said,
            away=away,
            password=visitor.via == "password",
            signed_in=visitor.user_id is not None,
            must=visitor.must_change,
            sessions=found,
            tokens=[each for each in tokens if each["works"]],
            over=[each for each in tokens if not each["works"]][:5],
            scopes=scopes,
            ends=ENDS,
            made=made,
            faults=faults or {},
            entered=entered or {},
        )

    async def _sessions(self, request: Request, user_id: int, now: datetime) -> list[dict[str, Any]]:
        idle, own = visitors.shared().idle, access.digest(request.scope["state"]["secret"])
        rows = await asked_of_database(lambda: records(access.sessions(engines.shared(), user_id, now, idle)))
        return [session(row, own, now) for row in rows]

    async def _tokens(self, user_id: int | None, now: datetime) -> list[dict[str, Any]]:
        rows = await asked_of_database(lambda: records(access.tokens(engines.shared(), user_id)))
        return [token(row, now) for row in rows]
