"""The fuzzing sees every kind of fault, and the same number makes the same input."""

import pytest

from fuzz.targets import make_input
from fuzz.toys import INPUTS, TOYS

FAULTS = {
    "opens": None, "refuses": None, "raises": "KeyError in", "dies": "died with -6", "hangs": "took too long",
    "swells": "took too much memory", "strays": "wrote elsewhere", "strays_far": "wrote elsewhere",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(fuzzed):
    return fuzzed(TOYS, module="fuzz.toys")


@pytest.mark.parametrize("name", TOYS)
def test_each_fault_is_found(found, name):
    fault = FAULTS[name]
    details = [finding["detail"] for finding in found[name]["findings"]]
    assert found[name]["inputs"] == INPUTS
    assert len(details) == (INPUTS if fault else 0)
    assert all(detail.startswith(str(fault)) for detail in details)


@pytest.mark.parametrize("name", ["manifest", "example", "key"])
def test_the_same_number_makes_the_same_input(tmp_path, name):
    suffix = {"manifest": "x.json", "example": "x.npz", "key": "key"}[name]
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / suffix).write_bytes(b'{"a": [1, 2, {"b": "c"}]}')
    made = [make_input(name, tmp_path, number) for number in range(50)]
    assert made == [make_input(name, tmp_path, number) for number in range(50)]
    assert len({str(files) for files in made}) > 20
