"""New Pythons that import nothing from the current folder, which may be that of a hostile model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def clean_path() -> Iterator[None]:
    """Within the block, a Python that this process starts with `-m` or `-c` does not import from the current folder.

    What the process itself imports is not changed.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SAFE_PATH, None)
        else:
            os.environ[SAFE_PATH] = before
