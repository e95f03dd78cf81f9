"""Write the page with its heads into a folder, for any web server."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from dynanoise_export.errors import FileAccessError, MissingPackageError
from dynanoise_export.files import folder_written_whole
from dynanoise_export.playground.beginning import Beginning
from dynanoise_export.playground.heads import Head, playground_heads
from dynanoise_export.printable import printable
from dynanoise_export.version import __version__

PAGE = Path(__file__).with_name("page")
# onnxruntime-web, which the build fetches.
RUNTIME = PAGE / "runtime"
CONTENT = "playground.json"


def write_playground(folder: str | Path, *, beginning: Beginning | None = None) -> Path:
    """Write the page as a static folder, which needs no other file and no network.

    Args:
        folder: a new one, or that of an earlier page, which is replaced.
        beginning: the setting and the queries that it begins with; None for the papers' and made-up ones.

    Returns:
        The folder.

    Raises:
        UserError: it can't be written, something else is there, or onnxruntime-web is not part of this installation.
    """
    folder = Path(folder)
    require_replaceable(folder)
    require_runtime()
    start = beginning or Beginning()
    heads = playground_heads(len(start.queries.classes))
    with folder_written_whole(folder) as staged:
        shutil.copytree(PAGE, staged, dirs_exist_ok=True)
        (staged / "heads").mkdir()
        for head in heads:
            (staged / "heads" / head.name).write_bytes(head.content)
        (staged / CONTENT).write_text(_content(start, heads), encoding="utf-8")
    return folder


def require_replaceable(folder: Path) -> None:
    """Check that nothing but an earlier page would be lost.

    Raises:
        FileAccessError: a file, or a folder with other files, is there.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FileAccessError(f"Can't write the page to {folder}: it is a link or a file, so give another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONTENT).is_file():
        raise FileAccessError(f"Can't write the page to {folder}: other files are there, so give a new folder.")


def require_runtime() -> None:
    """Check that the runtime of the page is there.

    Raises:
        MissingPackageError: it could not be fetched when this package was built.
    """
    if not RUNTIME.is_dir():
        raise MissingPackageError(
            "The playground needs onnxruntime-web, which was out of reach when dynanoise-export was built: install npm "
            "and connect to its registry, then install dynanoise-export again with --force-reinstall --no-cache-dir."
        )


def _content(beginning: Beginning, heads: Iterable[Head]) -> str:
    queries = beginning.queries
    return json.dumps(
        {
            "version": __version__,
            "origin": printable(queries.origin),
            "classes": [printable(name) for name in queries.classes],
            "queries": [{"name": printable(query.name), "logits": query.logits.tolist()} for query in queries.queries],
            "beginning": {
                "parameters": dict(beginning.parameters),
                "noise": beginning.noise.value,
                "keepLabel": beginning.keep_label,
            },
            "heads": [
                {
                    "file": f"heads/{head.name}",
                    "noise": head.noise.value,
                    "keepLabel": head.keep_label,
                    "places": dict(head.places),
                }
                for head in heads
            ],
        },
        allow_nan=False,
    )
