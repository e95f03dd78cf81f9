"""Trees in the forms of `ai.onnx.ml`, written by hand or by hummingbird."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.zoo.data import iris
from benchmarks.zoo.entry import Entry, Made, Scores

LOGITS, SOFTMAX, PROBABILITIES = Scores.LOGITS, Scores.SOFTMAX, Scores.PROBABILITIES


def trees() -> Iterator[Entry]:
    """Give the entries."""
    for transform, scores in (
        ("NONE", LOGITS),
        ("SOFTMAX", SOFTMAX),
        ("SOFTMAX_ZERO", PROBABILITIES),
        ("PROBIT", LOGITS),
    ):
        yield Entry(f"a tree with {transform}", "by hand", scores, partial(old_tree, transform))
    yield Entry("a tree of opset 5, probabilities", "by hand", PROBABILITIES, partial(new_tree, True))
    yield Entry("a tree of opset 5, scores", "by hand", LOGITS, partial(new_tree, False))
    for strategy in ("gemm", "tree_trav", "perf_tree_trav"):
        yield Entry(
            f"RandomForest as matrices, {strategy}", "hummingbird, torch.onnx", PROBABILITIES,
            partial(matrices, strategy),
        )  # fmt: skip


def trained() -> DecisionTreeClassifier:
    """Train a tree on iris."""
    given = iris()
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(given.x, given.y)


def leaf_scores(tree: DecisionTreeClassifier, kind: str) -> np.ndarray:
    """Give the scores of the tree's nodes [nodes, 3]: its probabilities, or others."""
    probabilities = tree.tree_.value[:, 0]
    if kind == "PROBIT":
        return 0.1 + 0.7 * probabilities
    return probabilities if kind == "probabilities" else 4 * probabilities - 1.3


def old_tree(transform: str, folder: Path) -> Made:
    """Write a TreeEnsembleClassifier with a post_transform."""
    tree = trained()
    inner, nodes = tree.tree_, range(tree.tree_.node_count)
    leaf = inner.children_left < 0
    scores = leaf_scores(tree, transform)
    leaves = [(node, label) for node in nodes if leaf[node] for label in range(3)]
    node = helper.make_node(
        "TreeEnsembleClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml", post_transform=transform,
        classlabels_int64s=[0, 1, 2], nodes_treeids=[0 for _ in nodes], nodes_nodeids=list(nodes),
        nodes_featureids=[max(int(f), 0) for f in inner.feature],
        nodes_values=[0.0 if leaf[n] else float(inner.threshold[n]) for n in nodes],
        nodes_modes=["LEAF" if leaf[n] else "BRANCH_LEQ" for n in nodes],
        nodes_truenodeids=[max(int(n), 0) for n in inner.children_left],
        nodes_falsenodeids=[max(int(n), 0) for n in inner.children_right],
        class_treeids=[0 for _ in leaves], class_nodeids=[n for n, _ in leaves], class_ids=[c for _, c in leaves],
        class_weights=[float(scores[n, c]) for n, c in leaves],
    )  # fmt: skip
    return saved(node, 3, folder)


def new_tree(probabilities: bool, folder: Path) -> Made:
    """Write a TreeEnsemble, which came with opset 5 of `ai.onnx.ml`: three trees of one class each."""
    tree = trained()
    inner = tree.tree_
    scores = leaf_scores(tree, "probabilities" if probabilities else "scores")
    splits = [node for node in range(inner.node_count) if inner.children_left[node] >= 0]
    leaves = [node for node in range(inner.node_count) if node not in splits]
    ways: dict[str, list[int]] = {name: [] for name in ("true", "trueleaf", "false", "falseleaf")}
    for label in range(3):
        for node in splits:
            for way, children in (("true", inner.children_left), ("false", inner.children_right)):
                child, is_leaf = children[node], children[node] in leaves
                ways[f"{way}leaf"].append(int(is_leaf))
                place = leaves.index(child) + label * len(leaves) if is_leaf else splits.index(child)
                ways[way].append(place if is_leaf else place + label * len(splits))
    thresholds = np.tile(inner.threshold[splits], 3).astype(np.float32)
    node = helper.make_node(
        "TreeEnsemble", ["X"], ["scores"], domain="ai.onnx.ml", n_targets=3, post_transform=0,
        tree_roots=[label * len(splits) for label in range(3)],
        nodes_splits=numpy_helper.from_array(thresholds), nodes_featureids=[int(f) for f in inner.feature[splits]] * 3,
        nodes_modes=numpy_helper.from_array(np.zeros(3 * len(splits), np.uint8)),
        nodes_truenodeids=ways["true"], nodes_trueleafs=ways["trueleaf"],
        nodes_falsenodeids=ways["false"], nodes_falseleafs=ways["falseleaf"],
        leaf_weights=numpy_helper.from_array(scores[leaves].T.ravel().astype(np.float32)),
        leaf_targetids=[label for label in range(3) for _ in leaves],
    )  # fmt: skip
    return saved(node, 5, folder)


def saved(node: onnx.NodeProto, version: int, folder: Path) -> Made:
    """Write a graph of one node."""
    rows = iris().x
    graph = helper.make_graph(
        [node], "tree", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs(node)],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return Made(path, {"X": rows})


def outputs(node: onnx.NodeProto) -> Iterator[tuple[str, int, list[str | int]]]:
    """Describe the outputs of a tree."""
    for name in node.output:
        yield (name, TensorProto.INT64, ["N"]) if name == "label" else (name, TensorProto.FLOAT, ["N", 3])


def matrices(strategy: str, folder: Path) -> Made:
    """Turn a forest into matrix products, as hummingbird does, and write the file with PyTorch."""
    import torch
    from hummingbird.ml import convert

    given = iris()
    forest = RandomForestClassifier(10, max_depth=4, random_state=0).fit(given.x, given.y)
    model = convert(forest, "torch", extra_config={"tree_implementation": strategy}).model
    path = folder / "model.onnx"
    torch.onnx.export(
        model, (torch.from_numpy(given.x[:2]),), path, dynamo=False, input_names=["x"],
        output_names=["label", "probabilities"], dynamic_axes={"x": {0: "N"}},
    )  # fmt: skip
    return Made(path, {"x": given.x})
