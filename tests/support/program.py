"""Run the program in this process, as a shell would."""

import sys
from dataclasses import dataclass

import pytest

from dynanoise_cli.app import main


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


class Program:
    """`program("inspect", file)` gives the exit status and what was written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["dynanoise-export", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = self.capsys.readouterr()
        return Ended(ended.value.code or 0, written.out, written.err)
