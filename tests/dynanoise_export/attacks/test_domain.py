from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.domain import Domain, find_domain, image_axes, require_rows_in
from dynanoise_export.errors import UsageError

TABLE = np.float32([[0.5, 3], [1, 0]])
BITS = np.float32([[0, 1], [1, 1]])
IDS = np.int64([[5, 3], [1, 0]])


@pytest.mark.parametrize(
    ("inputs", "domain"),
    [
        ({"x": TABLE}, Domain.BOX),
        ({"x": BITS}, Domain.BINARY),
        ({"x": BITS, "other": TABLE}, Domain.BOX),
        ({"ids": IDS, "mask": IDS}, Domain.TOKENS),
        ({"x": np.zeros((2, 3, 8, 8), np.float32)}, Domain.IMAGE),
        ({"x": np.zeros((2, 28, 28, 1), np.float32)}, Domain.IMAGE),
        ({"x": np.zeros((2, 3, 4, 4), np.float32)}, Domain.BINARY),
    ],
)
def test_the_domain_is_found_from_the_rows(inputs, domain):
    assert find_domain(inputs) is domain


def test_images_have_their_channels_first_or_last():
    images = {"a": np.zeros((1, 3, 8, 9), np.float32), "b": np.zeros((1, 8, 9, 1), np.float32), "c": TABLE}
    assert image_axes(images) == {"a": (2, 3), "b": (1, 2)}


def test_a_box_holds_bits_and_images_and_any_holds_all():
    assert all(Domain.ANY.holds(domain) for domain in Domain)
    assert [domain for domain in Domain if Domain.BOX.holds(domain)] == [Domain.BOX, Domain.BINARY, Domain.IMAGE]
    for narrow in (Domain.BINARY, Domain.IMAGE, Domain.TOKENS):
        assert [domain for domain in Domain if narrow.holds(domain)] == [narrow]


def fits(domain, inputs):
    try:
        require_rows_in(domain, inputs, Path("rows.npz"))
    except UsageError:
        return False
    return True


@pytest.mark.parametrize(
    ("inputs", "fitting"),
    [
        ({"x": TABLE}, {Domain.ANY, Domain.BOX}),
        ({"x": BITS}, {Domain.ANY, Domain.BOX, Domain.BINARY}),
        ({"x": np.zeros((2, 3, 8, 8), np.float32)}, {Domain.ANY, Domain.BOX, Domain.IMAGE}),
        ({"ids": IDS}, {Domain.ANY, Domain.TOKENS}),
    ],
)
def test_attackers_keep_to_a_domain_that_holds_the_rows(inputs, fitting):
    assert {domain for domain in Domain if fits(domain, inputs)} == fitting


def test_the_refusal_names_the_rows_and_the_domains_that_fit():
    with pytest.raises(UsageError, match=r"rows\.npz.* box: choose any or box"):
        require_rows_in(Domain.IMAGE, {"x": TABLE}, Path("rows.npz"))
