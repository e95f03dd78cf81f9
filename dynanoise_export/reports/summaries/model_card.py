"""A model card, as model hubs show it: a section of text, and the figures in its metadata."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.errors import FormatError
from dynanoise_export.files import written_whole
from dynanoise_export.packages import require_packages
from dynanoise_export.records import reading
from dynanoise_export.reports.model_facts import Fact
from dynanoise_export.reports.summaries.card_metadata import merged_metadata, new_metadata
from dynanoise_export.reports.summaries.markdown_text import code, plain, table
from dynanoise_export.reports.summaries.summary import Figure, Summary

COMMANDS = ("attack", "validate", "tune")
# The metadata at the beginning of a card, as the library of the hub finds them.
_METADATA = re.compile(r"(\s*---(?:\r\n|\r|\n))(.*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z))", re.DOTALL)


@dataclass(frozen=True)
class _Card:
    """A card that exists.

    Attributes:
        path: of its file.
        opening: the line above the metadata; "" without metadata.
        metadata: YAML.
        closing: the line below them.
        text: what follows.
        newline: how its lines end.
    """

    path: Path
    opening: str
    metadata: str
    closing: str
    text: str
    newline: str


def require_model_card(path: Path) -> None:
    """Check, before long work, that a section can be put into a model card, if there is one.

    Raises:
        UserError: PyYAML is not installed, or the file can't be read or is not a card that can be edited.
    """
    require_packages("A model card needs", "yaml")
    card = _opened(path)
    if card is not None:
        for command in COMMANDS:
            _place(card, command)
        if card.opening:
            merged_metadata(card.metadata, None, path, card.newline)


def write_model_card(summary: Summary, path: Path) -> None:
    """Write a model card, or put the section and the figures into one: all else in it stays, byte for byte.

    Raises:
        UserError: the file can't be read or written, or is not a card that can be edited.
    """
    card = _opened(path)
    whole = _new(summary) if card is None else _edited(card, summary)
    with written_whole(path) as staged:
        staged.write_bytes(whole.encode())


def _opened(path: Path) -> _Card | None:
    if not path.exists():
        return None
    with reading(path, "a model card in UTF-8"):
        whole = path.read_bytes().decode()
    if whole.startswith("\ufeff"):
        raise FormatError(f"{path} begins with a byte order mark, behind which no hub finds metadata: save it without.")
    found, newline = _METADATA.match(whole), "\r\n" if "\r\n" in whole else "\n"
    if found is None:
        if whole.lstrip().startswith("---"):
            raise FormatError(f"{path} begins with ---, but its metadata have no end: close them with a line of ---.")
        return _Card(path, "", "", "", whole, newline)
    opening, metadata, closing = found.groups()
    return _Card(path, opening, metadata, closing, whole[found.end() :], newline)


def _new(summary: Summary) -> str:
    metadata = new_metadata(summary)
    block = f"---\n{metadata}---\n\n" if metadata else ""
    return f"{block}# {plain(summary.name)}\n\n{section(summary)}\n"


def _edited(card: _Card, summary: Summary) -> str:
    metadata, opening, closing = card.metadata, card.opening, card.closing
    if opening:
        metadata = merged_metadata(metadata, summary, card.path, card.newline)
    elif new := new_metadata(summary):
        opening, metadata, closing = "", f"---\n{new}---\n".replace("\n", card.newline), ""
    own = section(summary).replace("\n", card.newline)
    place, text = _place(card, summary.command), card.text
    if place is None:
        gap = card.newline * (1 if text.endswith("\n") or not text else 2)
        text = f"{text}{gap}{own}{card.newline}"
    else:
        text = text[: place.start] + own + text[place.stop :]
    return "".join((opening, metadata, closing, text))


def _marks(command: str) -> tuple[str, str]:
    return f"<!-- dynanoise-export {command}: begin -->", f"<!-- dynanoise-export {command}: end -->"


def _place(card: _Card, command: str) -> slice | None:
    """Find a command's section in the text of a card; None if there is none.

    Raises:
        FormatError: its marks are not one pair.
    """
    begin, end = _marks(command)
    found = card.text.find(begin), card.text.find(end)
    if found == (-1, -1):
        return None
    if found[0] == -1 or found[1] < found[0] or (card.text.count(begin), card.text.count(end)) != (1, 1):
        raise FormatError(f"{card.path} must have the marks {begin} and {end} once each, in this order, or neither.")
    return slice(found[0], found[1] + len(end))


def section(summary: Summary) -> str:
    """Write the section of a command, in Markdown, between its marks."""
    begin, end = _marks(summary.command)
    return "\n\n".join((begin, f"## {plain(summary.title)}", *_parts(summary), end))


def _parts(summary: Summary) -> Iterator[str]:
    yield f"**{summary.verdict}.**"
    yield _list(summary.sentences)
    if summary.figures:
        yield table(("Figure", "Value", "95% interval", "By"), [_row(figure) for figure in summary.figures])
    if summary.limits:
        yield "### What weakens it"
        yield _list(summary.limits)
    yield "### What was assumed"
    yield _facts(summary.assumed)
    yield "### Provenance"
    yield _facts(summary.facts)


def _row(figure: Figure) -> tuple[str, ...]:
    one = figure.measured
    return plain(figure.name), f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", plain(figure.by)


def _list(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)


def _facts(facts: tuple[Fact, ...]) -> str:
    return "\n".join(f"- {_fact(fact)}" for fact in facts)


def _fact(fact: Fact) -> str:
    text = code(fact.text) if fact.code else plain(fact.text)
    return f"{plain(fact.name)}: {text}" if fact.name else text
