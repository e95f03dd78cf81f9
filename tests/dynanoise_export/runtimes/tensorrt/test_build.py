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
