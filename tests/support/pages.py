"""Read a page as a browser does."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and text outside of scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
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

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def figures(self) -> list[dict]:
        """Give the plots."""
        kinds = [attributes.get("type") for tag, attributes in self.elements if tag == "script"]
        told = zip(kinds, self.scripts, strict=True)
        return [json.loads(script) for kind, script in told if kind == "application/json"]


def decoded(values) -> np.ndarray:
    """Read an array as Plotly writes it."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.array(values, dtype=float)
