import pytest
import torch

from dynanoise_export.errors import (
    MissingPackageError,
    ModelInputError,
    UnsupportedModelError,
    UntrustedCodeError,
    UserError,
)
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.hostile import Payload
from support.modules import Branching, PerRow, Small, seeded

IMAGES = (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)


@pytest.fixture(params=[True, False], ids=["archive", "older format"])
def pickled(request, tmp_path):
    def save(content):
        torch.save(content, tmp_path / "model.pt", _use_new_zipfile_serialization=request.param)
        return tmp_path / "model.pt"

    return save


def test_a_pickled_module_is_refused_with_the_risk_and_the_safe_ways(tmp_path, pickled):
    (folder := tmp_path / "out").mkdir()
    sentence = refusal(pickled(seeded(Small)), folder, UntrustedCodeError, inputs=IMAGES)
    assert "support.modules.Small" in sentence
    for way in ("torch.export.save", "TorchScript", "--arch", "ONNX", "--allow-pickle"):
        assert way in sentence


def test_a_pickled_module_is_opened_if_the_user_trusts_it(tmp_path, pickled):
    module = seeded(Small)
    made = defended(pickled(module), tmp_path, inputs=IMAGES, allow_pickle=True)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)))


def test_a_pickle_that_runs_code_is_not_run(tmp_path, pickled):
    (folder := tmp_path / "out").mkdir()
    path = pickled({"state_dict": {"weight": Payload(tmp_path / "payload")}})
    refusal(path, folder, UntrustedCodeError, arch="support.modules:Small", inputs=IMAGES)
    assert not (tmp_path / "payload").exists()
    with pytest.raises(UserError):
        open_source(path, SourceOptions(arch="support.modules:Small", inputs=IMAGES, allow_pickle=True))
    assert (tmp_path / "payload").exists()  # so the test would notice it


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_a_module_without_its_code_is_refused(tmp_path, pickled, monkeypatch):
    class Gone(torch.nn.Linear):
        __module__, __qualname__ = "support.modules", "Gone"

    monkeypatch.setattr("support.modules.Gone", Gone, raising=False)
    path = pickled(Gone(6, 4))
    monkeypatch.delattr("support.modules.Gone")
    (folder := tmp_path / "out").mkdir()
    assert "Gone" in refusal(path, folder, MissingPackageError, allow_pickle=True)


def test_the_example_that_a_module_carries_is_used(tmp_path, pickled):
    module = seeded(Small)
    module.example_input_array = torch.randn(4, 3, 8, 8, requires_grad=True)  # as Lightning's modules do
    made = defended(pickled(module), tmp_path, allow_pickle=True)
    assert made.exported.source.inputs == IMAGES


def test_the_size_of_image_that_a_module_states_is_used(tmp_path, pickled):
    module = seeded(Small)
    module.default_cfg = {"input_size": (3, 8, 8)}  # as timm's modules do
    made = defended(pickled(module), tmp_path, allow_pickle=True)
    assert made.exported.source.inputs == IMAGES


def test_a_batch_that_the_exporter_can_only_fix_must_be_given(tmp_path, pickled):
    (folder := tmp_path / "out").mkdir()
    module = seeded(PerRow)
    path = pickled(module)
    rows = (TensorSpec("x", "float32", ("batch", 6)),)
    assert "--input x:8,6:float32" in refusal(path, folder, ModelInputError, inputs=rows, allow_pickle=True)
    made = defended(path, folder, inputs=(TensorSpec("x", "float32", (5, 6)),), allow_pickle=True)
    assert made.shapes() == {"x": [5, 6], "noise": [5, 4]}
    assert_algorithm_1(made, module_logits(module), floats(x=(6,)), batches=(5,))


def test_control_flow_that_the_exporter_can_not_follow_is_refused_with_a_way_out(tmp_path, pickled, capfd):
    (folder := tmp_path / "out").mkdir()
    rows = (TensorSpec("x", "float32", ("batch", 6)),)
    sentence = refusal(pickled(seeded(Branching)), folder, UnsupportedModelError, inputs=rows, allow_pickle=True)
    assert "torch.jit.script" in sentence
    assert capfd.readouterr() == ("", "")
