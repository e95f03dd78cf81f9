import pytest

from dynanoise_export.deployment.tensorrt.seeds import constant_seeds
from dynanoise_export.noise.source import NoiseSource
from support.plans import compiled, write_defended

SOURCE = b"\0{\n  __random_init_impl<false>(14514284786278117030, __v1, 8192, 1);\n}\0"


def test_seeds_are_read_from_the_source_of_the_kernels():
    other = SOURCE.replace(b"14514284786278117030", b"7")
    assert constant_seeds(b"\1" + SOURCE + other + SOURCE, draws=True) == (7, 14514284786278117030)


@pytest.mark.parametrize("text", [b"", b"__random_init_impl<false>(__v3, __v1, 8192, 1)", SOURCE[:30]])
def test_a_text_without_seeds_proves_nothing(text):
    assert constant_seeds(text, draws=True) is None
    assert constant_seeds(text, draws=False) == ()


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", NoiseSource)
def test_only_a_real_plan_of_random_noise_starts_from_a_constant(tmp_path, noise, inline):
    seeds = compiled(write_defended(tmp_path, noise, inline=inline)).manifest.constant_seeds
    assert seeds is not None
    assert len(seeds) == (1 if noise is NoiseSource.RANDOM else 0)


def test_the_seed_is_the_same_in_every_plan(tmp_path):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    first, second = (compiled(path, tmp_path / name) for name in ("a.plan", "b.plan"))
    assert first.manifest.constant_seeds == second.manifest.constant_seeds
