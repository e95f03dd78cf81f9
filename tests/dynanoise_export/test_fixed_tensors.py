"""Tensors as a file states them: packed and unpacked, equal by what they hold, refused if damaged."""

import base64
import struct

import numpy as np
import pytest

from dynanoise_export.errors import FormatError
from dynanoise_export.fixed_tensors import FixedTensor, PackedTensor, packed_tensors, unpacked_tensors
from dynanoise_export.records import record_of


def packed(shape, data):
    return PackedTensor(shape=shape, float32=base64.b64encode(data).decode())


def test_a_tensor_is_packed_as_little_endian_float32():
    found = FixedTensor.of([[1.0, -2.5]]).packed()
    assert found == {"shape": [1, 2], "float32": base64.b64encode(struct.pack("<2f", 1, -2.5)).decode()}


@pytest.mark.parametrize("array", [np.float32(3), np.zeros((0, 4)), np.arange(12).reshape(2, 3, 2), np.ones((2, 3)).T])
def test_what_is_packed_comes_back(array):
    tensor = FixedTensor.of(array)
    record = record_of(PackedTensor, tensor.packed(), "A tensor")
    assert FixedTensor.from_packed(record, "It") == tensor
    np.testing.assert_array_equal(tensor.array, np.asarray(array, np.float32))
    assert unpacked_tensors({"a": record}, "It") == {"a": tensor}
    assert packed_tensors({"a": tensor}) == {"a": tensor.packed()}


def test_it_is_a_copy_that_can_t_be_written_to_and_compares_by_what_it_holds():
    array = np.ones(3, np.float32)
    tensor = FixedTensor.of(array)
    array[0] = 2
    np.testing.assert_array_equal(tensor.array, 1)
    with pytest.raises(ValueError, match="read-only"):
        tensor.array[0] = 2
    assert tensor == FixedTensor.of(np.ones(3))
    assert hash(tensor) == hash(FixedTensor.of(np.ones(3)))
    assert tensor != FixedTensor.of(np.ones((3, 1)))


@pytest.mark.parametrize(
    "tensor",
    [
        PackedTensor(shape=(1,), float32="?"),
        PackedTensor(shape=(1,), float32="AAAAAA"),
        PackedTensor(shape=(1,), float32="é"),
        packed((2,), struct.pack("<f", 1)),
        packed((), b""),
        packed((1,), struct.pack("<d", 1)),
        packed((4_000_000, 4_000_000), struct.pack("<f", 1)),
        packed((1,), struct.pack("<f", float("nan"))),
        packed((1,), struct.pack("<f", float("inf"))),
    ],
)
def test_a_damaged_tensor_is_refused(tensor):
    with pytest.raises(FormatError):
        FixedTensor.from_packed(tensor, "It")


@pytest.mark.parametrize("shape", [[-1], [1 << 40], [1] * 9, ["1"], 3, None])
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises(FormatError):
        record_of(PackedTensor, {"shape": shape, "float32": ""}, "A tensor")
