from dataclasses import replace

import pytest

from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.runtimes.tensorrt.build import Build

BUILD = Build(TensorRTBackend.TENSORRT, "10.9.0.34", ("8.6",), False, "NONE", "0" * 64)


@pytest.mark.parametrize("version", ["10.9.0.35", "10.10.0.1", "10.8.0.1", "11.0.0.1", "10.9.0", "", "x"])
def test_a_plan_runs_in_its_own_version(version):
    assert BUILD.runs_in("10.9.0.34")
    assert not BUILD.runs_in(version)


def test_a_version_compatible_plan_runs_in_later_versions_of_the_same_major_number():
    build = replace(BUILD, version_compatible=True)
    runs = ("10.9.0.34", "10.9.0.35", "10.10.0.1", "10.10")
    assert [build.runs_in(version) for version in runs] == [True] * 4
    assert not any(build.runs_in(version) for version in ("10.9.0.33", "10.8.9.9", "9.10.0.1", "11.0.0.1", "", "x"))


@pytest.mark.parametrize(("level", "others"), [("NONE", False), ("AMPERE_PLUS", True)])
def test_a_plan_runs_on_its_own_gpus_and_on_those_that_its_level_adds(level, others):
    build = replace(BUILD, hardware_compatibility=level)
    assert build.runs_on("8.6")
    assert [build.runs_on(gpu) for gpu in ("8.0", "8.9", "9.0", "12.0")] == [others] * 4
    assert not build.runs_on("7.5")


def test_a_plan_of_tensorrt_rtx_runs_on_the_gpus_that_it_names_itself():
    build = replace(BUILD, backend=TensorRTBackend.RTX, hardware_compatibility="AMPERE_PLUS")
    # "Supported compute capabilities: 8.0 8.6 8.9 12.0 12.1 >12.0", as release 1.7.1 says on a GPU of 9.0.
    assert all(build.runs_on(gpu) for gpu in ("8.0", "8.6", "8.9", "12.0", "12.1", "13.0"))
    assert not any(build.runs_on(gpu) for gpu in ("7.5", "8.7", "9.0", "10.0", "11.0"))
    assert build.gpus() == "compute capability 8.0, 8.6, 8.9, 12.0 and later"
