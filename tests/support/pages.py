"""Read an HTML page as a browser does."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np


class Page(HTMLParser):
    """A page as a browser sees it.

    Attributes:
        elements: each tag with its attributes.
        words: the text outside scripts and styles, in pieces.
        scripts: the content of each script.
        links: the text of each link.
        source: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.links: list[str] = []
        self._inside = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words.append(data)
        if self._inside == "a":
            self.links.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def figures(self) -> list[dict]:
        """Give the plots, as plotly.js takes them."""
        kinds = [attributes.get("type") for tag, attributes in self.elements if tag == "script"]
        scripts = zip(kinds, self.scripts, strict=True)
        return [json.loads(script) for kind, script in scripts if kind == "application/json"]


def decoded(values) -> np.ndarray:
    """Read an array as Plotly writes it."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.array(values, dtype=float)
