import importlib.metadata
import sys

import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.registry import Registry

GROUP = "dynanoise_export.things"
BUILT_IN = {"first": "math:pi", "second": "decimal:Decimal"}


@pytest.fixture
def registry():
    return Registry("thing", GROUP, BUILT_IN)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that other distributions have these entry points: name to "module:attribute"."""

    def install(**entries):
        found = [importlib.metadata.EntryPoint(name, value, GROUP) for name, value in entries.items()]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found if group == GROUP else [])

    return install


def test_a_built_in_object_is_found_by_its_name(registry):
    import math

    assert registry.get("first") == math.pi
    assert registry.names() == ["first", "second"]


def test_nothing_is_imported_before_it_is_asked_for(registry, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    registry = Registry("thing", GROUP, {"colours": "colorsys:rgb_to_hsv", **BUILT_IN})
    registry.names()
    registry.get("first")
    assert "colorsys" not in sys.modules
    registry.get("colours")
    assert "colorsys" in sys.modules


def test_an_entry_point_of_another_distribution_is_found(registry, installed):
    installed(third="fractions:Fraction")
    assert registry.names() == ["first", "second", "third"]
    assert registry.get("third").__name__ == "Fraction"
    assert dict(registry.all()).keys() == {"first", "second", "third"}


def test_an_entry_point_does_not_replace_a_built_in_object(registry, installed):
    installed(first="fractions:Fraction")
    assert registry.get("first") == pytest.approx(3.14159, abs=1e-5)
    assert registry.names() == ["first", "second"]


@pytest.mark.parametrize("value", ["no_such_module:thing", "math:no_such_attribute"])
def test_a_distribution_that_can_not_be_loaded_is_named(registry, installed, value):
    installed(third=value)
    with pytest.raises(UsageError, match=rf"third.*{value}"):
        registry.get("third")


def test_a_registered_object_is_there_until_the_block_ends(registry):
    with registry.registered("mine", 7):
        assert registry.get("mine") == 7
        assert registry.names() == ["first", "second", "mine"]
        with registry.registered("mine", 8):
            assert registry.get("mine") == 8
        assert registry.get("mine") == 7
    assert registry.names() == ["first", "second"]
    with pytest.raises(UsageError):
        registry.get("mine")


def test_a_registered_object_takes_the_place_of_a_built_in_one(registry):
    pi = registry.get("first")
    with registry.registered("first", 3):
        assert registry.get("first") == 3
        assert registry.names() == ["first", "second"]
    assert registry.get("first") == pi


def test_the_registration_ends_with_an_error_too(registry):
    with pytest.raises(ZeroDivisionError), registry.registered("mine", 7):
        raise ZeroDivisionError
    assert "mine" not in registry.names()


def test_an_unknown_name_is_refused_with_the_known_names(registry, installed):
    installed(third="fractions:Fraction")
    with pytest.raises(UsageError, match=r"thing 'fourth'.*first, second, third"):
        registry.get("fourth")
