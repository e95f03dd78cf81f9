"""Training functions as a user may write them, sound and otherwise."""

import os
import time
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model
from scipy.special import expit, softmax

CONSTANT = 3


def nearest_mean(rows, labels, seed):
    assert isinstance(rows, np.ndarray)
    assert labels.dtype == np.int64
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(3)])
    return lambda x: -((x[:, None] - means) ** 2).sum(axis=2)


def weights_of(rows, labels):
    return np.stack([rows[labels == label].mean(axis=0) for label in range(3)], axis=1).astype(np.float32)


def write(path, weights, last="Identity", **options):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node(last, ["h"], ["z"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "own", [x], [z], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    save_model(model, path, **options)
    return path


def onnx_file(rows, labels, seed):
    return write(f"shadow-{seed}.onnx", weights_of(rows, labels))


def onnx_probabilities(rows, labels, seed):
    return Path(write(f"shadow-{seed}.onnx", weights_of(rows, labels), "Softmax"))


def onnx_with_external_data(rows, labels, seed):
    Path(str(seed)).mkdir()
    external = {"save_as_external_data": True, "size_threshold": 0, "location": "all.data"}
    wide = np.repeat(weights_of(rows, labels), 1, axis=0)
    return write(f"{seed}/model.onnx", wide, **external)


def probabilities(rows, labels, seed):
    model = nearest_mean(rows, labels, seed)
    return lambda x: softmax(100 * model(x), axis=1).astype(np.float32)


def probabilities_in_float64(rows, labels, seed):
    model = nearest_mean(rows, labels, seed)
    return lambda x: softmax(model(x).astype(np.float64), axis=1)


def sigmoid(rows, labels, seed):
    return lambda x: expit(x[:, :1])


def column_of_logits(rows, labels, seed):
    return lambda x: 5 * x[:, 0]


def fails(rows, labels, seed):
    table = {}

    def read(name):
        return table[name]

    return read("a column")


def exits(rows, labels, seed):
    raise SystemExit(1)


def fails_to_answer(rows, labels, seed):
    return lambda x: 1 // 0


def nothing(rows, labels, seed):
    pass


def too_few_classes(rows, labels, seed):
    return lambda x: x[:, :2]


def different_classes(rows, labels, seed):
    columns = 3 + len(list(Path().glob("made-*")))
    Path(f"made-{seed}").touch()
    return lambda x: x[:, :columns]


def percentages(rows, labels, seed):
    return lambda x: 100 * softmax(x[:, :3], axis=1)


def not_numbers(rows, labels, seed):
    return lambda x: np.full((len(x), 3), np.nan)


def same_file(rows, labels, seed):
    return write("model.onnx", weights_of(rows, labels))


def missing_file(rows, labels, seed):
    return "nowhere.onnx"


def of_two_inputs(rows, labels, seed):
    assert sorted(rows) == ["left", "right"]
    return lambda x: np.concatenate([x["left"], x["right"][:, :1]], axis=1)


def fails_after_a_note(rows, labels, seed):
    if Path("works").exists():
        return nearest_mean(rows, labels, seed)
    with Path("begun.txt").open("a") as file:
        file.write(".")
    raise ValueError("no")


def prints(rows, labels, seed):
    print("epoch 1 of 1")
    return onnx_file(rows, labels, seed)


def waits_once(rows, labels, seed):
    try:
        with Path("waiting.new").open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return nearest_mean(rows, labels, seed)
    Path("waiting.new").replace("waiting.pid")
    Path("waiting.new").touch()
    time.sleep(600)
    raise AssertionError("the worker was not killed")


def network(seed, outputs=3):
    import torch

    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, outputs))


def torch_module(rows, labels, seed):
    import torch

    model = network(seed)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        torch.nn.functional.cross_entropy(model(torch.from_numpy(rows)), torch.from_numpy(labels)).backward()
        optimizer.step()
    return model


def torch_of_two_kinds(rows, labels, seed):
    """Give modules with the same weights and other answers: an export of one can't take the weights of the other."""
    import torch

    class Negative(torch.nn.Sequential):
        def forward(self, x):
            return -super().forward(x)

    return network(seed) if labels[0] == 0 else Negative(*network(seed))


def torch_with_one_score(rows, labels, seed):
    return network(seed, outputs=1)


def torch_that_branches(rows, labels, seed):
    import torch

    class Branching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network(seed)

        def forward(self, x):
            return self.inner(x) if x.sum() > 0 else -self.inner(x)

    return Branching()
