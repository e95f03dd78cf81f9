"""SST-2 in GLUE's format: sentences of film reviews, negative (0) or positive (1)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import FormatError
from dynanoise_export.types import Int64s
from dynanoise_models.datasets.dataset import Dataset, checked_dataset, data_folder, find_data_set

HEADER = "sentence\tlabel"


def load_sst2(folder: Path | None = None) -> Dataset:
    """Load 67,349 training sentences, and 872 of `dev`, which are reserved for testing (GLUE's test has no labels).

    Raises:
        UserError: it is missing or damaged.
    """
    paths = ("sst2", "SST-2", "glue_data/SST-2")
    found = find_data_set(data_folder(folder), paths, "SST-2", "SST-2.zip of gluebenchmark.com")
    sentences, labels = _read(found / "train.tsv")
    dev_sentences, dev_labels = _read(found / "dev.tsv")
    y = np.concatenate([labels, dev_labels])
    own_test = np.arange(len(y)) >= len(labels)
    return checked_dataset(found, np.concatenate([sentences, dev_sentences]), y, own_test)


def _read(path: Path) -> tuple[npt.NDArray[np.str_], Int64s]:
    try:
        header, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        rows = [line.rsplit("\t", 1) for line in lines]
        sentences, labels = [row[0] for row in rows], [int(row[1]) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise FormatError(f"{path} is missing, or is not a table of sentences and labels: {error}.") from error
    if header != HEADER:
        raise FormatError(f"{path} does not begin with the line 'sentence', tab, 'label' of GLUE's format.")
    return np.array(sentences), np.array(labels)
