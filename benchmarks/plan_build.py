"""How long TensorRT-RTX takes to build a plan of each head; it takes no GPU, and `pip install tensorrt-rtx-cu13`.

python benchmarks/plan_build.py
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import tensorrt_rtx as trt
from head_cost import HEADS, write

CLASSES = (10, 100, 1000)


def main() -> None:
    """Print a line for each head and number of classes."""
    with TemporaryDirectory() as folder:
        for classes in CLASSES:
            for name in HEADS:
                print(f"{classes:4} classes  {name:20} {seconds(write(Path(folder), name, classes)):.2f} s", flush=True)


def seconds(path: Path) -> float:
    """Parse a file and build a plan for one kind of GPU, for batches of 1 to 256."""
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.ERROR))
    assert parser.parse_from_file(str(path)), parser.get_error(0)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    taken = network.get_input(0)
    profile.set_shape(taken.name, *((batch, taken.shape[1]) for batch in (1, 8, 256)))
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    start = time.perf_counter()
    assert builder.build_serialized_network(network, config) is not None
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
