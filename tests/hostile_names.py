"""Names that want to do harm, and how to tell that they did: in markup, in charts, in lines of a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

STRANGER = "evil.example"

# What a publisher, a server or somebody at a form may call a thing, by what it tries. Where one of them ran, `pwned`
# is a variable of the page, a class or a tag in it; what leads away leads to STRANGER.
NAMES: dict[str, str] = {
    "script": "<script>window.__pwned=1</script>",
    "image": "<img src=x onerror=window.__pwned=1 class=pwned>",
    "svg": '"><svg/onload=window.__pwned=1 class=pwned>',
    "frame": f"<iframe src=//{STRANGER}/ class=pwned></iframe>",
    "attribute": '" onmouseover="window.__pwned=1" class="pwned',
    "single quotes": "' autofocus onfocus='window.__pwned=1' class='pwned",
    "backticks": "` onclick=`window.__pwned=1",
    "end of style": "</style></td></tr></table></script><b class=pwned>x</b>",
    "end of title": "</title></textarea></noscript><base href=//evil.example/>",
    "style": f"<style>*{{background:url(//{STRANGER}/)}}</style>",
    "comment": "<!-- <![CDATA[ <?pwned ?> --!>",
    "entities": "&lt;b class=pwned&gt;&amp;&#60;img&#62;&NewLine;",
    "jinja": "{{ 7*7 }}{% include '/etc/passwd' %}${7*7}<%= 7*7 %>#{7*7}",
    "fields": "{name} {0} {} {0.__class__} $name ${name}",
    "percent": "%s%s%n%d%(name)s%",
    "markdown link": f"[x](https://{STRANGER}/) ![x](//{STRANGER}/x.png)",
    "markdown script": "[x](javascript:window.__pwned=1)",
    "markdown marks": "# **b** _i_ ~~s~~ `c` > q - l | t |",
    "latex": "$$\\text{pwned}$$ $x^2$",
    "shortcodes": ":red[pwned] :material/delete: :red-background[x] :streamlit:",
    "plotly": f'<a href="https://{STRANGER}/">p</a><b>b</b><br>%{{x}} %{{fullData.name}}<extra></extra>',
    "colour of the style sheet": "var(--s0)",
    "javascript": "javascript:window.__pwned=1",
    "data": "data:text/html,<script>window.__pwned=1</script>",
    "formula": '=HYPERLINK("https://evil.example/";"x")',
    "formula plus": "+1+cmd|' /C calc'!A0",
    "formula minus": "-2+3",
    "formula at": "@SUM(1+1)",
    "formula tab": "\t=1+1",
    "formula return": "\r=1+1",
    "sql": "'; DROP TABLE server; --",
    "sql quotes": "\"; SELECT pg_sleep(9); $$ \\' OR '1'='1",
    "copy": "\\N\t\\.\\x41",
    "like": "%_\\%",
    "line": "one\n12:00:00 error   forged line",
    "header": "one\r\nSet-Cookie: pwned=1\r\n\r\n<b class=pwned>",
    "other lines": "one\u2028two\u2029three\x85four\x0bfive\x0csix",
    "terminal": "\x1b[2J\x1b[31mred\x1b]0;pwned\x07\x9b31m",
    "backspace": "edge-1\x08\x08\x08\x7f",
    "label": 'x",pwned="1"} 1\n# HELP pwned\\',
    "turned": "edge\u202egpj.exe\u2066x\u2069\u200f\u061c",
    "unseen": "edge\u200b-\u2060\ufeff1",
    "nul": "be\x00fore",
    "half a character": "half \ud800 \udfff",
    "marks on marks": "t" + "\u0301\u0335\u0489" * 60 + "ower",
    "emoji": "🛰👩‍👩‍👧‍👦🇩🇪🏴",
    "scripts": "naïve قناة 频道 пример ｆｕｌｌ",
    "folders": "../../../../etc/passwd",
    "folders encoded": "..%2f..%2fetc%2fpasswd%00.png",
    "address": "x?a=1&name=2#f%2f;p=1+2 3",
    "other host": f"//{STRANGER}/\\{STRANGER}",
    "prototype": "__proto__",
    "json": '"},"pwned":{"x":"',
    "constructor": "constructor[prototype][pwned]",
    "nothing": "null",
    "no number": "NaN",
    "a dot": ".",
    "a space": " ",
    "long": "long-" + "x" * 10_000,
    "long words": "very long name " * 700,
}

# Markup that pages are made of. Whatever else stands in one came out of a name.
TAGS = frozenset(
    {
        *("a", "article", "b", "bdi", "br", "caption", "code", "details", "div", "em", "footer", "h1", "h2", "h3"),
        *("header", "i", "img", "input", "label", "li", "nav", "ol", "p", "section", "small", "span", "strong"),
        *("summary", "table", "tbody", "td", "th", "thead", "time", "tr", "ul"),
    }
)
# The plain pages, which are whole documents with forms.
DOCUMENT = TAGS | {
    *("body", "button", "form", "head", "html", "link", "main", "meta", "option", "select", "title"),
}
_ATTRIBUTES = re.compile(
    r"class|href|title|style|role|scope|id|src|alt|hidden|colspan|tabindex|datetime|aria-[a-z]+|data-[a-z-]+"
)
_OF_FORMS = re.compile(
    r"action|autocapitalize|autocomplete|autocorrect|autofocus|charset|checked|content|for|height|lang|maxlength|method"
    r"|minlength|name|placeholder|readonly|rel|required|selected|sizes|spellcheck|type|value|width"
)
_STYLE = re.compile(r"(?:--)?[a-z-]+:\s*[-\d.a-z%() ]*;?")
_CLASS = re.compile(r"[\w -]*")


class Seen(HTMLParser):
    """Some markup, read as a browser reads it. words: its text; values: of attributes; wrong: what must not be there.

    document: it is a whole page of ours, not a part of one.
    """

    def __init__(self, markup: str, *, document: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.words = ""
        self.values: list[str] = []
        self.wrong: list[str] = []
        self._tags = DOCUMENT if document else TAGS
        self._forms = document
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._tags:
            self.wrong.append(f"the tag {tag}")
        for name, value in attrs:
            self.values.append(value or "")
            allowed = _ATTRIBUTES.fullmatch(name) or (self._forms and _OF_FORMS.fullmatch(name))
            if not allowed or name.startswith("on"):
                self.wrong.append(f"{tag} has {name}={value}")
            elif name in ("href", "src", "action") and not _stays_here(tag, value or ""):
                self.wrong.append(f"{tag} leads to {value}")
            elif name == "style" and not _STYLE.fullmatch(value or ""):
                self.wrong.append(f"{tag} is styled {value}")
            elif name in ("class", "id", "role", "data-i") and (not _CLASS.fullmatch(value or "") or "pwned" in value):  # type: ignore[operator]
                self.wrong.append(f"{tag} has {name}={value}")

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"the comment {data}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"the instruction {data}")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(f"the declaration {data}")


def _stays_here(tag: str, address: str) -> bool:
    """Whether an address is one of ours: relative, or a picture that is written out."""
    if tag == "img" and address.startswith("data:image/svg+xml"):
        return True
    if any(ord(char) < 33 for char in address) or "\\" in address:
        return False
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def control(text: str) -> list[str]:
    """The characters in `text` that end a line, steer a terminal or turn the text around them."""
    return [f"U+{ord(char):04X}" for char in _CONTROL.findall(text)]


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(where, text) of every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.", key
            yield from strings(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, path)


def misread(figure: dict[str, Any]) -> list[str]:
    """What Plotly would read in a figure's texts as markup or as a template. Templates of ours are numbers alone."""
    wrong = []
    for where, text in strings(figure):
        if where.endswith("template"):
            if not re.fullmatch(r"%\{y:,?\.\d+f\}", text):
                wrong.append(f"{where}: {text}")
        elif re.search(r"<[^ ]", text) or control(text):
            wrong.append(f"{where}: {text}")
    return wrong


def read_by_plotly(text: str) -> str:
    """A text of a figure as Plotly shows it."""
    return unescape(text)
