"""Show of a file that it answers the same whether it runs whole or its logits are remembered."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx_ir as ir

from benchmarks.comparison.remembered_logits import Remembering
from dynanoise_export.bundles import load_bundle
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.provenance import PREFIX, read_provenance
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.types import Array, Arrays

# So many rows are asked as they are, and moved far out of their domain.
ROWS, FAR = 64, 8
# The largest difference of two probabilities; and the share of rows at whose logits keyed noise may jump.
LARGEST, AT_EDGES = 1e-5, 0.03


def require_same_answers(path: Path, bundle: Path) -> None:
    """Compare a file with its parts on rows of a bundle.

    Args:
        path: of the file.
        bundle: the path of the bundle.

    Raises:
        AssertionError: the answers differ.
    """
    model = read_model(path)
    stated = read_provenance(model)
    source = None if stated is None else stated.noise
    queries = _queries(load_bundle(bundle, [str(value.name) for value in model.graph.inputs]).inputs)
    if source is NoiseSource.RANDOM:
        model, queries = _with_noise_fed(model, queries)
    with (
        TemporaryDirectory() as folder,
        open_graph(model) as whole,
        Remembering(model, Path(folder), open_graph) as parts,
    ):
        answers = [np.concatenate(list(one.run(queries).values())) for one in (whole, parts, parts)]
    for other in answers[1:]:
        differ = np.abs(other - answers[0]).max(axis=1) > LARGEST
        allowed = AT_EDGES if source is NoiseSource.KEYED else 0
        assert differ.mean() <= allowed, f"{path}: the parts answer {differ.sum()} of {len(differ)} rows otherwise"


def _queries(inputs: Arrays) -> dict[str, Array]:
    rows = {name: np.asarray(array[:ROWS]) for name, array in inputs.items()}
    far = {name: array * array.dtype.type(FAR) if array.dtype.kind == "f" else array for name, array in rows.items()}
    return {name: np.concatenate([rows[name], far[name]]) for name in rows}


def _with_noise_fed(model: ir.Model, queries: Arrays) -> tuple[ir.Model, dict[str, Array]]:
    copy = model.clone()
    name, shape = make_twin(copy), copy.graph.outputs[0].shape
    copy.metadata_props[f"{PREFIX}noise_input"] = name
    assert shape is not None
    size = (2 * ROWS, int(shape[1]))
    return copy, {**queries, name: np.random.default_rng(0).standard_normal(size, dtype=np.float32)}
