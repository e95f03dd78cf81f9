"""The models that the fuzzing starts from: small ones of every format, made anew for each run.

Each function writes its seeds as folders within one folder: the files of a seed are mutated together.
"""

import json
from pathlib import Path

import onnx
import onnx_ir as ir
import torch
import transformers
from safetensors.torch import save_file
from torch import nn

from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import Key, KeyFile
from dynanoise_export.types import TensorSpec
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.folders import bert, distilbert, save, vit
from support.graphs import parse

FEATURES, CLASSES = 6, 4
SPEC = TensorSpec("x", "float32", ("batch", FEATURES))
KEY = Key(bytes(range(32)))
# Of `dynanoise-models`.
TARGET = "digits-mlp"

MLP = """g (float[N,6] x) => (float[N,4] p) <float[6,4] w = {%s}, float[4] b = {0.1, 0.2, 0.3, 0.4}>
{ h = MatMul(x, w)  z = Add(h, b)  s = Constant<value_ints = [0, -1]>()  r = Reshape<allowzero = 0>(z, s)
  p = Softmax<axis = -1>(r) }"""
IMAGES = """g (float[N,1,8,8] image, bool on) => (float[N,3] z, int64[N] label)
<float[3,1,8,8] k = {%s}>
{ c = Conv(image, k)  f = Flatten(c)
  z = If(on) <then_branch = t () => (float[N,3] a) { a = Relu(f) }, else_branch = e () => (float[N,3] b) { b = Neg(f) }>
  label = ArgMax<axis = 1, keepdims = 0>(z) }"""
TOKENS = """g (int64[N,L] ids) => (float[N,4] z)
<float[9,4] t = {%s}, int64 one = {1}>
{ e = Gather(t, ids)  d = example.own.Double(e)  z = ReduceMean<axes = [1], keepdims = 0>(d) }"""
DOUBLE = """<domain: "example.own", opset_import: ["" : 17]> Double (x) => (y) { y = Add(x, x) }"""
CLASSIFIER = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
g (float[N,2] x) => (string[N] label, seq(map(string, float)) p)
{ label, s = ai.onnx.ml.LinearClassifier<classlabels_strings = ["a", "b", "c"], coefficients = [1.0, 2.0, 3.0, 4.0, 5.0,
  6.0], intercepts = [0.1, 0.2, 0.3], multi_class = 1, post_transform = "SOFTMAX">(x)
  p = ai.onnx.ml.ZipMap<classlabels_strings = ["a", "b", "c"]>(s) }"""


class Net(nn.Module):
    """Rows [n, 6] to logits [n, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(FEATURES, 8), nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.body(x))
        return self.head(hidden.reshape(x.shape[0], -1))


class Scripted(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(x)
        for _ in range(2):
            hidden = torch.tanh(hidden) if bool(hidden.sum() > 0) else torch.relu(hidden)
        return self.head(hidden)


def net(kind: type[Net] = Net) -> Net:
    """Make a network; its weights are the same in every run."""
    torch.manual_seed(0)
    return kind().eval()


def new(folder: Path, name: str) -> Path:
    """Make the folder of a seed."""
    (folder / name).mkdir(parents=True)
    return folder / name


def numbers(count: int) -> str:
    """Write so many numbers as ONNX's text form has them."""
    return ", ".join(f"{number / 7 - 1:.2f}" for number in range(count))


def onnx_sources(folder: Path) -> None:
    """Write undefended models: probabilities, branches, a local function, external weights, a classifier of labels."""
    mlp = parse(MLP % numbers(24))
    mlp.metadata_props.update({"dynanoise.key": "00", "author": "somebody"})
    ir.save(mlp, new(folder, "mlp") / "model.onnx")
    ir.save(parse(IMAGES % numbers(3 * 64)), new(folder, "external") / "model.onnx", external_data="w.data",
            size_threshold_bytes=16)  # fmt: skip
    ir.save(parse(IMAGES % numbers(3 * 64)), new(folder, "branches") / "model.onnx")
    tokens = parse(TOKENS % numbers(36), more=', "example.own" : 1', functions=DOUBLE)
    ir.save(tokens, new(folder, "tokens") / "model.onnx")
    onnx.save(onnx.parser.parse_model(CLASSIFIER), new(folder, "labels") / "model.onnx")


def defended(folder: Path) -> None:
    """Write defended models, with each source of noise, and one that is flattened."""
    plain = new(folder, "random") / "plain.onnx"
    ir.save(parse(MLP % numbers(24)), plain)
    for name in ("random", "input", "keyed"):
        here = folder / name
        here.mkdir(exist_ok=True)
        KeyFile(here / "model.onnx.key", KEY, new=True).save()
        export(plain, here / "model.onnx", noise=name)
        (here / "model.onnx.key").unlink()
    export(plain, new(folder, "flattened") / "model.onnx", inline=True)
    plain.unlink()


def torchscript(folder: Path) -> None:
    """Write a traced and a scripted module, and one in the second format that PyTorch loads, a flatbuffer."""
    example = torch.ones(2, FEATURES)
    flat = str(new(folder, "flat") / "model.ts")
    torch.jit.script(net())._save_for_lite_interpreter(flat, _use_flatbuffer=True)
    torch.jit.trace(net(), example).save(new(folder, "traced") / "model.ts")
    torch.jit.script(net(Scripted)).save(new(folder, "scripted") / "model.ts")


def exported_programs(folder: Path) -> None:
    """Write programs of `torch.export`, with and without a dynamic batch."""
    example = (torch.ones(2, FEATURES),)
    torch.export.save(torch.export.export(net(), example), new(folder, "fixed") / "model.pt2")
    dynamic = torch.export.export(net(), example, dynamic_shapes=({0: torch.export.Dim("rows", min=2, max=64)},))
    torch.export.save(dynamic, new(folder, "dynamic") / "model.pt2")


def torch_saves(folder: Path) -> None:
    """Write state dicts in both forms of `torch.save`, one within a checkpoint, and a whole module."""
    weights = net().state_dict()
    torch.save(weights, new(folder, "plain") / "model.pt")
    torch.save(weights, new(folder, "legacy") / "model.pt", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "model": weights}, new(folder, "nested") / "model.pt")
    torch.save(net(), new(folder, "module") / "model.pt")


def safetensors(folder: Path) -> None:
    """Write a state dict as safetensors."""
    save_file(net().state_dict(), new(folder, "plain") / "model.safetensors", {"format": "pt"})


def hugging_face(folder: Path) -> None:
    """Write folders of transformers: of texts and images, with weights in one file, in several, or in a pickle."""
    transformers.logging.disable_progress_bar()
    save(distilbert(num_labels=3), new(folder, "text"))
    save(vit(num_labels=3), new(folder, "images"))
    sharded = new(folder, "sharded")
    bert(num_labels=3).save_pretrained(sharded, max_shard_size="20KB")
    pickled = new(folder, "pickled")
    model = distilbert(num_labels=3)
    model.config.save_pretrained(pickled)
    torch.save(model.state_dict(), pickled / "pytorch_model.bin")
    transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder / "images")
    for name in ("text", "pickled"):
        (folder / name / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]", "model_max_length": 64}))


def first_weights(folder: Path) -> None:
    """Write weights for a training to start from."""
    weights = TARGETS[TARGET].make().state_dict()
    torch.save(weights, new(folder, "plain") / "model.pt")


def checkpoints(folder: Path) -> None:
    """Write a checkpoint of `dynanoise-models`."""
    torch.manual_seed(0)
    module = TARGETS[TARGET].make(hidden=(8,))
    save_checkpoint(new(folder, "digits") / "model.pt", TARGET, {"hidden": (8,)}, module, {"seed": 0})


def encoders(folder: Path) -> None:
    """Write an encoder of texts, for a training to start from."""
    transformers.logging.disable_progress_bar()
    save(distilbert(num_labels=2), new(folder, "text"))
