"""A model whose logits are remembered answers as the whole model does, and is not asked about a row twice."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.comparison.remembered_logits import KnownScores, Remembering, ask_trimmed, digests_of, lengths_of
from benchmarks.comparison.split_graph import split_graph
from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.noise.input_noise import INPUT_NAME
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import Closing
from support.graphs import DEFENCE, defend, normals, parse, run
from support.guards import guarded_model, outside

UNDEFENDED = "g (float[N,3] x) => (float[N,4] z) <float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { z = MatMul(x, w) }"
ROWS = outside()


def not_the_model(part):
    """Open a guard or a head, and no model itself."""
    assert part.graph.outputs[0].name != "z"
    return open_graph(part)


def defended(defence, noise=NoiseSource.INPUT):
    """Give the test model behind a defence."""
    model = parse(UNDEFENDED)
    defend(model, "z", 4, noise, defence)
    return model


def answers(model, folder, opened=open_graph, **more):
    """Ask a model whose logits are remembered."""
    with Remembering(model, folder, opened) as predictor:
        return next(iter(predictor.run({"x": ROWS, **more}).values()))


@pytest.mark.parametrize("kind", ["box", "binary", "image", "sphere", "binary-sphere"])
def test_a_guarded_model_answers_as_a_whole(kind: str, tmp_path: Path) -> None:
    model, _ = guarded_model(kind)
    noise = {INPUT_NAME: normals(len(ROWS), 4)}
    expected = run(model, x=ROWS, **noise)[0]
    np.testing.assert_allclose(answers(model, tmp_path, **noise), expected, atol=1e-6)
    np.testing.assert_allclose(answers(model, tmp_path, not_the_model, **noise), expected, atol=1e-6)


def test_all_heads_share_the_logits(tmp_path: Path) -> None:
    expected = run(parse(UNDEFENDED), x=ROWS)[0]
    np.testing.assert_allclose(answers(parse(UNDEFENDED), tmp_path), expected)
    for model in (defended(LabelOnly(0.7)), defended(Temperature(2)), defended(DEFENCE, NoiseSource.KEYED)):
        made = answers(model, tmp_path, not_the_model)
        np.testing.assert_allclose(made, run(model, x=ROWS)[0], atol=1e-6)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_weights_have_other_logits(tmp_path: Path) -> None:
    answers(parse(UNDEFENDED), tmp_path)
    other = parse(UNDEFENDED.replace("12}", "13}"))
    np.testing.assert_allclose(answers(other, tmp_path), run(other, x=ROWS)[0])


def test_random_noise_is_drawn_anew(tmp_path: Path) -> None:
    model = defended(DEFENCE, NoiseSource.RANDOM)
    with Remembering(model, tmp_path, open_graph) as predictor:  # sessions of one process draw the same noise
        first, second = (predictor.run({"x": ROWS})["probabilities"] for _ in range(2))
    assert (first != second).any(axis=1).mean() > 0.5


def test_each_row_is_asked_once(tmp_path: Path) -> None:
    rows = {"x": ROWS[[6, 7, 6, 8, 7]]}
    asked = []

    def counting(part):
        predictor = open_graph(part)
        whole = predictor.run
        predictor.run = lambda inputs: asked.append(len(inputs["x"])) or whole(inputs)
        return predictor

    with Remembering(parse(UNDEFENDED), tmp_path, counting) as predictor:
        first = predictor.run(rows)["z"]
        np.testing.assert_array_equal(predictor.run({"x": rows["x"][::-1]})["z"], first[::-1])
    assert asked == [3]
    np.testing.assert_array_equal(first, first[[0, 1, 0, 3, 1]])


def test_models_that_can_not_be_cut() -> None:
    with pytest.raises(ValueError, match="outputs"):
        split_graph(parse("g (float[N,3] x) => (float[N,3] y, float[N,3] z) { y = Abs(x) z = Neg(x) }"))


def test_a_row_is_known_by_all_its_inputs() -> None:
    ids, mask = np.array([[1, 2], [1, 2], [1, 2]]), np.array([[1, 1], [1, 0], [1, 1]])
    first, second, third = digests_of({"ids": ids, "mask": mask})
    assert first == third != second


def test_scores_survive(tmp_path: Path) -> None:
    with KnownScores(tmp_path / "folder" / "one.sqlite") as known:
        known.add([b"a", b"b"], np.array([[1, 2], [3, 4]], np.float32))
    with KnownScores(tmp_path / "folder" / "one.sqlite") as known:
        found = known.of([b"b", b"c", b"b"])
    assert list(found) == [b"b"]
    np.testing.assert_array_equal(found[b"b"], [3, 4])


class _Sums(Closing):
    """Adds up the tokens that the mask lets through, and keeps the shapes that it got."""

    def __init__(self):
        self.inputs, self.outputs, self.shapes = ["ids", "mask"], ["z"], []

    def run(self, inputs):
        self.shapes.append(inputs["ids"].shape)
        return {"z": (inputs["ids"] * inputs["mask"]).sum(axis=1, keepdims=True).astype(np.float32)}


def test_texts_go_without_their_padding() -> None:
    generator = np.random.default_rng(0)
    lengths = np.append(generator.integers(1, 9, 63), 3)
    ids, mask = generator.integers(0, 99, (64, 20)), (np.arange(20) < lengths[:, None]).astype(np.int64)
    predictor = _Sums()
    made = ask_trimmed(predictor, {"ids": ids, "mask": mask}, "z")
    np.testing.assert_array_equal(made[:, 0], (ids * mask).sum(axis=1))
    longest = np.sort(lengths)[[31, 63]]
    assert predictor.shapes == [(32, longest[0]), (32, longest[1])]


def test_rows_that_are_no_padded_texts() -> None:
    ids, mask = np.full((2, 3), 7), np.array([[0, 1, 1], [1, 1, 1]])
    assert lengths_of({"ids": ids, "mask": mask}) is None
    assert lengths_of({"x": np.zeros((2, 3, 4), np.float32)}) is None
