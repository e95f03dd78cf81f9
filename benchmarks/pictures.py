"""Make the README's pictures: the terminal of the three main commands, and the report.

    python -m benchmarks.pictures --work DIR

The demonstration runs in DIR first, unless its files are there. The pictures go to docs/pictures/: each terminal is the
real output of a command in colour, its first lines, and the report is what Chromium shows of the page of `attack`.
playground_pictures.py makes those of the playground.
"""

import argparse
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from dynanoise_export.files import written_whole

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
COLUMNS = 96
WIDTH, HEIGHT = 1100, 1120
COLOURS = 96
# What is typed, and how many lines of the output are shown.
COMMANDS = {
    "export": ("dynanoise-export demo/digits.pt --sigma0 0.55 -o defended.onnx", 40),
    "validate": ("dynanoise-export validate defended.onnx --reference demo/digits.pt --data demo/bundle.npz", 24),
    "attack": (
        "dynanoise-export attack defended.onnx --data demo/bundle.npz --shadows demo/shadows "
        "--reference demo/digits.pt --budget 16 --max-auc 0.6 --html report.html",
        46,
    ),
}


def main() -> None:
    """Run the commands and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "demo" / "report.html").exists():
        run("dynanoise-export demo", work)
    for name, (command, lines) in COMMANDS.items():
        write_terminal(command, run(command, work), lines, PICTURES / f"terminal-{name}.svg")
    write_page(work / "report.html", "report")


def run(command: str, work: Path) -> str:
    """Run a command as in a terminal; give what it writes to standard output, in colour."""
    program = Path(sys.executable).with_name("dynanoise-export")
    environment = os.environ | {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    ended = subprocess.run(
        [program, *shlex.split(command)[1:]], cwd=work, env=environment, capture_output=True, text=True
    )
    if ended.returncode not in (0, 4):  # a gate may be exceeded
        raise SystemExit(f"{command} ended with status {ended.returncode}: {ended.stderr}")
    return ended.stdout


def write_terminal(command: str, output: str, lines: int, path: Path) -> None:
    """Draw a command and the first lines of its output."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    shown = output.rstrip().split("\n")
    console.print(Text(f"$ {command}", style="bold"))
    for line in shown[:lines]:
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    if len(shown) > lines:
        console.print("…")
    # The picture must need no other file: without the font of Rich's format, that of the reader.
    form = re.sub(r"@font-face\s*{{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace")
    with written_whole(path) as staged:
        staged.write_text(
            console.export_svg(
                title=path.stem.rpartition("-")[2], theme=MONOKAI, code_format=form, unique_id=path.stem
            ),
            encoding="utf-8",
        )


def write_page(page: Path, name: str) -> None:
    """Photograph the beginning of a page, in light and in dark."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as driver, driver.chromium.launch(executable_path=path) as browser:
        for scheme in ("light", "dark"):
            with browser.new_context(color_scheme=scheme, viewport={"width": WIDTH, "height": HEIGHT}) as context:
                shown = context.new_page()
                shown.goto(page.resolve().as_uri())
                shown.wait_for_selector(".plot .main-svg")
                taken = Image.open(io.BytesIO(shown.screenshot()))
            with written_whole(PICTURES / f"{name}-{scheme}.png") as staged:
                taken.convert("RGB").quantize(COLOURS).save(staged, optimize=True)


if __name__ == "__main__":
    main()
