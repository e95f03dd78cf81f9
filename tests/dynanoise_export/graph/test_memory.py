"""Three gigabytes of weights pass through without being held in memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

LAYERS, SIDE = 3, 16_384  # 1 GiB a layer
LAYER_BYTES = SIDE * SIDE * 4

ATTACH = """
import sys
from pathlib import Path
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.checker import check_form
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.graph.logits import behind
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.random_noise import RandomNoise

print(Path("/proc/self/status").read_text())
source, output = map(Path, sys.argv[1:])
model = read_model(source)
attach(model, behind(model.graph.outputs[0]), 16_384, DynaNoise(), RandomNoise())
write_model(model, output)
check_form(output)
print(Path("/proc/self/status").read_text())
"""


def write_large_model(folder: Path) -> Path:
    """Write a model of three layers, whose file has real bytes at some places and holes elsewhere."""
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> g (float[N,{SIDE}] x) => (float[N,{SIDE}] z) '
        "{ a = MatMul(x, w0)\n b = MatMul(a, w1)\n z = MatMul(b, w2) }"
    )
    for layer in range(LAYERS):
        tensor = proto.graph.initializer.add(name=f"w{layer}", data_type=1, dims=[SIDE, SIDE], data_location=1)
        for key, value in {"location": "w.bin", "offset": layer * LAYER_BYTES, "length": LAYER_BYTES}.items():
            tensor.external_data.add(key=key, value=str(value))
    (folder / "plain.onnx").write_bytes(proto.SerializeToString())
    with (folder / "w.bin").open("wb") as file:
        file.truncate(LAYERS * LAYER_BYTES)
        for place in marked_places():
            file.seek(place)
            file.write(mark(place))
    return folder / "plain.onnx"


def marked_places() -> list[int]:
    ends = [layer * LAYER_BYTES - 4096 for layer in range(1, LAYERS + 1)]
    return [0, 12_345 * 4, *ends, LAYER_BYTES, 2 * LAYER_BYTES + (1 << 29)]


def mark(place: int) -> bytes:
    return np.random.default_rng(place).standard_normal(1024).astype(np.float32).tobytes()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
def test_three_gigabytes_of_weights_take_less_than_300_mb(tmp_path):
    output = tmp_path / "out" / "defended.onnx"
    output.parent.mkdir()
    source = write_large_model(tmp_path)
    try:
        done = subprocess.run(
            [sys.executable, "-c", ATTACH, source, output],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        before, after = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("VmHWM"))
        assert after - before < 20 << 10  # kB: the libraries themselves, torch above all, take most of the rest
        assert after < 300 << 10
        with (output.parent / "defended.onnx.data").open("rb") as file:
            assert os.fstat(file.fileno()).st_size == LAYERS * LAYER_BYTES
            for place in marked_places():
                file.seek(place)
                assert file.read(4096) == mark(place)
    finally:  # pytest keeps the folders of the last runs
        for data in tmp_path.rglob("*"):
            if data.is_file():
                data.unlink()
