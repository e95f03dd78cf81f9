import pytest

from dynanoise_export.deployment.tensorrt.profiles import parse_profile, profiles_of
from dynanoise_export.errors import UsageError
from dynanoise_export.types import TensorSpec

IMAGE = TensorSpec("x", "float32", ("batch", 3, 32, 32))
NOISE = TensorSpec("noise", "float32", ("n", 10))
IDS, MASK = (TensorSpec(name, "int64", ("batch", "sequence")) for name in ("ids", "mask"))


def test_a_profile_is_read():
    assert parse_profile("x:1x3:2x3:8x3") == ("x", ((1, 3), (2, 3), (8, 3)))
    assert parse_profile("scope/x:0:1:1:1") == ("scope/x:0", ((1,), (1,), (1,)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "x:1:2", ":1:2:3", "x:1x:2:3", "x:a:2:3", "x:1,3:1,3:1,3", "x:-1:1:1", "x:1.5:2:3", "x:1: 2:3"),
        *("x:1:2:", "x:0:1:1", "x:2:1:3", "x:1:3:2", "x:1x4:1x3:1x5", "x:1:2x2:3", "x:1:1:99999999999", "x:１:２:３"),
    ],
)
def test_another_form_is_refused_in_one_sentence(text):
    with pytest.raises(UsageError, match=r"^--profile .*\.?$") as refused:
        parse_profile(text)
    assert len(str(refused.value).splitlines()) == 1


def test_fixed_axes_stay_and_the_batch_is_dynamic():
    assert profiles_of([IMAGE]) == {"x": ((1, 3, 32, 32), (8, 3, 32, 32), (256, 3, 32, 32))}


def test_lengths_have_their_own_defaults():
    assert profiles_of([IDS, MASK]) == dict.fromkeys(("ids", "mask"), ((1, 1), (8, 128), (256, 512)))


def test_a_file_without_dynamic_axes_has_one_shape():
    spec = TensorSpec("x", "float32", (4, 3))
    assert profiles_of([spec]) == {"x": ((4, 3),) * 3}
    assert profiles_of([TensorSpec("x", "float32", ())]) == {"x": ((), (), ())}


def test_sizes_given_for_an_axis_apply_to_every_axis_of_its_name():
    given = ["ids:1x4:16x64:32x64"]
    assert profiles_of([IDS, MASK], given) == dict.fromkeys(("ids", "mask"), ((1, 4), (16, 64), (32, 64)))


def test_the_noise_has_the_batch_of_the_other_inputs_whatever_its_axis_is_called():
    assert profiles_of([IMAGE, NOISE], ["x:2x3x32x32:4x3x32x32:4x3x32x32"])["noise"] == ((2, 10), (4, 10), (4, 10))
    assert profiles_of([IMAGE, NOISE], ["noise:2x10:4x10:4x10"])["x"][0] == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["y:1x1:1x1:1x1"], "ids, mask"),
        (["ids:1:1:1"], "ids:batch,sequence:int64"),
        (["ids:1x1x1:1x1x1:1x1x1"], "ids:batch,sequence:int64"),
        (["ids:1x1:2x8:4x8", "mask:1x1:2x9:4x9"], "'sequence'"),
        (["ids:1x1:2x8:4x8", "mask:1x1:1x8:4x8"], "'batch'"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(given, named):
    with pytest.raises(UsageError, match=f"^--profile {given[-1]} .*{named}"):
        profiles_of([IDS, MASK], given)


@pytest.mark.parametrize("shapes", ["1x3x31x32:1x3x31x32:1x3x31x32", "1x3x32x32:8x3x32x32:8x3x32x64"])
def test_a_fixed_axis_can_t_be_changed(shapes):
    with pytest.raises(UsageError, match="x:batch,3,32,32:float32"):
        profiles_of([IMAGE], [f"x:{shapes}"])


def test_the_user_gives_the_sizes_of_an_image():
    spec = TensorSpec("x", "float32", ("batch", 3, "height", "width"))
    with pytest.raises(UsageError, match="--profile NAME:MIN:OPT:MAX"):
        profiles_of([spec])
    assert profiles_of([spec], ["x:1x3x32x32:8x3x64x64:8x3x96x64"])["x"][2] == (8, 3, 96, 64)
