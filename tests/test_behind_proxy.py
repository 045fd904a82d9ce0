"""The web program behind Debian's nginx with TLS, set up by deploy/nginx.conf itself: at the root, and below /cdn."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from db.embedded import Cluster
from tests import real_proxy
from tests.behind import PAGE, form_of
from tests.proxied import BROWSER, TOKEN, Served, Starting, cookies_of, draws, ending, origin, sign_in
from tests.real_proxy import HOST, NAME

# A guesser, whoever connects to the program itself, and a proxy on another machine.
GUESSER, NEIGHBOUR, FAR_PROXY = "127.0.0.78", "127.0.0.79", "127.0.0.9"
CLAIMED = "198.51.100.7"
FORGED = {"x-forwarded-for": CLAIMED, "x-real-ip": CLAIMED, "forwarded": f"for={CLAIMED}", "x-forwarded-proto": "http"}
BEARER = {"authorization": f"Bearer {TOKEN}"}
OVER = 4401


@pytest.fixture(scope="module")
def sites(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """At the root of the name, with the proxy on this machine, as the example has it; and below /cdn, with a proxy that
    reaches the program from another address: that one is trusted, loopback is not."""
    if real_proxy.missing():
        pytest.skip(f"not installed: {real_proxy.missing()}")
    example = real_proxy.EXAMPLE.read_text("utf-8")
    changed = real_proxy.below_a_path(example)
    far = changed.replace("proxy_http_version 1.1;", f"proxy_http_version 1.1; proxy_bind {FAR_PROXY};")
    with ExitStack() as stack:
        root = Starting(stack, tmp_path_factory.mktemp("root"), cluster, "", HOST)
        path = Starting(stack, tmp_path_factory.mktemp("path"), cluster, "cdn", f"{FAR_PROXY}/32")
        found = {"root": root.opened(stack, example), "path": path.opened(stack, far)}
        for served in found.values():
            # That there is an account now is noticed within seconds.
            with served.browser() as client:
                while client.get(f"{served.base}/sign-in", headers=PAGE).is_redirect:
                    time.sleep(0.1)
            with served.signed_in() as client, served.socket(cookies_of(client)) as socket:
                served.first.append(draws(socket, "fleet"))
        yield found


@pytest.fixture
def site(sites: dict[str, Served]) -> Served:
    """At the root of the name."""
    return sites["root"]


@pytest.fixture
def below(sites: dict[str, Served]) -> Served:
    """Below /cdn."""
    return sites["path"]


@pytest.fixture(params=["root", "path"])
def either(request: pytest.FixtureRequest, sites: dict[str, Served]) -> Served:
    """Both, one after the other."""
    return sites[request.param]


def given(answer: httpx.Response) -> dict[str, str]:
    """The cookies an answer sets: name → everything after the value, in lower case."""
    found = (each.partition("=") for each in answer.headers.get_list("set-cookie"))
    return {name: rest.partition("; ")[2].lower() for name, _, rest in found}


def test_while_nobody_has_an_account_nobody_comes_in_through_a_proxy(either: Served) -> None:
    assert (either.before.status_code, "Not open from here" in either.before.text) == (403, True)


def test_without_tls_a_browser_is_sent_to_the_same_page_with_tls(site: Served) -> None:
    with site.browser(f"http://{NAME}:{site.ports.http}") as client:
        answer = client.get("/server?name=edge-1")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{NAME}/server?name=edge-1")


def test_signing_in_gives_cookies_that_only_this_site_gets_and_only_over_tls(either: Served) -> None:
    with either.browser() as client:
        answer = sign_in(client, base=either.base)
    cookies, prefix = given(answer), "__Secure-" if either.base else "__Host-"
    assert set(cookies) == {f"{prefix}cdn_session", f"{prefix}cdn_device"}
    for rules in cookies.values():
        assert {"secure", "httponly", "samesite=lax", f"path={either.base or '/'}"} <= set(rules.split("; "))
    assert answer.headers["location"] == f"{either.base}/"


def test_the_cookie_that_streamlit_gives_is_for_tls_alone_too(either: Served) -> None:
    with either.signed_in() as client:
        (rules,) = given(client.get(f"{either.base}/_stcore/health")).values()
    assert {"secure", "samesite=lax"} <= set(rules.split("; "))


def test_browsers_are_told_to_come_back_over_tls_alone(either: Served) -> None:
    with either.browser() as client:
        for path in ("/sign-in", "/", "/api/v1/healthz", "/api/v1/fleet"):
            answer = client.get(f"{either.base}{path}", headers=PAGE)
            assert answer.headers.get_list("strict-transport-security") == ["max-age=63072000"], path


def test_the_first_visitor_after_a_start_finds_the_page_of_a_deep_link(either: Served) -> None:
    assert either.first == [True]


def test_a_page_is_drawn_over_the_websocket(either: Served) -> None:
    with either.signed_in() as client, either.socket(cookies_of(client)) as socket:
        assert socket.subprotocol == "streamlit"
        assert draws(socket)


def test_an_open_page_is_closed_once_its_session_is_over(site: Served) -> None:
    with site.browser() as client:
        sign_in(client)
        form = form_of(client.get("/account", headers=PAGE).text)
        with site.socket(cookies_of(client)) as socket:
            assert draws(socket)
            client.post("/sign-out", data={"form": form}, headers=origin(client))
            assert ending(socket)[1] == OVER


def test_a_websocket_without_a_session_hears_nothing_but_that_it_is_over(either: Served) -> None:
    with either.socket() as socket:
        assert ending(socket) == (0, OVER)
    with either.socket("__Host-cdn_session=made-up; __Secure-cdn_session=made-up") as socket:
        assert ending(socket) == (0, OVER)


@pytest.mark.parametrize("elsewhere", ["https://evil.example", f"https://{NAME}.evil.example", "null"])
def test_a_websocket_of_another_site_is_refused_even_with_the_session(site: Served, elsewhere: str) -> None:
    with site.signed_in() as client, pytest.raises(InvalidStatus) as refusal:
        site.socket(cookies_of(client), elsewhere)
    assert refusal.value.response.status_code == 403


def test_the_address_of_a_session_is_the_browsers_own_whatever_it_claims(either: Served) -> None:
    with either.browser() as client:
        client.headers.update(FORGED)
        answer = sign_in(client, base=either.base)
        # What it claims of TLS does not win either.
        assert all("secure" in rules for rules in given(answer).values())
        account = client.get(f"{either.base}/account", headers=PAGE).text
    assert BROWSER in account
    assert CLAIMED not in account
    assert set(either.stored("SELECT address FROM web_session")) == {BROWSER}


def test_guesses_and_the_trail_of_changes_name_the_browsers_own_address(site: Served) -> None:
    with site.browser(address=GUESSER) as guesser:
        guesser.headers.update(FORGED)
        assert sign_in(guesser, password="a wrong password").status_code == 401
    with site.browser() as client:
        client.headers.update(FORGED)
        made = client.post("/api/v1/tokens", json={"name": "grafana", "scope": "read"}, headers=BEARER)
    assert made.status_code == 201, made.text
    trail = site.stored("SELECT address FROM audit WHERE via <> 'local'")
    assert {GUESSER, BROWSER} <= set(trail)
    assert CLAIMED not in trail
    guessed = " ".join(map(str, site.stored("SELECT guess::text FROM guess")))
    assert GUESSER in guessed
    assert CLAIMED not in guessed


@pytest.mark.parametrize("address", [HOST, NEIGHBOUR])
def test_a_proxy_that_is_not_trusted_is_not_believed(below: Served, address: str) -> None:
    """Neither one on this machine, which uvicorn believes by itself, nor one elsewhere."""
    told = {"x-forwarded-for": CLAIMED, "x-forwarded-proto": "https"}
    with below.browser(f"http://{NAME}:{below.ports.web}", address) as client:
        client.headers.update(told)
        answer = sign_in(client, base=below.base)
        # It is asked without TLS, and says nothing of it.
        assert set(given(answer)) == {"cdn_session", "cdn_device"}
        assert "strict-transport-security" not in answer.headers
        account = client.get("/cdn/account", headers=PAGE).text
    assert f"<span>{address} " in account
    assert CLAIMED not in account


def test_what_the_example_compresses_are_bundles_and_never_a_page_with_secrets(either: Served) -> None:
    accepts = {"accept-encoding": "gzip"}
    with either.signed_in() as client:
        page = client.get(f"{either.base}/", headers={**PAGE, **accepts})
        assert "content-encoding" not in page.headers
        assert "content-encoding" not in client.get(f"{either.base}/account", headers={**PAGE, **accepts}).headers
        bundle = page.text.partition('src="./static/')[2].partition('"')[0]
        answer = client.get(f"{either.base}/static/{bundle}", headers=accepts)
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")


def test_a_flood_of_passwords_ends_at_the_proxy(site: Served) -> None:
    with site.browser(address=NEIGHBOUR) as client:
        tries = [client.post("/sign-in", data={"name": "ada"}, headers=origin(client)).status_code for _ in range(25)]
        assert set(tries) == {403, 429}
        # Everything else goes on.
        assert client.get("/sign-in", headers=PAGE).status_code == 200


def test_everything_is_below_the_base_path(below: Served) -> None:
    with below.signed_in() as client:
        account = client.get("/cdn/account", headers=PAGE).text
        examples = client.get("/cdn/api/v1/examples").text
        described = client.get("/cdn/api/v1/openapi.json").json()
        manifest = client.get("/cdn/manifest.webmanifest")
        page = client.get("/cdn/server?name=x", headers=PAGE).text
        for path in ("/cdn/assets/page.js", "/cdn/api/v1/docs", "/cdn/metrics"):
            assert client.get(path).status_code == 200, path
    assert f"{below.url}/cdn/api/v1" in examples
    assert described["servers"] == [{"url": "/cdn/api/v1"}]
    assert (manifest.status_code, manifest.json()["start_url"]) == (200, "./")
    assert addresses(account) != []
    assert [each for each in addresses(account) if not each.startswith("/cdn/")] == []
    assert [each for each in addresses(page) if not each.startswith("./")] == []


def addresses(html: str) -> list[str]:
    """Where the links, files and forms of a page lead, but to itself."""
    found: list[str] = re.findall(r'\b(?:href|src|action)="([^"]*)"', html)
    return found


def test_who_is_sent_to_sign_in_comes_back_to_the_page_below_the_base_path(below: Served) -> None:
    with below.browser() as client:
        for asked, sent in (
            ("/cdn", f"{below.url}/cdn/"),
            ("/cdn/", "/cdn/sign-in?next=%2Fcdn%2F"),
            ("/cdn/server?name=x", "/cdn/sign-in?next=%2Fcdn%2Fserver%3Fname%3Dx"),
        ):
            answer = client.get(asked, headers=PAGE)
            assert (answer.is_redirect, answer.headers["location"]) == (True, sent)
        answer = sign_in(client, base="/cdn", wanted="/cdn/server?name=x")
        assert answer.headers["location"] == "/cdn/server?name=x"


def test_lists_in_pages_and_new_things_are_told_by_addresses_below_the_base_path(below: Served) -> None:
    with below.browser() as client:
        for name in ("one", "two"):
            made = client.post("/cdn/api/v1/tokens", json={"name": name, "scope": "read"}, headers=BEARER)
            assert made.status_code == 201, made.text
            assert made.headers.get("location", "/cdn/api/v1/").startswith("/cdn/api/v1/")
        first = client.get("/cdn/api/v1/audit?limit=1", headers=BEARER)
        more = httpx.URL(f"{below.url}/cdn/api/v1/audit?limit=1").join(first.links["next"]["url"])
        second = client.get(more, headers=BEARER)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() != second.json()


def test_what_is_not_below_the_base_path_is_not_ours(below: Served) -> None:
    """Neither through the proxy, where other sites live there, nor from the program itself."""
    outside = (
        "/",
        "/sign-in",
        "/cdnx/sign-in",
        "/api/v1/healthz",
        "/metrics",
        "/_stcore/health",
        "/manifest.webmanifest",
    )
    with below.browser() as client:
        assert {client.get(path).status_code for path in outside} == {404}
    with below.browser(f"http://{HOST}:{below.ports.web}", HOST) as client:
        assert {client.get(path).status_code for path in outside} == {404}
        assert client.get("/cdn/_stcore/health").status_code == 200


def test_what_supervisors_ask_on_the_machine_itself_is_not_open_through_the_proxy(either: Served) -> None:
    with either.browser() as client:
        assert client.get(f"{either.base}/_stcore/health").status_code == 401
        assert client.get(f"{either.base}/_stcore/script-health-check").status_code == 401
        assert client.get(f"{either.base}/api/v1/healthz").status_code == 200
