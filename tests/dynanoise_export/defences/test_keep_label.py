import numpy as np
import onnx_ir as ir
import pytest
from scipy.special import log_softmax

from dynanoise_export.defences import keep_label
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale, behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN, VERSION
from support.algorithm import algorithm_1
from support.defences import defence_alone, in_runtime
from support.graphs import KEY, noise_of, normals, parse, run
from support.keyed import PlainKeyedNoise

PLAIN = DynaNoise(3.0, 1.5, 2.0)
KEEPING = KeptLabel(PLAIN)
# How much smaller, relatively, another probability than the label's must be.
LOST = 2.0**-20


def function_alone(classes, opset=18):
    """Make a model of the function alone."""
    of = {"probabilities": (ir.DataType.FLOAT, classes), "label": (ir.DataType.INT64, 1)}
    inputs = [ir.Value(name=n, type=ir.TensorType(t), shape=ir.Shape(["n", k])) for n, (t, k) in of.items()]
    node = ir.node(keep_label.NAME, inputs, domain=DOMAIN)
    node.outputs[0].name, node.outputs[0].type = "kept", inputs[0].type
    opsets = {"": opset, DOMAIN: VERSION}
    graph = ir.Graph(inputs, node.outputs, nodes=[node], opset_imports=opsets, name="label")
    function = keep_label.function(opset)
    return ir.Model(graph, ir_version=10, functions=[function])


def first_of_the_largest(row):
    """Find the position of the first of the largest numbers."""
    return next(place for place, value in enumerate(row) if value == max(row))


def swapped_by_hand(row, label):
    """Swap the first of the largest numbers with the number at the label."""
    kept, top = list(row), first_of_the_largest(row)
    kept[label], kept[top] = kept[top], kept[label]
    return kept


def by_hand(row, label):
    """Give the largest probability to the label, without ties."""
    kept = swapped_by_hand(row, label)
    return [value if j == label else value * (1 - LOST) for j, value in enumerate(kept)]


def softmax_of_noise(rows, classes, seed=0, width=3.0):
    """Draw probabilities."""
    e = np.exp(width * normals(rows, classes, seed=seed))
    return e / e.sum(axis=1, keepdims=True)


def lattice(rows, classes, seed=0):
    """Draw logits from few values, so that the largest often ties."""
    return (np.random.default_rng(seed).integers(-2, 3, (rows, classes)) / 2).astype(np.float32)


def assert_keeps(answers, undefended):
    """Check that the label's probability is strictly the largest of each row, and that rows are distributions."""
    label = np.array([first_of_the_largest(row) for row in undefended.tolist()])
    rows = np.arange(len(label))
    others = answers.copy()
    others[rows, label] = -1
    assert (answers[rows, label] > others.max(axis=1)).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers >= 0).all()


@pytest.mark.parametrize("opset", [13, 18, 24])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_function_gives_the_largest_probability_back(classes, opset):
    p = softmax_of_noise(300, classes)
    p[:50] = np.round(p[:50], 1)  # ties, and zeros
    p[50] = 1 / classes
    p[51] = np.eye(classes)[-1]
    label = np.random.default_rng(1).integers(0, classes, (300, 1))
    (kept,) = run(function_alone(classes, opset), probabilities=p, label=label)
    expected = [by_hand(row, own) for row, (own,) in zip(p.tolist(), label.tolist(), strict=True)]
    np.testing.assert_allclose(kept, np.array(expected), rtol=1e-7)
    twin = keep_label.keep_label(p, label)
    np.testing.assert_allclose(twin, np.array(expected), rtol=1e-7)


def test_of_a_row_with_its_label_on_top_all_but_the_label_are_lowered():
    p = softmax_of_noise(200, 10)
    label = p.argmax(axis=1)[:, None]
    expected = p * np.float32(1 - LOST)
    np.put_along_axis(expected, label, p.max(axis=1, keepdims=True), axis=1)
    np.testing.assert_array_equal(run(function_alone(10), probabilities=p, label=label)[0], expected)


@pytest.fixture(scope="module")
def answered():
    """Give 100,000 queries with many ties, large noise, and the answers with kept labels and without."""
    logits, noise = lattice(100_000, 5), normals(100_000, 5, seed=1)
    inputs = {"logits": logits, "noise": noise}
    kept, plain = (in_runtime(defence_alone(defence, 5)).run(inputs)["probabilities"] for defence in (KEEPING, PLAIN))
    return logits, noise, kept, plain


def test_the_answers_label_is_the_undefended_ones_and_never_tied(answered):
    logits, _, kept, plain = answered
    ties = (logits == logits.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert ties.mean() > 0.2
    assert (plain.argmax(axis=1) != logits.argmax(axis=1)).mean() > 0.4
    assert_keeps(kept, logits)


def test_an_answer_has_the_same_probabilities_as_without_the_swap(answered):
    _, _, kept, plain = answered
    np.testing.assert_allclose(np.sort(kept, axis=1), np.sort(plain, axis=1), rtol=LOST + 2.0**-22)
    # And all but two are at their own classes, up to what ties lose.
    moved = np.abs(kept / plain - 1) > 2 * LOST
    assert moved.sum(axis=1).max() == 2


def test_the_twin_answers_as_the_graph_does(answered):
    logits, noise, kept, _ = answered
    few = slice(0, 20_000)
    twin = KEEPING.defend(logits[few].astype(np.float64), noise[few].astype(np.float64))
    # If two noisy logits tied in float32, either might be swapped; none do here.
    np.testing.assert_allclose(twin, kept[few], atol=1e-5)
    assert_keeps(twin, logits[few])
    exact = algorithm_1(logits[:2000], noise[:2000], 3.0, 1.5, 2.0)
    label = [first_of_the_largest(row) for row in logits[:2000].tolist()]
    expected = [by_hand(row, own) for row, own in zip(exact.tolist(), label, strict=True)]
    np.testing.assert_allclose(twin[:2000], expected, atol=1e-9)


@pytest.mark.parametrize("logits", [[0, 0, 0], [500, -500, 0], [np.inf, 0, -np.inf], [-np.inf, -np.inf, 0], [9, 9, 8]])
@pytest.mark.parametrize("temperature", [0.01, 10.0])
def test_labels_are_kept_where_answers_are_certain_or_logits_infinite(logits, temperature):
    defence = KeptLabel(DynaNoise(3.0, 1.5, temperature))
    z = np.tile(np.array(logits, np.float32), (500, 1))
    inputs = {"logits": z, "noise": normals(500, 3)}
    assert_keeps(in_runtime(defence_alone(defence, 3)).run(inputs)["probabilities"], z)


@pytest.mark.parametrize("classes", [2, 1000])
def test_any_number_of_classes_keeps_its_label(classes):
    z = lattice(500, classes)
    inputs = {"logits": z, "noise": normals(500, classes)}
    assert_keeps(in_runtime(defence_alone(KEEPING, classes)).run(inputs)["probabilities"], z)


@pytest.mark.parametrize("answers", [1, 4, 16])
def test_the_mean_answer_has_the_law_of_averaged_answers_with_kept_labels(answers):
    rows, z = 20_000, [3.0, 1.0, 2.5]
    p = np.exp(z) / np.exp(z).sum()
    scale = 3.0 * np.sqrt(1 + 1.5 * (1 + (p * np.log(p)).sum() / np.log(3)))
    total = np.zeros((rows, 3))
    for noise in np.random.default_rng(1).standard_normal((answers, rows, 3)):
        total += [swapped_by_hand(row, 0) for row in (z + scale * noise).tolist()]
    simulated = total / answers
    drawn = KEEPING.mean_answer(np.tile(z, (rows, 1)), answers, np.random.default_rng(0))
    # Means and variances of two samples of one law differ by about their standard errors: six of them are one false
    # alarm in a billion.
    for here, there in ((drawn, simulated), (drawn[:, :1] - drawn, simulated[:, :1] - simulated)):
        deviation = np.sqrt(here.var(axis=0) / rows + there.var(axis=0) / rows)
        assert (np.abs(here.mean(axis=0) - there.mean(axis=0)) <= 6.2 * deviation).all()
        squares = [(x - x.mean(axis=0)) ** 2 for x in (here, there)]
        deviation = np.sqrt(sum(x.var(axis=0) for x in squares) / rows)
        assert (np.abs(squares[0].mean(axis=0) - squares[1].mean(axis=0)) <= 6.2 * deviation).all()


def test_the_mean_of_one_answer_is_that_answer():
    logits = lattice(1000, 4).astype(np.float64)
    drawn = KEEPING.mean_answer(logits, 1.0, np.random.default_rng(3))
    noise = np.random.default_rng(3).standard_normal(logits.shape)
    undone = KEEPING.undo(np.log(KEEPING.defend(logits, noise)))
    np.testing.assert_allclose(log_softmax(drawn, axis=1), log_softmax(undone, axis=1), atol=1e-5)


def attached(model, logits, classes, noise=NoiseSource.INPUT, *, inline=False):
    """Attach a defence that keeps labels, and return the report of the taint walk."""
    return attach(model, logits, classes, KEEPING, noise_of(noise), inline=inline).leaks


WEIGHTS = "<float[3,4] w = {1,2,-3,2,1,0,1,-1,1,1,2,0.5}>"


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("end", ["y = Identity(z)", "y = Softmax<axis=-1>(z)", "y = LogSoftmax<axis=-1>(z)"])
def test_a_whole_model_keeps_its_label(end, inline):
    model = parse(f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n {end} }}")
    report = attached(model, behind(value_named(model, "y")), 4, inline=inline)
    assert report.passed
    assert report.labelled == report.defended == ("probabilities",)
    # Whole numbers, whose products are exact; a third of the rows tie.
    x = np.random.default_rng(0).integers(-1, 2, (2000, 3)).astype(np.float32)
    w = np.array([[1, 2, -3, 2], [1, 0, 1, -1], [1, 1, 2, 0.5]], np.float32)
    z, noise = x @ w, normals(2000, 4)
    assert ((z == z.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean() > 0.1
    (answers,) = run(model, x=x, noise=noise)
    assert_keeps(answers, z)
    exact = algorithm_1(z, noise, 3.0, 1.5, 2.0)
    expected = [by_hand(p, first_of_the_largest(row)) for p, row in zip(exact.tolist(), z.tolist(), strict=True)]
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_the_label_comes_from_the_probabilities_even_if_their_logarithms_tie():
    p = np.full((256, 128), 1 / 128, np.float32)
    label = np.random.default_rng(0).integers(0, 128, 256)
    p[np.arange(256), label] = np.nextafter(np.float32(1 / 128), np.float32(1))
    assert (np.log(p) == np.log(p[0, 0])).all()
    model = parse("g (float[N,128] x) => (float[N,128] y) { y = Identity(x) }")
    attached(model, Logits(value_named(model, "y"), Scale.PROBABILITIES, "given"), 128)
    (answers,) = run(model, x=p, noise=normals(256, 128))
    assert answers.argmax(axis=1).tolist() == label.tolist()
    assert_keeps(answers, p)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", [NoiseSource.INPUT, NoiseSource.RANDOM, NoiseSource.KEYED])
def test_logits_of_16_bits_keep_their_label(noise, inline):
    model = parse("g (float16[N,10] x) => (float16[N,10] y) { y = Identity(x) }")
    attached(model, Logits(value_named(model, "y"), Scale.LOGITS, "given"), 10, noise, inline=inline)
    # With many classes and few digits, many tie.
    logits = (4 + normals(2000, 10) / 100).astype(np.float16)
    assert ((logits == logits.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean() > 0.1
    fed = {"noise": normals(2000, 10, seed=1)} if noise is NoiseSource.INPUT else {}
    (answers,) = run(model, x=logits, **fed)
    assert_keeps(answers, logits.astype(np.float64))
    if noise is NoiseSource.KEYED:
        z = logits[:200].astype(np.float64)
        exact = algorithm_1(z, PlainKeyedNoise(KEY.secret, (0.5,), 10)(z), 3.0, 1.5, 2.0)
        expected = [by_hand(p, first_of_the_largest(row)) for p, row in zip(exact.tolist(), z.tolist(), strict=True)]
        assert (np.abs(answers[:200] - expected) < 1e-5).all(axis=1).mean() > 0.95
