"""Signing in at an OpenID provider: who comes in as what, and what it cannot be made to say."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine
from starlette.testclient import TestClient

from cdn.clock import utc_now
from db import access
from db.frame import records
from tests.behind import PAGE, Behind, site
from tests.provider import CLIENT, SECRET, Provider, providing
from web import oidc


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as made:
        made.claims = {"preferred_username": "eva", "groups": ["staff", "noc"]}
        yield made


@pytest.fixture
def door(engine: Engine, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Behind:
    monkeypatch.setattr(oidc, "_known", {})
    return site(
        engine,
        monkeypatch,
        oidc_issuer=provider.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_admins="chiefs",
        oidc_operators="noc, desk",
        oidc_viewers="staff",
    )


@pytest.fixture
def browser(door: Behind) -> Iterator[TestClient]:
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        yield client


def leave(client: TestClient, wanted: str = "/page") -> str:
    """Press the button; returns where the browser is sent."""
    answer = client.get("/sign-in/company", params={"next": wanted}, headers=PAGE)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def come_back(client: TestClient, provider: Provider, **changed: str) -> Any:
    """All of the way there and back."""
    query = {**provider.authorize(leave(client)), **changed}
    return client.get("/sign-in/company/back", params=query, headers=PAGE)


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def people(door: Behind) -> list[tuple[str, str]]:
    return [(row["name"], row["role"]) for row in records(access.users(door.engine, utc_now()))]


def test_with_a_provider_nothing_is_ever_open(door: Behind) -> None:
    with door.browser() as client:
        assert client.get("/page", headers=PAGE).status_code == 303
        assert "Sign in with your company account" in client.get("/sign-in", headers=PAGE).text


def test_the_browser_is_sent_with_all_that_ties_the_way_back_to_it(browser: TestClient, provider: Provider) -> None:
    address = leave(browser)
    assert address.startswith(f"{provider.url}/authorize?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query["redirect_uri"] == "http://monitor.example/sign-in/company/back"
    assert (query["response_type"], query["client_id"], query["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert "openid" in query["scope"]
    again = {name: values[0] for name, values in parse_qs(urlsplit(leave(browser)).query).items()}
    assert all(query[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    assert SECRET not in address


def test_whoever_the_provider_vouches_for_comes_in_and_goes_on(
    door: Behind, browser: TestClient, provider: Provider
) -> None:
    answer = come_back(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/page")
    told = browser.get("/who").json()
    assert (told["name"], told["role"], told["headers"]["x-cdn-via"]) == ("eva", "operator", "oidc")
    assert people(door) == [("eva", "operator")]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["chiefs", "staff"], "admin"),
        (["staff"], "viewer"),
        ("desk", "operator"),
        (["nobodies"], None),
        ([], None),
        (None, None),
        ("staff,chiefs", None),
        ([["chiefs"], 7], None),
        ({"chiefs": True}, "admin"),
    ],
)
def test_what_the_provider_says_decides_the_role_and_without_one_nobody_comes_in(
    door: Behind, browser: TestClient, provider: Provider, groups: Any, role: str | None
) -> None:
    provider.claims["groups"] = groups
    answer = come_back(browser, provider)
    if role is None:
        assert answer.status_code == 403
        assert "gives you no role" in answer.text
        assert people(door) == []
        assert browser.get("/who").status_code == 401
    else:
        assert people(door) == [("eva", role)]


def test_the_role_is_that_of_each_time(door: Behind, browser: TestClient, provider: Provider) -> None:
    for groups, role in ((["chiefs"], "admin"), (["staff"], "viewer")):
        provider.claims["groups"] = groups
        come_back(browser, provider)
        assert people(door) == [("eva", role)]


def test_another_name_for_the_same_person_is_the_same_account(
    door: Behind, browser: TestClient, provider: Provider
) -> None:
    come_back(browser, provider)
    provider.claims["preferred_username"] = "eva.new"
    come_back(browser, provider)
    assert people(door) == [("eva", "operator")]


def test_a_name_that_an_account_here_has_is_not_taken_over(
    door: Behind, browser: TestClient, provider: Provider
) -> None:
    door.add("ada")
    provider.claims |= {"preferred_username": "ADA", "groups": ["chiefs"]}
    answer = come_back(browser, provider)
    assert answer.status_code == 403
    assert "already" in answer.text
    assert browser.get("/who").status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another program"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "http://evil.example"},
        {"exp": int(time.time()) - 3_600},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 300},
        {"preferred_username": "a\nb", "sub": "\x00"},
    ],
)
def test_what_was_said_for_others_or_at_another_time_is_not_believed(
    door: Behind, browser: TestClient, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    answer = come_back(browser, provider)
    assert answer.status_code == 403
    assert people(door) == []


def test_another_key_is_not_believed(door: Behind, browser: TestClient, provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "1"}, auto_kid=False)
    assert come_back(browser, provider).status_code == 403
    assert people(door) == []


@pytest.mark.parametrize("forgery", ["none", "our secret", "their public key"])
def test_a_token_that_nobody_signed_is_not_believed(
    door: Behind, browser: TestClient, provider: Provider, monkeypatch: pytest.MonkeyPatch, forgery: str
) -> None:
    def forged(fields: dict[str, str], authorization: str) -> dict[str, Any]:
        asked = provider.codes[fields["code"]]
        now = int(time.time())
        said = {"iss": provider.url, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        said |= provider.claims
        algorithm = "none" if forgery == "none" else "HS256"
        parts = ({"alg": algorithm, "kid": "1"}, said)
        text = ".".join(unpadded(json.dumps(part).encode()) for part in parts)
        secret = SECRET.encode() if forgery == "our secret" else provider.key.as_pem(private=False)
        signature = b"" if forgery == "none" else hmac.digest(secret, text.encode(), "sha256")
        token = f"{text}.{unpadded(signature)}"
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}

    monkeypatch.setattr(provider, "token", forged)
    answer = come_back(browser, provider)
    assert answer.status_code == 403
    assert "cannot be believed" in answer.text
    assert people(door) == []


@pytest.mark.parametrize("changed", [{"state": "another"}, {"state": ""}, {"code": "another"}, {"error": "denied"}])
def test_a_way_back_that_does_not_belong_to_this_browser_leads_nowhere(
    door: Behind, browser: TestClient, provider: Provider, changed: dict[str, str]
) -> None:
    assert come_back(browser, provider, **changed).status_code == 403
    assert people(door) == []


def test_a_link_of_somebody_else_signs_nobody_in(door: Behind, browser: TestClient, provider: Provider) -> None:
    query = provider.authorize(leave(browser))
    with door.browser("192.0.2.8", "http://monitor.example") as other:
        assert other.get("/sign-in/company/back", params=query, headers=PAGE).status_code == 403
        other.cookies.set("cdn_flow", "zz")
        assert other.get("/sign-in/company/back", params=query, headers=PAGE).status_code == 403
    assert people(door) == []


def test_a_code_works_once(browser: TestClient, provider: Provider) -> None:
    query = provider.authorize(leave(browser))
    assert browser.get("/sign-in/company/back", params=query, headers=PAGE).status_code == 303
    assert browser.get("/sign-in/company/back", params=query, headers=PAGE).status_code == 403


def test_nobody_is_led_to_another_site_afterwards(browser: TestClient, provider: Provider) -> None:
    query = provider.authorize(leave(browser, "//evil.example"))
    answer = browser.get("/sign-in/company/back", params=query, headers=PAGE)
    assert answer.headers["location"] == "/"


def test_a_provider_that_is_another_one_or_away_is_told_in_words(
    browser: TestClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "metadata", lambda: {"issuer": "http://evil.example"})
    answer = browser.get("/sign-in/company", headers=PAGE)
    assert answer.status_code == 403
    assert "OIDC_ISSUER" in answer.text
    monkeypatch.setattr(provider, "metadata", list)
    assert "does not answer as it should" in browser.get("/sign-in/company", headers=PAGE).text


def test_an_account_of_the_provider_has_no_password_to_sign_in_with(
    door: Behind, browser: TestClient, provider: Provider
) -> None:
    come_back(browser, provider)
    browser.cookies.clear()
    page = browser.get("/sign-in", headers=PAGE).text
    form = page.split('name="form" value="')[1].split('"')[0]
    for password in ("", "None", "x" * 20):
        fields = {"form": form, "name": "eva", "password": password}
        assert browser.post("/sign-in", data=fields, headers={"origin": "http://monitor.example"}).status_code == 401
