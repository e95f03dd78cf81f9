import io
import re
from contextlib import redirect_stderr

import pytest
from rich.progress import Progress as Bar

from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_export.types import Step


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Give a terminal, to put in the place of standard error."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(Bar, "update", refreshed(Bar.update))
    return Terminal()


def refreshed(update):
    """Draw the bar at every step, which otherwise happens ten times per second."""
    return lambda bar, task, **fields: update(bar, task, refresh=True, **fields)


def lines(written):
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written))


def test_a_terminal_shows_the_step_and_how_much_of_it_is_done(terminal):
    with redirect_stderr(terminal), progress_bar() as progress:
        progress(Step("Opening [batch].onnx"))
        progress(Step("Sending", 1250, 4000, "queries"))
        progress(Step("Training", 2.5, 20, "epochs"))
        progress(Step("Writing"))
    shown = lines(terminal.getvalue())
    for step, count in (("Opening [batch].onnx", ""), ("Sending", "1,250 of 4,000 queries"),
                        ("Training", "2.5 of 20 epochs"), ("Writing", "")):  # fmt: skip
        own = [line for line in shown if line.startswith(step)]
        assert own
        assert (" of " in own[-1]) is bool(count)
        assert count in own[-1]


def test_a_step_that_goes_on_keeps_its_bar(terminal):
    with redirect_stderr(terminal), progress_bar() as progress:
        for done in range(3):
            progress(Step("Sending", done, 10, "queries"))
    assert "2 of 10 queries" in terminal.getvalue()


def test_elsewhere_nothing_is_shown(capsys):
    with progress_bar() as progress:
        progress(Step("Sending", 1, 10, "queries"))
    assert capsys.readouterr() == ("", "")


def test_a_line_that_is_piped_is_not_cut_or_folded(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    console_beside(None).print("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1
