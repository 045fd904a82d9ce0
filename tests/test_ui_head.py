"""What the web server adds to Streamlit's pages, and the small files they ask for."""

from __future__ import annotations

import gzip
import io

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.brand import ICON_SIZES, icon, logo, manifest
from web.head import Head
from web.routes import routes

PAGE = (
    '<!DOCTYPE html><html><head><link rel="shortcut icon" href="./favicon.png" /><title>Streamlit</title></head>'
    f"<body>{'x' * 5_000}</body></html>"
)


async def _pieces() -> object:
    for start in range(0, len(PAGE), 37):
        yield PAGE[start : start + 37]


def _page(request: Request) -> Response:
    if request.query_params.get("pieces"):
        return StreamingResponse(_pieces(), media_type="text/html")  # type: ignore[arg-type]
    if request.headers.get("if-none-match") == '"1"':
        return Response(status_code=304)
    return HTMLResponse(PAGE, headers={"etag": '"1"', "last-modified": "Tue, 24 Nov 2026 20:00:00 GMT"})


@pytest.fixture
def client() -> TestClient:
    """Streamlit's part is played by a page of its shape, compressed where the browser accepts it."""
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/server", _page),
            Route("/text", lambda _: PlainTextResponse("</head>")),
            Route("/_stcore/health", lambda _: HTMLResponse("</head>")),
        ],
        middleware=[Middleware(Head, name="Nord & <Süd>", script_version="abc"), Middleware(GZipMiddleware)],
    )
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/server?name=x", "/?pieces=1"])
def test_every_page_gets_the_head_once_and_its_true_length(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept-encoding": "gzip"})
    assert answer.text.count('<link rel="manifest"') == 1
    assert answer.text.count("page.js?v=abc") == 1
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "content-encoding" not in answer.headers


def test_the_title_is_the_brand_and_its_name_is_text(client: TestClient) -> None:
    answer = client.get("/").text
    assert "<title>Nord &amp; &lt;Süd&gt;</title>" in answer
    assert "Streamlit" not in answer
    assert "favicon.png" not in answer


def test_a_browser_that_knows_the_page_still_gets_its_head(client: TestClient) -> None:
    answer = client.get("/", headers={"if-none-match": '"1"'})
    assert answer.status_code == 200
    assert "etag" not in answer.headers
    assert "last-modified" not in answer.headers


def test_asking_for_the_head_alone_promises_no_wrong_length(client: TestClient) -> None:
    answer = client.head("/")
    assert answer.status_code == 200
    assert answer.headers.get("content-length") in (None, str(len(client.get("/").content)))


def test_all_addresses_in_the_head_are_relative(client: TestClient) -> None:
    head = client.get("/").text.partition("</head>")[0]
    for attribute in ('href="', 'src="'):
        assert all(part.startswith("./") for part in head.split(attribute)[1:])


def test_everything_but_pages_passes_unchanged(client: TestClient) -> None:
    assert client.get("/text").text == "</head>"
    assert client.get("/_stcore/health").text == "</head>"


@pytest.fixture
def files() -> TestClient:
    return TestClient(Starlette(routes=routes()))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/assets/page.js", "text/javascript; charset=utf-8"),
        ("/assets/plotly.min.js", "text/javascript; charset=utf-8"),
        ("/assets/logo.svg", "image/svg+xml"),
        *((f"/assets/icon-{size}.png", "image/png") for size in ICON_SIZES),
        ("/manifest.webmanifest", "application/manifest+json"),
    ],
)
def test_the_small_files_are_there(files: TestClient, path: str, kind: str) -> None:
    answer = files.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/assets/icon-7.png", "/assets/../web/routes.py", "/assets/brand.py", "/assets/"])
def test_nothing_else_is_there(files: TestClient, path: str) -> None:
    assert files.get(path).status_code == 404


def test_the_chart_library_is_sent_compressed_where_that_is_understood(files: TestClient) -> None:
    with files.stream("GET", "/assets/plotly.min.js", headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    bare = files.get("/assets/plotly.min.js", headers={"accept-encoding": "identity"}).content
    assert gzip.decompress(packed) == bare
    assert len(packed) < len(bare) / 2


def test_with_a_base_path_everything_is_below_it() -> None:
    below = TestClient(Starlette(routes=routes("/cdn/")))
    assert below.get("/cdn/assets/page.js").status_code == 200
    assert below.get("/cdn/api/v1/healthz").status_code == 200
    assert below.get("/assets/page.js").status_code == 404


def test_below_a_base_path_other_addresses_are_left_to_streamlit() -> None:
    streamlit = Route("/cdn/{path:path}", lambda _: PlainTextResponse("Streamlit's"))
    below = TestClient(Starlette(routes=[*routes("cdn"), streamlit]))
    assert below.get("/cdn/fleet").text == "Streamlit's"
    assert below.get("/cdn/assets/page.js").text != "Streamlit's"


def test_the_logo_and_the_icons_have_the_colour_of_the_brand() -> None:
    assert 'fill="#aa3300"' in logo("#aa3300")
    picture = Image.open(io.BytesIO(icon(192, "#aa3300")))
    assert picture.size == (192, 192)
    assert picture.getpixel((2, 2)) == (0xAA, 0x33, 0x00)
    assert picture.getpixel((96, 96)) == (255, 255, 255)


def test_the_manifest_names_icons_that_are_there(files: TestClient) -> None:
    for entry in manifest("CDN", "#1d63d8")["icons"]:
        assert files.get(f"/{entry['src']}").status_code == 200
