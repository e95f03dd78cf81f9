"""Words of files and servers on a terminal: they can't style it, move on it, or look like words of the program."""

import io
import json
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout

import pytest
from rich.markup import render
from rich.text import Text

from dynanoise_cli.console import PlainConsole, progress_bar, say
from dynanoise_export.printable import printable, printable_lines
from dynanoise_export.reports.documents import printable_json, write_document
from dynanoise_export.reports.terminal import pasted, print_rows, words
from dynanoise_export.types import Step

HOSTILE = [
    "x\x1b[1A\x1b[2Kleak check  passed",
    "x\x1b]8;;http://evil\x1b\\click\x1b]8;;\x07",
    "x\nleak check  passed",
    "x\r\x08\x08passed",
    "\u202edessap\u2069",
    "[red]x[/] [link=http://evil]y[/link] [@click=z]",
    ":white_check_mark: passed",
    "\\[bold]x\\[/]",
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def shown(show):
    """Give what a terminal gets from a function of a console."""
    with redirect_stdout(Terminal()) as terminal:
        show(PlainConsole())
    return terminal.getvalue()


def uncoloured(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_table_shows_words_on_their_line_and_without_markup(word):
    rows = [("leak check", f"FAILED {word}"), ("draws", [word, "none"])]
    lines = uncoloured(shown(lambda console: print_rows(rows, console))).split("\n")
    assert len(lines) == 4  # with the empty one at the end
    assert lines[0].rstrip().endswith(f"FAILED {printable(word)}")
    assert lines[1].rstrip().endswith(printable(word))


@pytest.mark.parametrize("word", HOSTILE)
def test_whatever_else_is_printed_is_escaped_as_well(word):
    assert shown(lambda console: console.print(words(word))) == f"{printable(word)}\n"
    assert shown(lambda console: console.print(word, markup=False)) == f"{printable_lines(word)}\n"
    assert shown(lambda console: console.print(Text(word))).startswith(printable_lines(word)[0])
    assert "\x1b" not in shown(lambda console: console.print(Text(word)))


def test_the_styles_of_the_program_stay():
    assert "\x1b[31mFAILED" in shown(lambda console: console.print("[red]FAILED[/]"))


@pytest.mark.parametrize("word", HOSTILE)
def test_a_sentence_has_one_line(word):
    with redirect_stderr(Terminal()) as written:
        say(f"Dropped {word}.")
    assert len(written.getvalue().splitlines()) == 1
    assert printable(written.getvalue()[:-1]) == written.getvalue()[:-1]


def test_a_step_can_not_move_the_cursor(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stderr(Terminal()) as written, progress_bar() as progress:
        progress(Step("Opening \x1b]0;title\x07\u202e.onnx", 1, 2, "rows"))
    assert "\x1b]0" not in written.getvalue()
    assert "\\x1b]0;title\\x07\\u202e.onnx" in written.getvalue()


@pytest.mark.parametrize("word", [*HOSTILE, "\udc80\x7f\x9b", "\U000e0041"])
def test_a_document_is_the_same_json_and_harmless_on_a_terminal(tmp_path, word):
    text = printable_json({word: [word, "σ₀"]})
    assert json.loads(text) == {word: [word, "σ₀"]}
    assert "σ₀" in text
    assert printable_lines(text) == text
    write_document({"name": word}, tmp_path / "report.json")


def test_a_figure_that_is_not_finite_is_null_in_a_document():
    document = {"value": float("nan"), "ends": [float("-inf"), 0.5], "runs": ({"p": float("inf")},)}
    assert json.loads(printable_json(document)) == {"value": None, "ends": [None, 0.5], "runs": [{"p": None}]}


@pytest.mark.parametrize("name", ["a b.onnx", "$(touch x).onnx", "a'b;c", "`x`"])
def test_a_command_to_paste_names_the_same_file(name):
    assert shlex.split(pasted("dynanoise-export", "inspect", name)) == ["dynanoise-export", "inspect", name]
    assert render(words(pasted("inspect", name))).plain == pasted("inspect", name)


def test_arguments_are_words_of_strangers_too(program):
    refused = program("inspect", "--\x1b[2J\u202eoption", "x")
    assert refused.status == 2
    assert "\x1b[2J" not in refused.err
    assert "\u202e" not in refused.err
