"""Where jobs run: in processes on this machine, or on a cluster of Ray or Dask, all through joblib."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

from dynanoise_export.errors import EndpointError, MissingPackageError, first_line
from dynanoise_export.runtimes.clean_path import clean_path


class JobBackend(StrEnum):
    """What runs the jobs."""

    LOKY = "loky"
    RAY = "ray"
    DASK = "dask"


@contextmanager
def workers_on(backend: JobBackend, workers: int) -> Iterator[None]:
    """Within the block, joblib's `Parallel` runs its calls on this number of workers of a backend.

    Ray and Dask use the cluster that `RAY_ADDRESS` or `DASK_SCHEDULER_ADDRESS` names; without such an address, they
    start a cluster on this machine.

    Raises:
        MissingPackageError: the backend is not installed.
        EndpointError: its cluster can't be started or reached.
    """
    import joblib

    with clean_path(), ExitStack() as cluster:
        try:
            cluster.enter_context(_START[backend](workers))
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                f"--backend {backend} needs the package {error.name}: pip install 'dynanoise-export[{backend}]'."
            ) from error
        except Exception as error:  # of a cluster that the environment names
            raise EndpointError(f"The cluster of --backend {backend} can't be used: {first_line(error)}.") from error
        with joblib.parallel_config(backend=str(backend), n_jobs=workers):
            yield


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


_START = {JobBackend.LOKY: _loky, JobBackend.RAY: _ray, JobBackend.DASK: _dask}
