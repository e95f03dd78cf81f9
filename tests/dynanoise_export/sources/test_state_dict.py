import sys
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dynanoise_export.errors import FormatError, ModelInputError, UsageError
from dynanoise_export.sources.state_dict import make_module
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.modules import Small, seeded

IMAGES = (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)
SMALL = 'support.modules:Small?{"classes": 7, "width": 3}'


@pytest.fixture
def module():
    return seeded(Small, classes=7, width=3)


def prefixed(weights, prefix):
    return {prefix + name: value for name, value in weights.items()}


FORMS = {
    "plain": lambda weights: weights,
    "under state_dict": lambda weights: {"state_dict": weights, "epoch": 3, "best": 0.9},
    "under model_state_dict": lambda weights: {"model_state_dict": weights, "optimizer": {"state": {}}},
    "under model": lambda weights: {"model": weights, "args": ["--lr", 0.1]},
    "from DataParallel": lambda weights: prefixed(weights, "module."),
    "from torch.compile": lambda weights: prefixed(weights, "_orig_mod."),
    "from Lightning": lambda weights: {"state_dict": prefixed(weights, "model."), "pytorch-lightning_version": "2"},
    "wrapped twice": lambda weights: {"model": prefixed(weights, "module._orig_mod.")},
    "of Opacus": lambda weights: {"net": prefixed(weights, "_module.")},
    "averaged": lambda weights: {"n_averaged": torch.tensor(3), **prefixed(weights, "module.")},
    "of a trainer": lambda weights: {"model_state": weights, "epoch": 3},
}


@pytest.mark.parametrize(("seed", "form"), [*enumerate(FORMS)])
def test_weights_are_found_where_training_scripts_save_them(tmp_path, module, seed, form):
    torch.save(FORMS[form](module.state_dict()), tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, seed, arch=SMALL, inputs=IMAGES)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)), batches=(3,))


@pytest.mark.parametrize("seed", range(2))
def test_any_batch_is_answered(tmp_path, module, seed):
    torch.save(module.state_dict(), tmp_path / "model.pt")
    made = defended(tmp_path / "model.pt", tmp_path, seed, arch=SMALL, inputs=IMAGES)
    assert made.shapes() == {"image": ["batch", 3, 8, 8], "noise": ["batch", 7]}
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)))


@pytest.mark.parametrize("form", ["plain", "under state_dict", "from DataParallel"])
def test_the_older_format_of_torch_save_is_read(tmp_path, module, form):
    content = FORMS[form](module.state_dict())
    torch.save(content, tmp_path / "model.pth", _use_new_zipfile_serialization=False)
    made = defended(tmp_path / "model.pth", tmp_path, arch=SMALL, inputs=IMAGES)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)), batches=(3,))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_safetensors_are_read(tmp_path, module, prefix):
    save_file(prefixed(module.state_dict(), prefix), tmp_path / "model.safetensors")
    made = defended(tmp_path / "model.safetensors", tmp_path, arch=SMALL, inputs=IMAGES)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)), batches=(3,))


def test_a_name_that_looks_like_a_wrapper_stays_if_the_module_has_it(tmp_path, monkeypatch):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(6, 4)

        def forward(self, x):
            return self.model(x)

    monkeypatch.setattr("support.modules.Outer", Outer, raising=False)
    module = seeded(Outer)
    torch.save(prefixed(module.state_dict(), "module."), tmp_path / "model.pt")
    inputs = (TensorSpec("x", "float32", ("batch", 6)),)
    made = defended(tmp_path / "model.pt", tmp_path, arch="support.modules:Outer", inputs=inputs)
    assert_algorithm_1(made, module_logits(module), floats(x=(6,)), batches=(3,))


def test_a_factory_can_be_in_the_working_directory(tmp_path, monkeypatch):
    source = "import torch\nclass Nets:\n    @staticmethod\n    def make(k): return torch.nn.Linear(6, k)\n"
    (tmp_path / "my_own_nets.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    try:
        assert make_module('my_own_nets:Nets.make?{"k": 4}').out_features == 4
    finally:
        sys.modules.pop("my_own_nets", None)
    assert sys.path == before


def test_a_state_dict_needs_its_architecture(tmp_path, module):
    (folder := tmp_path / "out").mkdir()
    torch.save(module.state_dict(), tmp_path / "model.pt")
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    for path in (tmp_path / "model.pt", tmp_path / "model.safetensors"):
        assert "--arch" in refusal(path, folder, UsageError, inputs=IMAGES)


def test_a_state_dict_needs_its_inputs(tmp_path, module):
    (folder := tmp_path / "out").mkdir()
    torch.save(module.state_dict(), tmp_path / "model.pt")
    assert "--input" in refusal(tmp_path / "model.pt", folder, ModelInputError, arch=SMALL)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: {n: v for n, v in w.items() if n != "linear.bias"}, "1 missing ('linear.bias')"),
        (lambda w: w | {"extra": torch.zeros(1)}, "1 unknown ('extra')"),
        (lambda w: prefixed(w, "backbone."), "'convolution.weight'"),
        (lambda w: w | {"linear.bias": torch.zeros(3)}, "linear.bias"),
        (lambda w: w | {"history": [0.1, 0.2]}, "'history'"),
        (lambda w: {}, "model.pt"),
        (lambda w: {"state_dict": {}}, "model.pt"),
        (lambda w: {"state_dict": None, "epoch": 3}, "model.pt"),
        (lambda w: [w], "list"),
        (lambda w: w["linear.bias"], "Tensor"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, module, change, named):
    (folder := tmp_path / "out").mkdir()
    torch.save(change(module.state_dict()), tmp_path / "model.pt")
    assert named in refusal(tmp_path / "model.pt", folder, FormatError, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize(
    ("arch", "named"),
    [
        ("no_such_package:make", "ModuleNotFoundError"),
        ("support.modules:NoSuch", "NoSuch"),
        ("support.modules", "MODULE:FACTORY"),
        (":Small", "MODULE:FACTORY"),
        ("support.modules:Small?{classes: 7}", "JSONDecodeError"),
        ("support.modules:Small?[7]", "TypeError"),
        ('support.modules:Small?{"depth": 7}', "depth"),
        ('support.modules:Small?{"classes": "many"}', "TypeError"),
        ('dynanoise_models.architectures.resnet:resnet?{"depth": 18}', "6n + 2 layers"),
        ('dynanoise_models.architectures.alexnet:alexnet?{"side": 40}', "multiple of 16"),
        ("os:getcwd", "str"),
        ("sys:exit", "SystemExit"),
    ],
)
def test_a_factory_that_makes_no_module_is_refused(arch, named):
    with pytest.raises(UsageError) as refused:
        make_module(arch)
    assert named in str(refused.value)
    assert arch in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


HOSTILE_WEIGHTS = {
    "integers as names": lambda weights: dict(enumerate(weights.values())),
    "an integer among the names": lambda weights: {**weights, 3: torch.ones(1)},
    "bytes as names": lambda weights: {b"linear.weight": torch.ones(1)},
    "a tensor instead": lambda weights: {"state_dict": torch.ones(1)},
    "a sparse tensor": lambda weights: {**weights, "linear.weight": weights["linear.weight"].to_sparse()},
    "a tensor without values": lambda weights: {**weights, "linear.weight": weights["linear.weight"].to("meta")},
    "a tensor that is huge": lambda weights: {**weights, "linear.weight": torch.ones(1).expand(1 << 40)},
}


@pytest.mark.parametrize("make", HOSTILE_WEIGHTS.values(), ids=HOSTILE_WEIGHTS)
def test_weights_of_odd_kinds_are_refused(tmp_path, module, make):
    (folder := tmp_path / "out").mkdir()
    torch.save(make(module.state_dict()), tmp_path / "model.pt")
    refusal(tmp_path / "model.pt", folder, FormatError, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("sizes", [((7, 1 << 40), (1 << 40, 1)), ((-7, 3), (3, 1)), ((1 << 70,), (1,))])
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, module, sizes):
    class Beyond:
        def __reduce__(self):
            storage = torch.storage.TypedStorage(
                wrap_storage=torch.ones(2).untyped_storage(), dtype=torch.float32, _internal=True
            )
            return torch._utils._rebuild_tensor_v2, (storage, 0, *sizes, False, {})

    (folder := tmp_path / "out").mkdir()
    torch.save({**module.state_dict(), "linear.weight": Beyond()}, tmp_path / "model.pt")
    refusal(tmp_path / "model.pt", folder, FormatError, arch=SMALL, inputs=IMAGES)


def test_an_archive_that_inflates_to_far_more_is_refused(tmp_path, module):
    (folder := tmp_path / "out").mkdir()
    torch.save(module.state_dict(), tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "model.pt", "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
        archive.writestr("plain/data/99", bytes(65 << 20))
    refusal(tmp_path / "model.pt", folder, FormatError, arch=SMALL, inputs=IMAGES)
