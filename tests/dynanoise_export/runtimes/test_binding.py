import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.provider import Execution
from support.defences import defence_alone, in_runtime


def test_a_bound_run_answers_as_an_ordinary_run():
    predictor = in_runtime(defence_alone(DynaNoise(), 3))
    rows = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    inputs = {"logits": rows[0], "noise": rows[1]}
    run = BoundRun(predictor, inputs)
    for _ in range(2):
        run()
        answers = run.answers()
        assert list(answers) == predictor.outputs
        np.testing.assert_array_equal(answers["probabilities"], predictor.run(inputs)["probabilities"])


def test_each_call_runs_the_model():
    predictor = in_runtime(defence_alone(DynaNoise(), 3, NoiseSource.RANDOM))
    run = BoundRun(predictor, {"logits": np.zeros((2, 3), np.float32)})
    seen = []
    for _ in range(3):
        run()
        seen.append(run.answers()["probabilities"].copy())
    assert not any(np.array_equal(seen[0], other) for other in seen[1:])


def test_inputs_live_as_long_as_the_run():
    predictor = in_runtime(defence_alone(DynaNoise(), 1000))
    fed = {name: np.full((50, 1000), 0.5, np.float32) for name in ("logits", "noise")}
    run = BoundRun(predictor, fed)
    del fed
    filling = [np.full((50, 1000), np.nan, np.float32) for _ in range(20)]
    run()
    assert run.answers()["probabilities"] == pytest.approx(0.001, abs=1e-6)
    assert len(filling) == 20


def test_in_a_cuda_graph_each_set_of_shapes_keeps_its_memory():
    """The CPU ignores the numbers of graphs, so only the memory and the numbers are seen here."""
    predictor = in_runtime(defence_alone(DynaNoise(), 3))
    ordinary = in_runtime(defence_alone(DynaNoise(), 3))
    predictor.execution = Execution(cuda_graph=True)
    generator = np.random.default_rng(0)
    for rows in (5, 2, 5, 2):
        drawn = generator.normal(size=(2, rows, 3)).astype(np.float32)
        inputs = {"logits": drawn[0], "noise": drawn[1]}
        kept = {name: array.copy() for name, array in inputs.items()}
        answers = predictor.run(inputs)["probabilities"]
        np.testing.assert_array_equal(answers, ordinary.run(inputs)["probabilities"])
        np.testing.assert_array_equal(inputs["logits"], kept["logits"])
    assert next(predictor.graph_numbers) == 3
