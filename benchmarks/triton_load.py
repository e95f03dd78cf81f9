"""Put load on a real Triton server from many clients, each of which checks its answers; kill an instance on request.

make triton-server && PYTHONPATH=tests python benchmarks/triton_load.py --seconds 60 --clients 16 [--kill]
"""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.noise.source import NoiseSource
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.triton_load import Load, load, stable_rows
from support.triton_models import defended
from support.triton_server import triton_server

MEGABYTE = 1e6
# The server allocates memory as it meets batches of each size for the first time.
SETTLING_SECONDS = 5


def main() -> None:
    """Print what the clients saw, and the server's memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill", action="store_true", help="kill the process of one instance in the middle")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder)
        torch.manual_seed(0)
        save_checkpoint(path / "digits.pt", "digits-mlp", {}, TARGETS["digits-mlp"].make())
        file = defended(path / "digits.pt", path / "keyed.onnx", NoiseSource.KEYED)
        write_triton_repository(file, path / "models", backend="python", instances=2)
        (path / "server").mkdir()
        known = stable_rows(file, 64)
        with triton_server(path / "models", path / "server") as server:
            load(server, "keyed", known, clients=options.clients, seconds=SETTLING_SECONDS, kill=False)
            done = load(server, "keyed", known, clients=options.clients, seconds=options.seconds, kill=options.kill)
            report(done)
            print(f"at the end: {len(server.stubs('keyed'))} instances, the server "
                  f"{'has ended' if server.process.poll() is not None else 'runs'}")  # fmt: skip


def report(done: Load) -> None:
    """Print the result of a load."""
    answers = [rows for client in done.clients for rows in client.rows]
    print(f"{done.seconds:.0f} s, {len(done.clients)} clients, two instances")
    print(f"{len(answers):,} answers to {sum(answers):,} rows: {len(answers) / done.seconds:,.0f} requests/s")
    print(f"{sum(client.wrong for client in done.clients)} answers that did not match the client's own rows")
    print(f"{len(done.failures)} requests failed")
    for message, count in Counter(message for _, message in done.failures).items():
        print(f"  {count} x {message}")
    if done.killed is not None:
        after = [seconds - done.killed.at for seconds, _ in done.failures]
        print(f"an instance was killed after {done.killed.at:.1f} s; back after: {done.killed.back_after}")
        print(f"failures from {min(after):.1f} to {max(after):.1f} s after that")
    start, *_, end = done.memory
    memory = {"at the start": start, "at the end": end, "at most": max(done.memory)}
    sizes = ", ".join(f"{size / MEGABYTE:.0f} MB {when}" for when, size in memory.items())
    print(f"resident memory of the server and its instances: {sizes}")


if __name__ == "__main__":
    main()
