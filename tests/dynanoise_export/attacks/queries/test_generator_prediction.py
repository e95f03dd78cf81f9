"""On a linear model with known margins."""

import numpy as np
import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.generator_prediction import prepare
from dynanoise_export.attacks.queries.query_plan import PlanContext, Rows, margin
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from support.blobs import Blobs
from support.exports import session_of
from support.lehmer import of_linux

CLASSES = 11  # odd, so that single rows leave half a pair
BLOBS = Blobs.drawn(8, classes=CLASSES)
X, Y = BLOBS.rows(40, spread=0.1)
ROWS = Rows({"x": X}, Y, np.arange(40))


def context(defence, noise=NoiseSource.RANDOM, budget=64):
    return PlanContext({"x": X}, Y, CLASSES, Domain.BOX, Domain.ANY, budget, defence, noise, None)


class Model:
    """Answers from a file, at most so many rows in one call."""

    def __init__(self, path, defence, batch):
        self.session, self.defence, self.batch = session_of(path), defence, batch

    def answers(self, inputs):
        x = inputs["x"]
        parts = [self.session.run(None, {"x": x[i : i + self.batch]})[0] for i in range(0, len(x), self.batch)]
        return self.defence.undo(np.log(np.concatenate(parts)))


class Shadow:
    """An attacker's own model."""

    def logits(self, inputs):
        return np.eye(CLASSES)[Y] * 3.0


class OtherNoise:
    """Noise from NumPy."""

    generator = np.random.default_rng(0)

    def answers(self, inputs):
        return self.generator.normal(size=(len(inputs["x"]), 100))


@of_linux
@pytest.mark.parametrize(("kept", "batch"), [(False, 256), (False, 1), (True, 64)])
def test_it_reads_the_exact_margin(tmp_path, kept, batch):
    defence = keeping_label(DynaNoise(4.0, 2.0, 6.0), kept)
    path = export(
        BLOBS.model(tmp_path / "plain.onnx"), tmp_path / "defended.onnx", defence=defence, noise="random"
    ).path
    (plan,) = prepare(context(defence))
    found = plan.read(Model(path, defence, batch), ROWS)
    logits = session_of(tmp_path / "plain.onnx").run(None, {"x": X})[0]
    np.testing.assert_allclose(found[0], margin(logits, Y), atol=1e-3)


def test_it_needs_no_prediction_for_shadow_models():
    (plan,) = prepare(context(DynaNoise()))
    np.testing.assert_allclose(plan.read(Shadow(), ROWS)[0], 3 - np.log(CLASSES - 1))


def test_other_noise_is_refused():
    (plan,) = prepare(context(DynaNoise()))
    with pytest.raises(UserError) as error:
        plan.read(OtherNoise(), ROWS)
    assert error.value.code == "usage"


@pytest.mark.parametrize(
    "other",
    [
        context(DynaNoise(), NoiseSource.KEYED),
        context(DynaNoise(), NoiseSource.INPUT),
        context(DynaNoise(), budget=1),
        context(None, None),
        context(Temperature(), None),
    ],
)
def test_it_does_not_apply(other):
    assert prepare(other) == []
