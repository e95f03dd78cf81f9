"""Texts with labels: a column of a table, encoded by the tokenizer of a Hugging Face folder."""

from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.bundling.columns import read_columns
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.errors import UsageError
from dynanoise_export.packages import require_packages
from dynanoise_export.records import reading
from dynanoise_export.types import Array, Progress, Step

TEXT = "text"
# Texts that are encoded at once, and the length that stands for "none stated" in transformers.
CHUNK, NO_LIMIT = 1000, 1 << 20


def read_texts(path: Path, request: BundleRequest, progress: Progress) -> SourceRows:
    """Read texts, not yet encoded.

    Args:
        path: of a CSV, TSV, JSON-lines or Parquet file.
        request: names its columns; the label is in the column "label" unless it says otherwise.
        progress: called for each part of the table.

    Raises:
        UserError: it can't be read, or lacks a column.
    """
    names = {"text": str(request.text), "label": request.label or "label"}
    names |= {key: name for key, name in (("member", request.member), ("group", request.group)) if name is not None}
    columns = read_columns(path, list(dict.fromkeys(names.values())), (), progress)
    found = {key: columns.texts[name] for key, name in names.items()}
    return SourceRows(
        {TEXT: found["text"]},
        found["label"].astype(np.str_),
        found["member"].astype(np.str_) if "member" in found else None,
        found["group"].astype(np.str_) if "group" in found else None,
    )


def encode_texts(texts: Array, request: BundleRequest, progress: Progress) -> dict[str, Array]:
    """Encode texts by the tokenizer of a Hugging Face folder; no code from the folder is run.

    Args:
        texts: str objects [n].
        request: names the folder, and the number of tokens after which a text is cut off.
        progress: called with the number of texts.

    Returns:
        int64 [n, length] for each input that the tokenizer makes, padded to the longest text.

    Raises:
        UserError: there is no folder or no tokenizer in it, or its tokenizer has no padding token.
    """
    if request.processor is None:
        raise UsageError("Texts need a tokenizer: name the folder of the Hugging Face model with --processor.")
    tokenizer = _open(request.processor)
    stated = int(min(tokenizer.model_max_length, NO_LIMIT))
    longest = request.max_length or (stated if stated < NO_LIMIT else None)
    rows: dict[str, list[Any]] = {}
    with reading(request.processor, "a folder with a tokenizer for these texts"):
        for start in range(0, len(texts), CHUNK):
            progress(Step("Encoding texts", start, len(texts), "texts"))
            made = tokenizer(list(texts[start : start + CHUNK]), truncation=longest is not None, max_length=longest)
            for name, values in made.items():
                rows.setdefault(name, []).extend(values)
        padded = tokenizer.pad(rows, padding="longest", return_tensors="np")
    return {name: np.asarray(values, np.int64) for name, values in padded.items()}


def _open(folder: Path) -> Any:
    require_packages("Texts need", "transformers")
    import transformers

    transformers.logging.set_verbosity_error()
    with reading(folder, "a Hugging Face folder with a tokenizer"):
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token_id is None:
        raise UsageError(f"{folder} has a tokenizer without a padding token: set pad_token in tokenizer_config.json.")
    return tokenizer
