import onnx
import pytest

from dynanoise_export import NoiseSource, export
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.playground.heads import DEMONSTRATION_KEY, playground_heads

CLASSES = 7
# The model whose head it is passes its logits on.
PASSES_ON = """
<ir_version: 8, opset_import: ["" : 21]>
head (float[n, 7] logits) => (float[n, 7] scores) { ["model"] scores = Identity (logits) }
"""
PARAMETERS = [(0.5477226, 2.0, 10.0), (3.0, 0.0, 1.0), (1e-3, 7.3, 0.1)]


@pytest.fixture(scope="module")
def heads():
    return {(head.noise, head.keep_label): head for head in playground_heads(CLASSES)}


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.onnx"
    onnx.save(onnx.parser.parse_model(PASSES_ON), path)
    return path


@pytest.mark.parametrize("noise", list(NoiseSource))
@pytest.mark.parametrize("keep_label", [False, True])
def test_a_head_is_the_file_that_export_writes_without_its_metadata(heads, plain, tmp_path, noise, keep_label):
    key = tmp_path / "page.key"
    key.write_text(DEMONSTRATION_KEY.secret.hex())
    key.chmod(0o600)
    for number, values in enumerate(PARAMETERS):
        path, defence = tmp_path / f"{number}.onnx", DynaNoise(*values)
        keys = key if noise is NoiseSource.KEYED else None
        export(plain, path, defence=keeping_label(defence, keep_label), noise=noise, key_file=keys)
        exported = onnx.load(path)
        del exported.metadata_props[:]
        written = heads[noise, keep_label].with_parameters(defence)
        assert written == exported.SerializeToString(deterministic=True)


def test_there_is_a_head_for_each_noise_and_kept_label(heads):
    assert set(heads) == {(noise, keep_label) for noise in NoiseSource for keep_label in (False, True)}
    assert len({head.name for head in heads.values()}) == len(heads)
