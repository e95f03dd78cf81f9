"""Where jobs run: on this machine's processes, or on a cluster of Ray or Dask, all through joblib."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from dynanoise_export.errors import UserError


class Backend(StrEnum):
    """Who runs the jobs."""

    LOKY = "loky"
    RAY = "ray"
    DASK = "dask"


@contextmanager
def workers_of(backend: Backend, workers: int) -> Iterator[None]:
    """Let joblib's `Parallel` run its calls on this many workers of a backend.

    Ray and Dask take the cluster that `RAY_ADDRESS` or `DASK_SCHEDULER_ADDRESS` names, and start one on this machine
    where neither does.

    Raises:
        UserError: the backend is not installed.
    """
    import joblib

    try:
        with _STARTED[backend](workers), joblib.parallel_config(backend=str(backend), n_jobs=workers):
            yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"--backend {backend} needs the package {error.name}: pip install 'dynanoise-export[{backend}]'."
        ) from error


@contextmanager
def _loky(workers: int) -> Iterator[None]:
    yield


@contextmanager
def _ray(workers: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    if address := os.environ.get("RAY_ADDRESS"):
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
    else:
        ray.init(
            num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )  # fmt: skip
    try:
        register_ray()
        yield
    finally:
        ray.shutdown()


@contextmanager
def _dask(workers: int) -> Iterator[None]:
    from distributed import Client, LocalCluster

    if address := os.environ.get("DASK_SCHEDULER_ADDRESS"):
        with Client(address):
            yield
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster),
    ):
        yield


_STARTED = {Backend.LOKY: _loky, Backend.RAY: _ray, Backend.DASK: _dask}
