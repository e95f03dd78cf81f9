"""Load a real Triton server from many clients at once, each of which checks its answers; kill an instance, if wanted.

make triton-server && PYTHONPATH=tests python benchmarks/triton_load.py --seconds 60 --clients 16 [--kill]
"""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dynanoise_export.deployment.triton.repository import make_repository
from dynanoise_export.deployment.triton.serving import Wanted
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.parameters import NoiseSource
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.triton_load import Load, load, stable_rows
from support.triton_models import defended
from support.triton_server import triton_server

MEGABYTE = 1e6
# The server's memory settles while it meets batches of each size for the first time.
SETTLING_SECONDS = 5


def main() -> None:
    """Print what the clients saw, and what became of the server's memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill", action="store_true", help="kill the process of one instance in the middle")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        torch.manual_seed(0)
        save_checkpoint(place / "digits.pt", "digits-mlp", {}, TARGETS["digits-mlp"].make())
        path = defended(place / "digits.pt", place / "keyed.onnx", NoiseSource.KEYED)
        make_repository(path, place / "models", Wanted(backend=Backend.PYTHON, instances=2))
        (place / "server").mkdir()
        known = stable_rows(path, 64)
        with triton_server(place / "models", place / "server") as server:
            load(server, "keyed", known, clients=options.clients, seconds=SETTLING_SECONDS, kill=False)
            done = load(server, "keyed", known, clients=options.clients, seconds=options.seconds, kill=options.kill)
            report(done)
            print(f"at the end: {len(server.stubs('keyed'))} instances, the server "
                  f"{'has ended' if server.process.poll() is not None else 'runs'}")  # fmt: skip


def report(done: Load) -> None:
    """Print what a load did."""
    answers = [rows for client in done.clients for rows in client.rows]
    print(f"{done.seconds:.0f} s, {len(done.clients)} clients, two instances")
    print(f"{len(answers):,} answers to {sum(answers):,} rows: {len(answers) / done.seconds:,.0f} requests/s")
    print(f"{sum(client.wrong for client in done.clients)} answers that were not to the client's own rows")
    print(f"{len(done.failures)} requests failed")
    for message, count in Counter(message for _, message in done.failures).items():
        print(f"  {count} x {message}")
    if done.killed is not None:
        after = [seconds - done.killed.at for seconds, _ in done.failures]
        print(f"an instance was killed after {done.killed.at:.1f} s; back after: {done.killed.back_after}")
        print(f"failures from {min(after):.1f} to {max(after):.1f} s after that")
    start, *_, end = done.memory
    told = ", ".join(f"{bytes_ / MEGABYTE:.0f} MB {name}" for name, bytes_ in
                     (("at the start", start), ("at the end", end), ("at most", max(done.memory))))  # fmt: skip
    print(f"resident memory of the server and its instances: {told}")


if __name__ == "__main__":
    main()
