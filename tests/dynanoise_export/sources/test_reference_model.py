"""The undefended reference gives logits, whatever scores the user's model gives."""

import numpy as np
import onnx
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import SMALLEST, Reference
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions
from support.graphs import normals

ROWS = normals(40, 3)
W = normals(3, 4, seed=1)
Z = ROWS.astype(np.float64) @ W.astype(np.float64)


def onnx_file(folder, body, output="float[N,4] y"):
    path = folder / "plain.onnx"
    weights = f"<float[3,4] w = {{{','.join(map(str, W.ravel()))}}}, int64[1] first = {{0}}>"
    text = f'<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => ({output}) {weights} {{ z = MatMul(x, w)\n'
    onnx.save(onnx.parser.parse_model(f"{text} {body} }}"), path)
    return path


class Net(torch.nn.Module):
    def __init__(self, end):
        super().__init__()
        self.w, self.end = torch.from_numpy(W), end

    def forward(self, x):
        return self.end(x @ self.w)


def torchscript(folder, end):
    path = folder / "plain.pt"
    torch.jit.trace(Net(end), torch.from_numpy(ROWS[:2])).save(path)
    return path


def logits(path, rows=ROWS, **scores):
    with Reference(open_source(path, SourceOptions(scores=ScoreOptions(**scores)))) as reference:
        given = reference.logits({reference.source.inputs[0].name: rows})
        return given, reference.floor


@pytest.mark.parametrize("body", ["y = Identity(z)", "y = Softmax<axis=-1>(z)", "y = LogSoftmax<axis=-1>(z)"])
def test_an_onnx_file_gives_the_logits_behind_its_softmax(body, tmp_path):
    given, floor = logits(onnx_file(tmp_path, body))
    np.testing.assert_allclose(given, Z, atol=1e-5)
    assert floor is None


def test_a_pytorch_module_that_ends_in_a_softmax_gives_logarithms(tmp_path):
    given, floor = logits(torchscript(tmp_path, torch.nn.Softmax(1)))
    np.testing.assert_allclose(given, log_softmax(Z, axis=1), atol=1e-5)
    assert floor == SMALLEST


def test_probabilities_count_from_the_stated_floor(tmp_path):
    given, floor = logits(onnx_file(tmp_path, "y = Hardmax<axis=-1>(z)"), floor=0.01)
    np.testing.assert_allclose(given, np.log(np.maximum(np.eye(4)[Z.argmax(axis=1)], 0.01)), atol=1e-6)
    assert floor == 0.01


@pytest.mark.parametrize("end", ["y = Identity(s)", "y = Sigmoid(s)"])
def test_the_one_score_of_an_onnx_file_becomes_two_classes(end, tmp_path):
    path = onnx_file(tmp_path, f"s = Gather<axis=1>(z, first)\n {end}", "float[N,1] y")
    given, _ = logits(path, binary=True)
    np.testing.assert_allclose(softmax(given, axis=1)[:, 1], expit(Z[:, 0]), atol=1e-6)


@pytest.mark.parametrize("end", [lambda z: z[:, :1], lambda z: z[:, :1].sigmoid(), lambda z: z[:, 0].sigmoid()])
def test_the_one_score_of_a_pytorch_module_becomes_two_classes(end, tmp_path):
    given, _ = logits(torchscript(tmp_path, end), binary=True)
    np.testing.assert_allclose(softmax(given, axis=1)[:, 1], expit(Z[:, 0]), atol=1e-6)


def test_a_pytorch_module_is_treated_as_the_user_says(tmp_path):
    path = torchscript(tmp_path, torch.nn.Softmax(1))
    given, _ = logits(path, treat_as=TreatAs.LOGITS)
    np.testing.assert_allclose(given, softmax(Z, axis=1), atol=1e-6)


def test_an_answer_that_is_a_softmax_on_the_example_only_is_refused(tmp_path):
    # Above a threshold that made-up rows do not reach, the model answers with zeros.
    body = (
        "p = Softmax<axis=-1>(z)\n low = Constant<value_float=0.0>()\n threshold = Constant<value_float=50.0>()\n"
        "largest = ReduceMax<keepdims=0>(x)\n below = Less(largest, threshold)\n high = Cast<to=1>(below)\n"
        "y = Clip(p, low, high)"
    )
    path = onnx_file(tmp_path, body)
    np.testing.assert_allclose(logits(path)[0], Z, atol=1e-5)
    with pytest.raises(UnsupportedModelError):
        logits(path, rows=100 * ROWS)


def confirmed(path):
    with Reference(open_source(path)) as reference:
        reference.logits({reference.source.inputs[0].name: ROWS})
        return reference.confirmed


def test_logits_are_confirmed_if_the_own_answers_are_their_softmax(tmp_path):
    assert confirmed(onnx_file(tmp_path, "y = Softmax<axis=-1>(z)"))
    assert not confirmed(onnx_file(tmp_path, "y = Identity(z)"))
    assert confirmed(torchscript(tmp_path, torch.nn.Softmax(1)))
    assert not confirmed(torchscript(tmp_path, torch.nn.Identity()))


def test_probabilities_below_what_their_type_holds_count_as_the_smallest(tmp_path):
    _, floor = logits(torchscript(tmp_path, lambda z: z.softmax(1).half()))
    assert floor == float(np.finfo(np.float16).tiny)
    _, floor = logits(torchscript(tmp_path, lambda z: z.softmax(1).double()))
    assert floor == SMALLEST


def test_one_minus_one_score_is_known_to_a_ten_thousandth_at_the_floor(tmp_path):
    _, floor = logits(torchscript(tmp_path, lambda z: z[:, :1].sigmoid()), binary=True)
    assert 0.5e-4 <= np.spacing(np.float32(1 - floor)) / floor <= 1e-4
