"""Where the defence goes in models by others: found by structure, confirmed or decided by a trial run, or refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import expit, softmax

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, normals

K = 6
ROWS = normals(7, 3, seed=5)
W = normals(3, K, seed=6) * 2
WEIGHTS = f"float[3,{K}] w = {{{','.join(map(str, W.ravel()))}}}"
Z = ROWS.astype(np.float64) @ W.astype(np.float64)


def write(folder, body, output=f"float[N,{K}] y", weights="", opset=17, more=""):
    path = folder / "plain.onnx"
    weights = f"<{', '.join(filter(None, [WEIGHTS, weights]))}>"
    text = f'<ir_version: 8, opset_import: ["" : {opset}{more}]> g (float[N,3] x) => ({output}) {weights} {{'
    onnx.save(onnx.parser.parse_model(f"{text} z = MatMul(x, w)\n {body} }}"), path)
    return path


def opened(path, folder, **scores):
    options = SourceOptions(scores=ScoreOptions(**scores))
    exported = export(path, folder / "defended.onnx", defence=DEFENCE, noise=NoiseSource.INPUT, source_options=options)
    return onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])


def answers(path, folder, noise, **scores):
    return opened(path, folder, **scores).run(None, {"x": ROWS, "noise": noise})[0]


def requires_logits(path, folder, z, **scores):
    """Check that the file answers as Algorithm 1 does with these logits."""
    noise = normals(*z.shape, seed=7)
    expected = algorithm_1(z, noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(answers(path, folder, noise, **scores), expected, atol=1e-5)


SHAPES = (
    f"int64[2] flat = {{-1, {K}}}, int64[4] wide = {{-1, {K}, 1, 1}}, int64[2] last = {{2, 3}}, int64[1] two = {{2}}"
)

BEHIND = {
    "reshape": "p = Softmax<axis=-1>(z)\n y = Reshape(p, flat)",
    "squeeze": "v = Reshape(z, wide)\n p = Softmax<axis=1>(v)\n y = Squeeze(p, last)",
    "unsqueeze and squeeze": "p = Softmax<axis=-1>(z)\n u = Unsqueeze(p, two)\n y = Squeeze(u, two)",
    "flatten": "v = Reshape(z, wide)\n p = Softmax<axis=1>(v)\n y = Flatten<axis=1>(p)",
    "transpose": "v = Reshape(z, wide)\n p = Softmax<axis=1>(v)\n t = Transpose<perm=[0,2,3,1]>(p)\n"
    "y = Reshape(t, flat)",
    "dropout": "p = Softmax<axis=-1>(z)\n y = Dropout(p)",
    "cast": "p = Softmax<axis=-1>(z)\n d = Cast<to=11>(p)\n y = Cast<to=1>(d)",
    "clip": "p = Softmax<axis=-1>(z)\n y = Clip(p, least, most)",
    "log-softmax": "p = LogSoftmax<axis=-1>(z)\n y = Reshape(p, flat)",
    "logits, reshaped": "v = Reshape(z, wide)\n y = Reshape(v, flat)",
    "averaged": "v = Reshape(z, wide)\n u = GlobalAveragePool(v)\n y = Flatten<axis=1>(u)",
    "capped": "c = Div(z, big)\n t = Tanh(c)\n y = Mul(t, big)",
}
NUMBERS = "float least = {0.0000001}, float most = {0.9999999}, float big = {1000.0}"


@pytest.mark.parametrize("form", BEHIND)
def test_the_logits_are_defended_behind_what_does_not_change_values(form, tmp_path):
    z = 1000 * np.tanh(Z / 1000) if form == "capped" else Z
    requires_logits(write(tmp_path, BEHIND[form], weights=f"{SHAPES}, {NUMBERS}"), tmp_path, z)


@pytest.mark.parametrize("shape", [f"N,{K},1,1", f"N,1,{K}", f"N,1,1,{K}"])
@pytest.mark.parametrize("ending", ["v", "Softmax"])
def test_axes_of_one_element_are_squeezed(shape, ending, tmp_path):
    sizes = "{" + shape.replace("N", "-1") + "}"
    axis = shape.split(",").index(str(K))
    last = "y = Identity(v)" if ending == "v" else f"y = Softmax<axis={axis}>(v)"
    path = write(
        tmp_path, f"v = Reshape(z, s)\n {last}", f"float[{shape}] y", f"int64[{len(shape.split(','))}] s = {sizes}"
    )
    requires_logits(path, tmp_path, Z)


QUANTISED = (
    "float scale = {0.00390625}, uint8 zero = {0}, float zscale = {0.125}, uint8 zzero = {128}, "
    "float[6] bias = {1, 0, -1, 2, 0, 1}"
)


@pytest.mark.parametrize("contrib", [False, True])
def test_the_logits_are_defended_behind_a_quantised_softmax(contrib, tmp_path):
    domain = "com.microsoft." if contrib else ""
    body = (
        f"p = Softmax<axis=-1>(z)\n q = {domain}QuantizeLinear(p, scale, zero)\n"
        f"y = {domain}DequantizeLinear(q, scale, zero)"
    )
    path = write(tmp_path, body, weights=QUANTISED, more=', "com.microsoft" : 1')
    requires_logits(path, tmp_path, Z)


def test_the_logits_are_defended_behind_a_softmax_on_integers(tmp_path):
    body = (
        "q = QuantizeLinear(z, zscale, zzero)\n"
        "p = com.microsoft.QLinearSoftmax<axis=-1, opset=13>(q, zscale, zzero, scale, zero)\n"
        "y = DequantizeLinear(p, scale, zero)"
    )
    path = write(tmp_path, body, weights=QUANTISED, more=', "com.microsoft" : 1')
    requires_logits(path, tmp_path, np.clip(np.rint(Z / 0.125), -128, 127) * 0.125)


PROBABILITIES = {
    "the mean of two": "p = Softmax<axis=-1>(z)\n n = Neg(z)\n q = Softmax<axis=-1>(n)\n y = Mean(p, q)",
    "one-hot": "y = Hardmax<axis=-1>(z)",
    "one-hot, rounded below 0": "p = Hardmax<axis=-1>(z)\n y = Sub(p, tiny)",
    "powers that sum to 1": "s = Mul(z, z)\n t = ReduceSum<keepdims=1>(s, one)\n y = Div(s, t)",
}


@pytest.mark.parametrize("form", PROBABILITIES)
def test_probabilities_are_defended_from_a_floor(form, tmp_path):
    path = write(tmp_path, PROBABILITIES[form], weights=f"int64[1] one = {{1}}, float tiny = {{{2.0**-23}}}")
    expected = {
        "the mean of two": (softmax(Z, axis=1) + softmax(-Z, axis=1)) / 2,
        "one-hot": np.eye(K)[Z.argmax(axis=1)],
        "one-hot, rounded below 0": np.eye(K)[Z.argmax(axis=1)] - 2.0**-23,
        "powers that sum to 1": Z**2 / (Z**2).sum(axis=1, keepdims=True),
    }[form]
    requires_logits(path, tmp_path, np.log(np.maximum(expected, 0.01 / K)))
    assert read_provenance(read_model(tmp_path / "defended.onnx")).floor == pytest.approx(0.01 / K)


def test_the_floor_can_be_chosen(tmp_path):
    one_hot = np.eye(K)[Z.argmax(axis=1)]
    path = write(tmp_path, "y = Hardmax<axis=-1>(z)")
    requires_logits(path, tmp_path, np.log(np.maximum(one_hot, 1e-6)), floor=1e-6)
    assert read_provenance(read_model(tmp_path / "defended.onnx")).floor == 1e-6


def test_a_one_hot_answer_comes_out_as_noisy_as_any(tmp_path):
    session = opened(write(tmp_path, "y = Hardmax<axis=-1>(z)"), tmp_path)
    noises = [normals(len(ROWS), K, seed=seed) for seed in range(200)]
    calls = np.stack([session.run(None, {"x": ROWS, "noise": noise})[0] for noise in noises])
    logits = TEMPERATURE * np.log(calls)
    contrasts = logits - logits.mean(axis=2, keepdims=True)
    one_hot = np.eye(K)[Z.argmax(axis=1)]
    p = softmax(np.log(np.maximum(one_hot, 0.01 / K)), axis=1)
    sensitivity = 1 + (p * np.log(p)).sum(axis=1) / np.log(K)
    expected = SIGMA0 * np.sqrt((1 + LAMBDA * sensitivity[:, None]) * (1 - 1 / K))
    np.testing.assert_allclose(contrasts.std(axis=0) / expected, 1, atol=0.25)  # five standard deviations of 200 calls


MULTI_LABEL = {
    "sigmoid": "y = Sigmoid(z)",
    "reshape": "p = Sigmoid(z)\n y = Reshape(p, flat)",
    "squeeze": "v = Reshape(z, wide)\n p = Sigmoid(v)\n y = Squeeze(p, last)",
    "clip": "p = Sigmoid(z)\n y = Clip(p, least, most)",
    "concat": "a, b = Split<axis=1, num_outputs=2>(z)\n p = Sigmoid(a)\n q = Sigmoid(b)\n y = Concat<axis=1>(p, q)",
    "one minus": "p = Sigmoid(z)\n y = Sub(one, p)",
    "tanh": "h = Mul(z, half)\n t = Tanh(h)\n s = Mul(t, half)\n y = Add(s, half)",
    "tanh of another form": "h = Mul(z, half)\n t = Tanh(h)\n s = Add(t, one)\n y = Mul(s, half)",
    "fraction": "n = Neg(z)\n e = Exp(n)\n d = Add(one, e)\n y = Div(one, d)",
    "reciprocal": "n = Neg(z)\n e = Exp(n)\n d = Add(e, one)\n y = Reciprocal(d)",
    "in percent": "p = Sigmoid(z)\n y = Mul(p, hundred)",
    "tanh in percent": "h = Mul(z, half)\n t = Tanh(h)\n s = Add(t, one)\n p = Mul(s, half)\n y = Mul(p, hundred)",
    "quantised": "p = Sigmoid(z)\n q = QuantizeLinear(p, scale, zero)\n y = DequantizeLinear(q, scale, zero)",
    "hard": "y = HardSigmoid(z)",
}
CONSTANTS = f"{SHAPES}, {NUMBERS}, {QUANTISED}, float one = {{1}}, float half = {{0.5}}, float hundred = {{100}}"


@pytest.mark.parametrize("form", MULTI_LABEL)
def test_a_multi_label_classifier_is_refused(form, tmp_path):
    path = write(tmp_path, MULTI_LABEL[form], weights=CONSTANTS, opset=18)
    with pytest.raises(UnsupportedModelError, match="multi-label"):
        answers(path, tmp_path, normals(len(ROWS), K))
    assert not (tmp_path / "defended.onnx").exists()


NOT_LOGITS = {
    "percentages": "p = Softmax<axis=-1>(z)\n y = Mul(p, hundred)",
    "percentages of integers": "p = Softmax<axis=-1>(z)\n h = Mul(p, hundred)\n y = Mul(h, one)",
    "rounded percentages": "p = Softmax<axis=-1>(z)\n h = Mul(p, hundred)\n y = Round(h)",
    "votes": "p = Softmax<axis=-1>(z)\n q = Mul(p, big)\n y = Floor(q)",
    "surprise": "p = LogSoftmax<axis=-1>(z)\n y = Neg(p)",
    "embeddings": "y = LpNormalization<axis=-1, p=2>(z)",
    "sorted": "y, i = TopK<axis=-1>(z, all)",
    "sorted probabilities": "p = Softmax<axis=-1>(z)\n y, i = TopK<axis=-1>(p, all)",
    "unsigned": "p = Softmax<axis=-1>(z)\n y = Sqrt(p)",
    "clipped to 0 and 1": "y = Clip(z, zero_, one)",
    "infinite": "p = Softmax<axis=-1>(z)\n h = Hardmax<axis=-1>(p)\n y = Log(h)",
}


@pytest.mark.parametrize("form", NOT_LOGITS)
def test_what_can_not_be_logits_is_refused_with_the_way_out(form, tmp_path):
    path = write(tmp_path, NOT_LOGITS[form], weights=f"{CONSTANTS}, int64[1] all = {{{K}}}, float zero_ = {{0}}")
    with pytest.raises(UnsupportedModelError, match="--treat-as"):
        answers(path, tmp_path, normals(len(ROWS), K))


def test_the_user_may_say_what_the_scores_are(tmp_path):
    path = write(tmp_path, NOT_LOGITS["percentages"], weights=CONSTANTS)
    percentages = 100 * softmax(Z, axis=1)
    requires_logits(path, tmp_path, np.log(np.maximum(percentages, 0.01 / K)), treat_as=TreatAs.PROBABILITIES)
    requires_logits(path, tmp_path, percentages, treat_as=TreatAs.LOGITS)
    assert read_provenance(read_model(tmp_path / "defended.onnx")).treated_as == "logits"


BINARY = {
    "a sigmoid": ("s = Gather<axis=1>(z, first)\n y = Sigmoid(s)", "N,1"),
    "a sigmoid of [n]": ("s = Gather<axis=1>(z, first)\n t = Squeeze(s, one_)\n y = Sigmoid(t)", "N"),
    "a logit": ("y = Gather<axis=1>(z, first)", "N,1"),
}


@pytest.mark.parametrize("form", BINARY)
def test_a_single_score_becomes_two_classes(form, tmp_path):
    body, shape = BINARY[form]
    path = write(tmp_path, body, f"float[{shape}] y", "int64[1] first = {0}, int64[1] one_ = {1}")
    z = np.stack([-Z[:, 0] / 2, Z[:, 0] / 2], axis=1)
    np.testing.assert_allclose(softmax(z, axis=1)[:, 1], expit(Z[:, 0]))
    requires_logits(path, tmp_path, z, binary=True)


def test_a_single_score_without_the_option_is_refused(tmp_path):
    path = write(tmp_path, *[BINARY["a sigmoid"][0], "float[N,1] y"], "int64[1] first = {0}")
    with pytest.raises(UnsupportedModelError, match="--binary"):
        answers(path, tmp_path, normals(len(ROWS), 2))


PAIRS = {
    "one minus, sigmoid": "q = Sub(one, p)\n y = Concat<axis=1>(q, p)",
    "sigmoid, one minus": "q = Sub(one, p)\n y = Concat<axis=1>(p, q)",
    "two sigmoids": "n = Neg(s)\n q = Sigmoid(n)\n y = Concat<axis=-1>(q, p)",
    "reshaped": "q = Sub(one, p)\n c = Concat<axis=1>(q, p)\n y = Reshape(c, pairs)",
    "by a matrix": "m = Mul(p, signs)\n y = Add(m, base)",
    "normalised": "q = Sub(one, p)\n c = Concat<axis=1>(q, p)\n t = ReduceSum<keepdims=1>(c, one_)\n y = Div(c, t)",
}
PAIR_CONSTANTS = (
    "int64[1] first = {0}, int64[1] one_ = {1}, float one = {1}, int64[2] pairs = {-1, 2}, float[2] signs = {-1, 1}, "
    "float[2] base = {1, 0}"
)


@pytest.mark.parametrize("form", PAIRS)
def test_the_logit_of_two_classes_is_defended_behind_their_probabilities(form, tmp_path):
    body = f"s = Gather<axis=1>(z, first)\n p = Sigmoid(s)\n {PAIRS[form]}"
    path = write(tmp_path, body, "float[N,2] y", PAIR_CONSTANTS)
    z = np.stack([-Z[:, 0] / 2, Z[:, 0] / 2], axis=1)
    requires_logits(path, tmp_path, z[:, ::-1] if form == "sigmoid, one minus" else z)


def test_two_independent_labels_are_refused(tmp_path):
    body = "a, b = Split<axis=1>(z, halves)\n p = Sigmoid(a)\n q = Sigmoid(b)\n y = Concat<axis=1>(p, q)"
    path = write(tmp_path, f"{body}", f"float[N,{K}] y", "int64[2] halves = {3, 3}")
    with pytest.raises(UnsupportedModelError, match="multi-label"):
        answers(path, tmp_path, normals(len(ROWS), K))


FOUND_BY_A_RUN = {
    "a sum that is never 0": "e = Exp(z)\n s = ReduceSum<keepdims=1>(e, last)\n i = Cast<to=6>(s)\n"
    "n = Equal(i, none)\n f = Cast<to=1>(n)\n d = Add(s, f)\n y = Div(e, d)",
    "powers of 2": "b = Mul(z, log2)\n e = Pow(two, b)\n s = ReduceSum<keepdims=1>(e, last)\n y = Div(e, s)",
    "classes first": "t = Transpose<perm=[1,0]>(z)\n p = Softmax<axis=0>(t)\n y = Transpose<perm=[1,0]>(p)",
    "a product": "e = Exp(z)\n s = ReduceSum<keepdims=1>(e, last)\n r = Reciprocal(s)\n y = Mul(e, r)",
}


@pytest.mark.parametrize("form", FOUND_BY_A_RUN)
def test_other_forms_of_a_softmax_are_found_by_a_trial_run(form, tmp_path):
    numbers = "int64[1] last = {-1}, int32 none = {0}, float log2 = {1.442695}, float two = {2}"
    requires_logits(write(tmp_path, FOUND_BY_A_RUN[form], weights=numbers), tmp_path, Z)


def test_sharp_answers_show_no_logits(tmp_path):
    # Every answer is one-hot, and so would the softmax of the large values before be.
    body = "h = Mul(z, large)\n y = Hardmax<axis=-1>(h)"
    path = write(tmp_path, body, weights="float large = {1000}")
    requires_logits(path, tmp_path, np.log(np.maximum(np.eye(K)[Z.argmax(axis=1)], 0.01 / K)))


LABELS = f"classlabels_ints=[{','.join(map(str, range(K)))}]"
COEFFICIENTS = f"coefficients=[{','.join(map(str, W.T.ravel()))}], intercepts=[{','.join(['0.0'] * K)}]"
OF_CLASSIFIERS = {
    "softmax": (f'l, y = ai.onnx.ml.LinearClassifier<{COEFFICIENTS}, {LABELS}, post_transform="SOFTMAX">(x)', Z),
    "softmax, normalised": (
        f'l, p = ai.onnx.ml.LinearClassifier<{COEFFICIENTS}, {LABELS}, post_transform="SOFTMAX">(x)\n'
        'y = ai.onnx.ml.Normalizer<norm="L1">(p)',
        Z,
    ),
    "scores": (f"l, y = ai.onnx.ml.LinearClassifier<{COEFFICIENTS}, {LABELS}>(x)", Z),
    "sigmoids, normalised": (
        f'l, p = ai.onnx.ml.LinearClassifier<{COEFFICIENTS}, {LABELS}, post_transform="LOGISTIC">(x)\n'
        'y = ai.onnx.ml.Normalizer<norm="L1">(p)',
        np.log(np.maximum(expit(Z) / expit(Z).sum(axis=1, keepdims=True), 0.01 / K)),
    ),
}


@pytest.mark.parametrize("form", OF_CLASSIFIERS)
def test_the_logits_inside_a_linear_classifier_are_defended(form, tmp_path):
    body, z = OF_CLASSIFIERS[form]
    requires_logits(write(tmp_path, body, more=', "ai.onnx.ml" : 1'), tmp_path, z)


def test_a_linear_classifier_of_several_labels_is_refused(tmp_path):
    body = f'l, y = ai.onnx.ml.LinearClassifier<{COEFFICIENTS}, {LABELS}, post_transform="LOGISTIC">(x)'
    with pytest.raises(UnsupportedModelError, match="multi-label"):
        answers(write(tmp_path, body, more=', "ai.onnx.ml" : 1'), tmp_path, normals(len(ROWS), K))


@pytest.mark.parametrize("leaves", [(-1.5, 2.5), (0.25, 2.5)])
def test_the_logit_inside_a_boosted_tree_of_two_classes_is_defended(leaves, tmp_path):
    # One tree that asks whether x[0] ≤ 0; the runtime treats weights that are all positive in another way.
    low, high = leaves
    body = (
        "l, y = ai.onnx.ml.TreeEnsembleClassifier<nodes_treeids=[0,0,0], nodes_nodeids=[0,1,2], "
        'nodes_featureids=[0,0,0], nodes_modes=["BRANCH_LEQ","LEAF","LEAF"], nodes_values=[0.0,0.0,0.0], '
        "nodes_truenodeids=[1,0,0], nodes_falsenodeids=[2,0,0], class_treeids=[0,0], class_nodeids=[1,2], "
        f"class_ids=[0,0], class_weights=[{low},{high}], classlabels_int64s=[0,1], "
        'post_transform="LOGISTIC">(x)'
    )
    path = write(tmp_path, body, "float[N,2] y", more=', "ai.onnx.ml" : 1')
    margin = np.where(ROWS[:, :1] <= 0, low, high).astype(np.float64)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": ROWS})[0][:, 1:], expit(margin), atol=1e-6)
    requires_logits(path, tmp_path, np.concatenate([-margin / 2, margin / 2], axis=1))


def test_a_single_score_whose_shape_a_converter_states_wrongly_becomes_two_classes(tmp_path):
    # skl2onnx states [N, 2] for the one column that it takes out of the scores of two classes.
    weights = ",".join(map(str, np.concatenate([-W[:, 0], W[:, 0]])))
    body = (
        f"l, p = ai.onnx.ml.LinearClassifier<coefficients=[{weights}], intercepts=[0.0,0.0], classlabels_ints=[0,1]>"
        "(x)\n y = ai.onnx.ml.ArrayFeatureExtractor(p, second)"
    )
    path = write(tmp_path, body, "float[N,2] y", "int64 second = {1}", more=', "ai.onnx.ml" : 1')
    requires_logits(path, tmp_path, np.stack([-Z[:, 0] / 2, Z[:, 0] / 2], axis=1), binary=True)
