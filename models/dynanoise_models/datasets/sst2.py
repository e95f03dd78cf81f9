"""SST-2 in the form of GLUE: sentences of film reviews, negative (0) or positive (1)."""

from pathlib import Path

import numpy as np

from dynanoise_export.errors import UserError
from dynanoise_models.datasets.dataset import Dataset, data_folder, first_of, labelled

HEADER = "sentence\tlabel"


def load_sst2(folder: Path | None = None) -> Dataset:
    """Load 67,349 training sentences and 872 of `dev`, which are for testing (GLUE's own test has no labels).

    Raises:
        UserError: it is missing or damaged.
    """
    places = ("sst2", "SST-2", "glue_data/SST-2")
    place = first_of(data_folder(folder), places, "SST-2", "SST-2.zip of gluebenchmark.com")
    parts = [_read(place / f"{part}.tsv") for part in ("train", "dev")]
    sentences, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return labelled(place, sentences, labels, np.arange(len(labels)) >= len(parts[0][1]))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        header, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        rows = [line.rsplit("\t", 1) for line in lines]
        sentences, labels = [row[0] for row in rows], [int(row[1]) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path} is missing, or no table of sentences and labels: {error}.") from error
    if header != HEADER:
        raise UserError(f"{path} does not begin with a line of 'sentence' and 'label', as GLUE's does.")
    return np.array(sentences), np.array(labels)
