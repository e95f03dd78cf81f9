"""Fit a defence to a model file, export it, and follow its tensors wherever the file goes."""

import json

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.bundles import Bundle
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.errors import DataError, UserError
from dynanoise_export.exporting import export
from dynanoise_export.fitting import fit_defence
from dynanoise_export.graph.attach import TENSORS
from dynanoise_export.graph.provenance import entries_of, provenance_of, read_provenance
from dynanoise_export.inspecting import inspect
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.fitted_defences import FITTED
from support.graphs import parse

CLASSES = 4
# Every step makes the graph larger, and the checks slower.
FEW_STEPS = {"memguard": {"steps": 1}, "targeted": {"steps": 1}}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("fitting") / "model.onnx"
    made = parse(f"g (float[N,8] x) => (float[N,{CLASSES}] z) {{ z = MatMul(x, w) }}")
    weights = np.random.default_rng(0).standard_normal((8, CLASSES)).astype(np.float32)
    value = ir.Value(name="w", const_value=ir.tensor(weights, name="w"))
    made.graph.register_initializer(value)
    next(iter(made.graph)).replace_input_with(1, value)
    ir.save(made, path)
    return path


def saved(folder, rows=200, **changes):
    generator = np.random.default_rng(1)
    member = np.arange(rows) % 2 == 0
    x = generator.standard_normal((rows, 8)).astype(np.float32) * np.where(member, 3, 1).astype(np.float32)[:, None]
    arrays = {"x": x, "y": generator.integers(0, CLASSES, rows), "member": member} | changes
    path = folder / "bundle.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module", params=FITTED)
def exported(request, model, bundle, tmp_path_factory):
    defence = fit_defence(model, request.param, parameters=FEW_STEPS.get(request.param, {}), data=bundle)
    return export(model, tmp_path_factory.mktemp("made") / "defended.onnx", defence=defence)


def check(found, code):
    return next(check for check in found.checks if check.code is code)


def test_it_is_fitted_to_what_the_model_answers(model, bundle):
    seen = []

    class Watched(DEFENCES.get("memguard-limit")):
        name = "watched"

        @classmethod
        def fit(cls, data: FittingData, parameters):
            seen.append(data)
            return super().fit(data, parameters)

    with DEFENCES.registered("watched", Watched):
        made = fit_defence(model, "watched", parameters={"budget": 0.5}, data=bundle, keep_label=True, seed=3)
    (data,) = seen
    rows = Bundle.load(bundle)
    assert (made.keep_label, made.parameters, data.seed, data.classes) == (True, {"budget": 0.5}, 3, CLASSES)
    assert data.shadow_logits is None
    weights = ir.load(model).graph.initializers["w"].const_value.numpy()
    np.testing.assert_allclose(data.logits, rows.inputs["x"] @ weights, atol=1e-5)
    np.testing.assert_array_equal(data.member, rows.member)


@pytest.mark.parametrize("missing", ["y", "member"])
def test_rows_without_labels_or_membership_are_refused(model, tmp_path, missing):
    with pytest.raises(DataError):
        fit_defence(model, "memguard", data=saved(tmp_path, **{missing: None}))


@pytest.mark.parametrize("name", FITTED)
def test_an_unknown_parameter_is_refused(model, bundle, name):
    with pytest.raises(UserError, match="unheard"):
        fit_defence(model, name, parameters={"unheard": 1}, data=bundle)


@pytest.mark.parametrize(("name", "member"), [("memguard", True), ("memguard-limit", True), ("targeted", False)])
def test_rows_of_one_kind_alone_are_refused(model, tmp_path, name, member):
    with pytest.raises(DataError):
        fit_defence(model, name, data=saved(tmp_path, member=np.full(200, member)))


def test_an_exported_file_states_its_tensors_and_holds_them(exported):
    model = ir.load(exported.path)
    assert read_provenance(model).tensors == exported.defence.tensors
    assert read_provenance(model).made_defence() == exported.defence
    held = {name.removeprefix(TENSORS) for name in model.graph.initializers if name.startswith(TENSORS)}
    assert held == set(exported.defence.tensor_names)
    assert inspect(exported.path).leaks.passed


def test_it_passes_validation_and_with_other_tensors_it_fails(exported, model, bundle, tmp_path):
    # Sessions of ONNX Runtime that repeat random noise are a warning.
    assert validate(exported.path, model, data=bundle).passed
    changed = ir.load(exported.path)
    name = next(name for name in changed.graph.initializers if name.startswith(TENSORS))
    value = changed.graph.initializers[name]
    numbers = value.const_value.numpy().copy()
    numbers.flat[-1] *= 1.001
    value.const_value = ir.tensor(numbers, name=name)
    ir.save(changed, tmp_path / "changed.onnx")
    found = validate(tmp_path / "changed.onnx", model, data=bundle)
    assert not found.passed
    assert check(found, CheckCode.NOTHING_BUT_THE_DEFENCE).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("name", "noise"), [("hamp-output", "random"), ("neighborhood-blending", "keyed"), ("targeted", None)]
)
def test_a_flattened_file_passes_validation(model, bundle, tmp_path, name, noise):
    defence = fit_defence(model, name, parameters=FEW_STEPS.get(name, {}), data=bundle)
    made = export(model, tmp_path / "flat.onnx", defence=defence, noise=noise, inline=True)
    assert not ir.load(made.path).functions
    found = validate(made.path, model, data=bundle)
    # With so few classes and rows, keyed noise can't be audited; there is no law to do it by anyway.
    assert [c for c in found.checks if c.outcome is Outcome.FAILED] == []
    assert check(found, CheckCode.NOTHING_BUT_THE_DEFENCE).passed


def test_a_server_s_config_carries_the_tensors(exported, tmp_path):
    write_triton_repository(exported.path, tmp_path / "repository", name="defended")
    config = (tmp_path / "repository" / "defended" / "config.pbtxt").read_text()
    for tensor in exported.defence.tensors.values():
        assert tensor.packed()["float32"] in config


def hostile(name, stated):
    values = {
        "not JSON": "{",
        "no mapping": "[]",
        "another tensor": json.dumps(stated | {"more": next(iter(stated.values()))}),
        "no tensor": "{}",
        "no numbers": json.dumps({key: {"shape": [1 << 22, 1 << 22], "float32": ""} for key in stated}),
        "a wrong shape": json.dumps({key: value | {"shape": [1]} for key, value in stated.items()}),
        "a text": json.dumps(dict.fromkeys(stated, "AAAA")),
    }
    return values[name]


@pytest.mark.parametrize(
    "how",
    ["not JSON", "no mapping", "another tensor", "no tensor", "no numbers", "a wrong shape", "a text"],
)
def test_hostile_tensors_are_no_provenance_or_no_defence(exported, how):
    entries = entries_of(exported.provenance)
    stated = json.loads(entries["dynanoise.tensors"])
    found = provenance_of(entries | {"dynanoise.tensors": hostile(how, stated)})
    if found is not None:
        with pytest.raises(UserError):
            found.made_defence()
    assert provenance_of(entries) == exported.provenance
