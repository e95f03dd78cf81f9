"""How much memory it takes to defend an ONNX file with 3 GB of external data.

    python benchmarks/memory.py [--folder DIR]

The weights are real bytes, and take 6 GB of disk in all. Each step is another process; its peak is VmHWM, which counts
all pages that it held at one time, also those of files mapped into memory.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

LAYERS, SIDE = 12, 8192  # 256 MiB per layer

OPEN = "from dynanoise_export.graph.model_files import read_model, write_model; model = read_model(source)"
ATTACH = f"""
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.checker import check_form
from dynanoise_export.graph.logits import behind
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.random_noise import RandomNoise
{OPEN}
attach(model, behind(model.graph.outputs[0]), {SIDE}, DynaNoise(), RandomNoise())
write_model(model, output)
check_form(output)
"""
RUN = """
import numpy
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
OnnxRuntimePredictor(output, light=True).run({"x": numpy.zeros((2, SIDE), "float32")})
"""
STEPS = {
    "import the library": "import dynanoise_export.exporting",
    "open the file": OPEN,
    "open, attach, write, check": ATTACH,
    "open in ONNX Runtime and run once": RUN.replace("SIDE", str(SIDE)),
}


def main() -> None:
    """Make the file, run each step, and print its peak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=None)
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        source, output = Path(name) / "plain.onnx", Path(name) / "defended.onnx"
        write_model(source)
        for step, script in STEPS.items():
            print(f"{step:36} {peak(script, source, output):6.0f} MB", flush=True)


def write_model(path: Path) -> None:
    """Write a chain of matrix products, with its weights in another file of 3 GB."""
    names = ["x", *(f"h{i}" for i in range(1, LAYERS)), "z"]
    body = "\n".join(f"{names[i + 1]} = MatMul({names[i]}, w{i})" for i in range(LAYERS))
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> g (float[N,{SIDE}] x) => (float[N,{SIDE}] z) {{{body}}}'
    )
    generator = np.random.default_rng(0)
    with (path.parent / "weights.bin").open("wb") as file:
        for layer in range(LAYERS):
            weight = generator.standard_normal((SIDE, SIDE), dtype=np.float32) / SIDE
            tensor = proto.graph.initializer.add(name=f"w{layer}", data_type=1, dims=[SIDE, SIDE], data_location=1)
            position = {"location": "weights.bin", "offset": file.tell(), "length": weight.nbytes}
            for key, value in position.items():
                tensor.external_data.add(key=key, value=str(value))
            weight.tofile(file)
    path.write_bytes(proto.SerializeToString())


def peak(script: str, source: Path, output: Path) -> float:
    """Run a script in another process, and measure the peak of its memory, in MB."""
    measure = "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    header = f"from pathlib import Path\nsource, output = Path({str(source)!r}), Path({str(output)!r})\n"
    ended = subprocess.run(
        [sys.executable, "-c", header + script + measure], check=True, capture_output=True, text=True
    )
    return int(ended.stdout.split()[-2]) * 1024 / 1e6


if __name__ == "__main__":
    main()
