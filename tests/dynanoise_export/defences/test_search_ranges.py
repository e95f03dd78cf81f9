"""Where `tune` looks for parameters: within what each defence takes."""

from itertools import product

import pytest

from dynanoise_export.defences.catalogue import DEFENCES
from support.fitted_defences import FITTED, fitted

CLASSES = 5


@pytest.mark.parametrize("name", DEFENCES.names())
def test_every_corner_of_the_ranges_is_a_setting(name):
    kind = DEFENCES.get(name)
    ranges = kind.search_ranges(CLASSES)
    tensors = fitted(name, CLASSES).tensors if name in FITTED else {}
    for corner in product(*((where.low, where.high) for where in ranges.values())):
        values = dict(zip(ranges, corner, strict=True))
        made = kind.from_parameters(values, tensors)
        assert {parameter: made.parameters[parameter] for parameter in values} == values
        made.attributes(CLASSES)
