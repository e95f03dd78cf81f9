"""TensorRT-RTX builds a plan of every defence of the catalogue."""

import pytest

from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.noise.source import NoiseSource
from support.every_defence import WITHOUT_TENSORS, named
from support.fitted_defences import FITTED, fitted
from support.plans import CLASSES, compiled, write_defended


@pytest.mark.parametrize("defence", [*WITHOUT_TENSORS, *(fitted(name, CLASSES) for name in FITTED)], ids=named)
def test_a_plan_is_built(defence, tmp_path):
    noise = NoiseSource.KEYED if defence.takes_noise else None
    made = compiled(write_defended(tmp_path, noise, defence=defence))
    assert made.path.stat().st_size


def test_no_defence_is_missing_here():
    assert {*map(named, WITHOUT_TENSORS), *FITTED} == set(DEFENCES.names())
