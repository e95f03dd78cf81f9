"""How long `validate` takes for ResNet-20 with its real weights and 2,000 real CIFAR-10 images.

    DYNANOISE_DATA=… python benchmarks/validation_time.py

The program itself is run, three times, start-up included; the median of its wall time is printed.
"""

import os
import runpy
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROWS = 2000
TIMES = 3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ARCHITECTURE = 'dynanoise_models.architectures.resnet:resnet?{"depth": 20}'


def main() -> None:
    """Export, then validate, and print each run's time and the median."""
    data = Path(os.environ["DYNANOISE_DATA"])
    weights = next((data / "resnet_cifar10").glob("resnet20-*.th"))
    program = Path(sys.executable).with_name("dynanoise-export")
    model = ["--arch", ARCHITECTURE, "--input", "x:batch,3,32,32"]
    with TemporaryDirectory() as folder:
        rows, defended = Path(folder) / "rows.npz", Path(folder) / "defended.onnx"
        np.savez(rows, x=images(data))
        subprocess.run([program, weights, *model, "-o", defended], check=True, stdout=subprocess.DEVNULL)
        took = []
        for _ in range(TIMES):
            start = time.perf_counter()
            ended = subprocess.run(
                [program, "validate", defended, "--reference", weights, "--data", rows, *model],
                check=True,
                capture_output=True,
                text=True,
            )
            took.append(time.perf_counter() - start)
            print(f"{took[-1]:.1f} s  {ended.stdout.splitlines()[0]}", flush=True)
    print(f"median {statistics.median(took):.1f} s, {os.cpu_count()} cores")


def images(data: Path) -> np.ndarray:
    """Take test images as the network takes them: float32 [2000, 3, 32, 32]."""
    load = runpy.run_path(str(data / "load.py"))["cifar10"]
    pixels = load(data, "test")[0][:ROWS].astype(np.float32) / 255
    normalised = (pixels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


if __name__ == "__main__":
    main()
