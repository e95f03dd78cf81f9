"""Forests as converters write them: a TreeEnsembleClassifier, whose probabilities are votes, and the votes in NumPy."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper


@dataclass(frozen=True)
class Forest:
    """Trees of depth d over rows [n, f], all complete: node i has the children 2i + 1 and 2i + 2.

    Attributes:
        features: int [trees, 2^d − 1], which feature an inner node looks at.
        thresholds: float32 of the same shape; a row goes left if its feature is at most this.
        votes: int [trees, 2^d], the class of each leaf.
        width: f.
        classes: k.
    """

    features: np.ndarray
    thresholds: np.ndarray
    votes: np.ndarray
    width: int
    classes: int

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Count the votes: rows [n, f] to probabilities [n, k]."""
        counts = np.zeros((len(rows), self.classes))
        for features, thresholds, votes in zip(self.features, self.thresholds, self.votes, strict=True):
            node = np.zeros(len(rows), int)
            while node[0] < features.size:
                right = rows[np.arange(len(rows)), features[node]] > thresholds[node]
                node = 2 * node + 1 + right
            counts[np.arange(len(rows)), votes[node - features.size]] += 1
        return counts / len(self.votes)

    def model(self) -> onnx.ModelProto:
        """Make the ONNX model: `x` in, `label` and `probabilities` out."""
        trees, inner = self.features.shape
        nodes = 2 * inner + 1
        leaves = nodes - inner
        everyone, filler = np.arange(nodes), np.zeros((trees, leaves))
        branch = ["BRANCH_LEQ"] * inner + ["LEAF"] * leaves
        children = np.where(everyone < inner, 2 * everyone, -1)
        node = helper.make_node(
            "TreeEnsembleClassifier",
            ["x"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            nodes_treeids=np.repeat(np.arange(trees), nodes).tolist(),
            nodes_nodeids=np.tile(everyone, trees).tolist(),
            nodes_featureids=np.hstack([self.features, filler]).astype(int).ravel().tolist(),
            nodes_values=np.hstack([self.thresholds, filler]).astype(np.float32).ravel().tolist(),
            nodes_modes=branch * trees,
            nodes_truenodeids=np.tile(np.maximum(children + 1, 0), trees).tolist(),
            nodes_falsenodeids=np.tile(np.where(children < 0, 0, children + 2), trees).tolist(),
            class_treeids=np.repeat(np.arange(trees), leaves).tolist(),
            class_nodeids=np.tile(np.arange(inner, nodes), trees).tolist(),
            class_ids=self.votes.ravel().tolist(),
            class_weights=[1 / trees] * self.votes.size,
            classlabels_int64s=list(range(self.classes)),
            post_transform="NONE",
        )
        graph = helper.make_graph(
            [node],
            "forest",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", self.width])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", self.classes]),
            ],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def agreeing_forest(trees: int = 7, depth: int = 4, width: int = 6, classes: int = 5) -> Forest:
    """Make random trees that all agree on the rows whose first feature is at most 0, in pairs of their second one."""
    generator = np.random.default_rng(0)
    inner = 2**depth - 1
    features = generator.integers(0, width, (trees, inner))
    thresholds = generator.standard_normal((trees, inner)).astype(np.float32)
    votes = generator.integers(0, classes, (trees, inner + 1))
    features[:, :2], thresholds[:, :2] = (0, 1), 0
    quarter = (inner + 1) // 4
    votes[:, :quarter], votes[:, quarter : 2 * quarter] = 0, 1
    return Forest(features, thresholds, votes, width, classes)
