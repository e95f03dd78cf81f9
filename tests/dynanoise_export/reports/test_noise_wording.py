from dataclasses import replace

import pytest

from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import weaknesses
from dynanoise_export.reports.noise_wording import noise_text
from support.benchmarks import STATED


def test_random_noise_names_where_it_is_weak_and_where_it_is_dead():
    text = noise_text(STATED)
    weak, dead = weaknesses(NoiseSource.RANDOM)
    assert weak
    assert dead
    before, _, after = text.partition("dead in")
    assert text.startswith("random (weak in ")
    assert "docs/noise.md" in text
    assert all(where.full_name in before for where in weak)
    assert all(where.full_name in after for where in dead)


def test_keyed_noise_gives_the_fingerprint_and_the_grids_of_the_key():
    keyed = replace(STATED, noise=NoiseSource.KEYED, key="0123456789abcdef", grids=(0.5, 2.0))
    assert noise_text(keyed) == "keyed (key 0123456789abcdef, grids 0.5, 2)"


@pytest.mark.parametrize(("noise", "text"), [(NoiseSource.INPUT, "input"), (None, "none")])
def test_other_noise_has_no_known_weakness(noise, text):
    assert noise_text(replace(STATED, noise=noise)).startswith(text)
    assert "docs/noise.md" not in noise_text(replace(STATED, noise=noise))
