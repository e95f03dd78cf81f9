import warnings
import zipfile

import numpy as np
import pytest
import torch

from dynanoise_export.errors import ModelInputError, UsageError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.hostile import rewritten
from support.modules import (
    Branching,
    FixedBatch,
    InDictionary,
    InList,
    InNamedTuple,
    InTuple,
    OnADevice,
    Small,
    WithOptions,
    seeded,
)

# TorchScript is deprecated, but many trained models are stored in it.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")

TABLE = TensorSpec("x", "float32", ("batch", 6))
TABLES = (TABLE, TensorSpec("y", "float32", ("batch", 6)))


def save_traced(module, path, *example):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.jit.trace(module, example, strict=False).save(path)
    return module


def save_scripted(module, path):
    torch.jit.script(module).save(path)
    return module


@pytest.mark.parametrize("seed", range(3))
def test_a_traced_module_needs_only_its_file(tmp_path, seed):
    module = save_traced(seeded(Small), tmp_path / "model.ts", torch.randn(2, 3, 8, 8))
    made = defended(tmp_path / "model.ts", tmp_path, seed)
    assert made.exported.source.inputs == (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)
    assert made.shapes() == {"image": ["batch", 3, 8, 8], "noise": ["batch", 5]}
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)))


def test_a_trace_is_run_on_the_sizes_of_its_own_example(tmp_path):
    save_traced(seeded(InTuple), tmp_path / "model.ts", torch.randn(7, 6), torch.randn(1, 6))
    source = open_source(tmp_path / "model.ts", SourceOptions(logits="output_1"))
    assert [spec.shape for spec in source.inputs] == [("batch", 6), (1, 6)]
    assert {name: array.shape for name, array in source.example.items()} == {"x": (7, 6), "y": (1, 6)}


def test_a_trace_of_a_single_row_takes_any_batch(tmp_path):
    module = save_traced(seeded(Small), tmp_path / "model.pt", torch.randn(1, 3, 8, 8))
    assert_algorithm_1(defended(tmp_path / "model.pt", tmp_path), module_logits(module), floats(image=(3, 8, 8)))


@pytest.mark.parametrize("seed", range(2))
def test_control_flow_of_a_scripted_module_stays_in_the_graph(tmp_path, seed):
    module = save_scripted(seeded(Branching), tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, seed, inputs=(TABLE,))
    for offset in (2, -2):
        assert_algorithm_1(
            made, module_logits(module), lambda *drawn, by=offset: {"x": by + floats(x=(6,))(*drawn)["x"]}
        )


def test_a_scripted_module_needs_its_inputs(tmp_path):
    (folder := tmp_path / "out").mkdir()
    save_scripted(seeded(Branching), tmp_path / "model.pt")
    assert "--input" in refusal(tmp_path / "model.pt", folder, ModelInputError)


def test_what_the_module_says_is_told_and_not_where_it_says_it(tmp_path):
    (folder := tmp_path / "out").mkdir()
    save_scripted(seeded(FixedBatch), tmp_path / "model.pt")
    wrong = (TensorSpec("x", "float32", ("batch", 5)),)
    sentence = refusal(tmp_path / "model.pt", folder, ModelInputError, inputs=wrong)
    assert "shape '[4, 6]' is invalid" in sentence
    assert "TorchScript" not in sentence.replace("a TorchScript file", "")


def test_an_example_file_gives_the_inputs(tmp_path):
    module = save_scripted(seeded(Branching), tmp_path / "model.pt")
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).standard_normal((5, 6), dtype=np.float32))
    made = defended(tmp_path / "model.pt", tmp_path, example=tmp_path / "rows.npz")
    assert_algorithm_1(made, module_logits(module), floats(x=(6,)))


@pytest.mark.parametrize(
    "save", [save_scripted, lambda *given: save_traced(*given, torch.ones(2, 6), torch.ones(2, 6))]
)
@pytest.mark.parametrize(
    ("make", "logits", "dropped"),
    [
        (InTuple, "output_1", "output_0"),
        (InList, "output_1", "output_0"),
        (InDictionary, "logits", "hidden"),
        (InNamedTuple, "logits", "hidden"),
    ],
)
def test_only_the_logits_of_several_outputs_stay(tmp_path, save, make, logits, dropped):
    module = seeded(make)
    save(module, tmp_path / "model.pt")
    # Tracing turns a named tuple into a plain one.
    given = {} if module.__class__ is InDictionary else {"logits": logits}
    if make is InNamedTuple and save is not save_scripted:
        given, dropped = {"logits": "output_1"}, "output_0"
    made = defended(tmp_path / "model.pt", tmp_path, inputs=TABLES, **given)
    assert made.exported.dropped == (dropped,)
    take = "logits" if make is InDictionary else 1
    assert_algorithm_1(made, module_logits(module, take), floats(x=(6,), y=(6,)))


def test_several_outputs_that_could_be_the_logits_are_named(tmp_path):
    (folder := tmp_path / "out").mkdir()
    save_traced(seeded(InTuple), tmp_path / "model.pt", torch.randn(2, 6), torch.randn(2, 6))
    sentence = refusal(tmp_path / "model.pt", folder, UsageError)
    assert "output_0 [batch, 8]" in sentence
    assert "output_1 [batch, 4]" in sentence
    assert "--logits" in sentence


def test_arguments_with_a_default_are_left_out(tmp_path):
    module = save_scripted(seeded(WithOptions), tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, inputs=TABLES)
    assert_algorithm_1(made, module_logits(module), floats(x=(6,), y=(6,)))


@pytest.mark.parametrize("optimise", [torch.jit.freeze, torch.jit.optimize_for_inference])
def test_an_optimised_module_is_defended_like_any_other(tmp_path, optimise):
    module = seeded(WithOptions)
    optimise(torch.jit.script(module)).save(tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, inputs=TABLES)
    assert_algorithm_1(made, module_logits(module), floats(x=(6,), y=(6,)))


def test_a_batch_that_a_trace_holds_must_be_given(tmp_path):
    (folder := tmp_path / "out").mkdir()
    module = save_traced(seeded(FixedBatch), tmp_path / "model.pt", torch.randn(4, 6))
    assert "--input x:4,6:float32" in refusal(tmp_path / "model.pt", folder, ModelInputError)
    made = defended(tmp_path / "model.pt", folder, inputs=(TensorSpec("x", "float32", (4, 6)),))
    assert made.shapes() == {"x": [4, 6], "noise": [4, 4]}
    assert_algorithm_1(made, module_logits(module), floats(x=(6,)), batches=(4,))


def test_a_trace_that_was_made_on_a_gpu_runs_on_the_cpu(tmp_path):
    module = save_traced(seeded(OnADevice), tmp_path / "cpu.pt", torch.randn(2, 6))
    with zipfile.ZipFile(tmp_path / "cpu.pt") as archive:
        (record,) = (name for name in archive.namelist() if b'torch.device("cpu")' in archive.read(name))
    name = record.partition("/")[2]
    moved = rewritten(
        tmp_path / "cpu.pt", tmp_path / "model.pt", {name: lambda code: code.replace(b'"cpu"', b'"cuda:0"')}
    )
    assert_algorithm_1(defended(moved, tmp_path), module_logits(module), floats(x=(6,)))


def test_a_module_saved_in_training_mode_is_put_into_evaluation_mode(tmp_path):
    module = save_scripted(seeded(Small).train(), tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, inputs=(TensorSpec("image", "float32", ("batch", 3, 8, 8)),))
    assert_algorithm_1(made, module_logits(module.eval()), floats(image=(3, 8, 8)))


def test_a_double_precision_module_is_defended_in_single(tmp_path):
    module = save_traced(seeded(FixedBatch).double(), tmp_path / "model.pt", torch.randn(4, 6).double())
    made = defended(tmp_path / "model.pt", tmp_path, inputs=(TensorSpec("x", "float64", (4, 6)),))

    def doubles(*drawn):
        return {"x": floats(x=(6,))(*drawn)["x"].astype(np.float64)}

    assert_algorithm_1(made, module_logits(module), doubles, batches=(4,))


@pytest.mark.parametrize("opset", [13, 15, 17, 20, 22])
def test_the_opset_is_the_requested_one(tmp_path, opset):
    save_traced(seeded(Small), tmp_path / "model.pt", torch.randn(2, 3, 8, 8))
    assert open_source(tmp_path / "model.pt").to_onnx(opset).opset_imports[""] == opset


def test_an_opset_too_old_for_a_defence_is_raised(tmp_path):
    save_traced(seeded(Small), tmp_path / "model.pt", torch.randn(2, 3, 8, 8))
    assert open_source(tmp_path / "model.pt").to_onnx(9).opset_imports[""] == 13
