"""What `compile` and `triton` demand of a deployed model."""

from dataclasses import replace

import onnx_ir as ir
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.requirements import require_defended
from dynanoise_export.errors import DefenceError
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.noise.source import NoiseSource


@pytest.fixture(scope="module")
def random(checkpoint, tmp_path_factory):
    return export(checkpoint, tmp_path_factory.mktemp("random") / "defended.onnx", defence=DynaNoise(0.5, 1, 4)).path


def changed(path, folder, change):
    """Write a changed copy of a file, and open it."""
    model = read_model(path)
    change(model)
    write_model(model, folder / "changed.onnx")
    return open_deployed(folder / "changed.onnx")


@pytest.mark.parametrize("noise", list(NoiseSource))
def test_every_exported_file_fulfils_them(checkpoint, tmp_path, noise):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=DynaNoise(0.5, 1, 4), noise=noise)
    assert require_defended(open_deployed(made.path)) == (DynaNoise(0.5, 1, 4), made.provenance)


def test_a_defence_without_noise_fulfils_them(checkpoint, tmp_path):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=Temperature(2.5))
    assert require_defended(open_deployed(made.path)) == (Temperature(2.5), made.provenance)


def test_a_model_whose_graph_is_not_known_is_believed(random):
    model = replace(open_deployed(random), graph=None)
    assert require_defended(model)[0] == DynaNoise(0.5, 1, 4)


def leak(model):
    model.graph.outputs.append(next(node for node in model.graph if node.op_type == "DynaNoise").inputs[0])


def seed(model):
    (draw,) = [node for function in model.functions.values() for node in function if node.op_type == "RandomNormalLike"]
    draw.attributes.add(ir.AttrFloat32("seed", 1.0))


def state_keyed(model):
    model.metadata_props["dynanoise.noise"] = "keyed"


def state_input(model):
    model.metadata_props["dynanoise.noise"] = "input"


def state_nothing(model):
    model.metadata_props.clear()


@pytest.mark.parametrize("change", [leak, seed, state_keyed, state_input, state_nothing])
def test_other_models_are_refused_by_name(random, tmp_path, change):
    with pytest.raises(DefenceError, match=r"changed\.onnx"):
        require_defended(changed(random, tmp_path, change))
