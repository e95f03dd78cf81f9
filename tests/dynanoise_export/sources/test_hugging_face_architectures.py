"""Every architecture of transformers is exported, or refused, as the table in docs/hugging-face.md says.

One architecture alone: pytest -m slow -k ConvBert tests/dynanoise_export/sources/test_hugging_face_architectures.py
"""

import re
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dynanoise_export.errors import UserError
from dynanoise_export.types import TensorSpec
from support.algorithm import algorithm_1
from support.exports import Defended, defended
from support.source_code import ROOT

transformers = pytest.importorskip("transformers")

from support.architectures import CLASSES, architectures, queries, save, tiny  # noqa: E402

ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \|")
# In probability: a deep network with random weights enlarges what float32 rounds.
TOLERANCE = 1e-4
EXPORTED, OF_ONE_LENGTH = "exported", "exported for one length"
# Rows and their lengths in tokens, samples and frames: none as in the example that the exporters follow.
SIZES = {"input_ids": [(3, 17), (1, 9)], "input_values": [(3, 2700), (1, 1800)], "input_features": [(3, 46), (1, 30)]}


def documented() -> dict[str, tuple[str, str]]:
    """Read the table: the inputs and the result of each architecture."""
    lines = (ROOT / "docs" / "hugging-face.md").read_text(encoding="utf-8").splitlines()
    rows = [match for line in lines if (match := ROW.match(line))]
    return {match[1]: (match[2], match[3]) for match in rows}


def test_the_table_lists_every_architecture_of_transformers():
    assert set(documented()) == set(architectures())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # transformers and PyTorch warn about models as small as these
@pytest.mark.parametrize("architecture", sorted(architectures()))
def test_an_architecture_does_what_the_table_says(architecture, tmp_path):
    assert tried(architecture, tmp_path) == documented()[architecture]


def tried(architecture: str, folder: Path) -> tuple[str, str]:
    """Export a tiny classifier, compare the file with it, and give the row of the table."""
    try:
        model = tiny(architecture)
    except ImportError:  # a package is missing
        saved_without_weights(architecture, folder / "model")
        return refused(folder)
    save(model, folder / "model")
    try:
        made = defended(folder / "model", folder)
    except UserError as error:
        if error.code != "model-input" or "--input" not in str(error):
            return refused(folder)
        given = re.findall(r"--input (\w+):([\w,]+):(\w+)", str(error))
        inputs = [TensorSpec(name, dtype, ("batch", *map(int, shape.split(",")[1:]))) for name, shape, dtype in given]
        short = tuple(TensorSpec(spec.name, spec.dtype, ("batch", 16, *spec.shape[2:])) for spec in inputs)
        made = defended(folder / "model", folder, inputs=short)
        assert_right(model, made)
        return listed(made), OF_ONE_LENGTH
    assert_right(model, made)
    return listed(made), EXPORTED


def refused(folder: Path) -> tuple[str, str]:
    with pytest.raises(UserError) as refusal:
        defended(folder / "model", folder)
    assert str(folder / "model") in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1
    return "", f"refused: `{refusal.value.code}`"


def saved_without_weights(architecture: str, folder: Path) -> None:
    config = getattr(transformers, architecture).config_class()
    config.architectures = [architecture]
    config.save_pretrained(folder)
    save_file({"weight": torch.zeros(1)}, folder / "model.safetensors", {"format": "pt"})


def listed(made: Defended) -> str:
    return ", ".join(name for name in made.shapes() if name != "noise")


def assert_right(model: torch.nn.Module, made: Defended) -> None:
    """Compare the file with the model on rows of other numbers, lengths and contents than the exporter's example."""
    shapes = {name: shape for name, shape in made.shapes().items() if name != "noise"}
    generator = np.random.default_rng(0)
    for seed, (rows, length) in enumerate(next((SIZES[name] for name in shapes if name in SIZES), [(3, 0), (1, 0)])):
        asked = queries(model, shapes, rows, length, seed)
        with torch.no_grad():
            answer = model(**{name: torch.from_numpy(array) for name, array in asked.items()})
        logits = (answer.logits if "logits" in answer else answer.last_hidden_state).numpy()  # PP-LCNet's name for them
        assert logits.shape == (rows, CLASSES)
        noise = generator.standard_normal(logits.shape, dtype=np.float32)
        expected = algorithm_1(logits, noise, *astuple(made.defence))
        np.testing.assert_allclose(made.answer(asked, noise), expected, rtol=0, atol=TOLERANCE)
        assert rows == 1 or logits.std(axis=0).max() > 0.01, "all rows have the same answer, which shows nothing"
