import pytest

from dynanoise_export.attacks.scenario import known_defence, open_scenario
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import open_deployed
from support.audits import make_audit

OWN, GIVEN = DynaNoise(0.5, 2.0, 8.0), Temperature(3.0)


@pytest.fixture(scope="module")
def plain_labels(tmp_path_factory):
    """Give the files of an audit whose defence may change labels."""
    return make_audit(tmp_path_factory.mktemp("scenario") / "noisy", rows=40, defence=OWN)


@pytest.fixture(scope="module")
def kept_labels(tmp_path_factory):
    """Give the files of an audit whose defence keeps labels."""
    return make_audit(tmp_path_factory.mktemp("scenario") / "kept", rows=40, defence=KeptLabel(OWN))


def test_the_attacker_knows_the_models_own_defence_unless_another_is_given(plain_labels):
    model = open_deployed(plain_labels.defended)
    assert known_defence(model, None) == OWN
    assert known_defence(model, GIVEN) == GIVEN


def test_kept_labels_that_the_graph_shows_are_known_whatever_defence_is_given(kept_labels):
    model = open_deployed(kept_labels.defended)
    assert known_defence(model, None) == KeptLabel(OWN)
    assert known_defence(model, GIVEN) == KeptLabel(GIVEN)


def test_an_undefended_model_has_only_a_given_defence(plain_labels):
    model = open_deployed(plain_labels.plain)
    assert known_defence(model, None) is None
    assert known_defence(model, KeptLabel(GIVEN)) == KeptLabel(GIVEN)


def test_what_is_not_given_is_not_opened(plain_labels):
    model = open_deployed(plain_labels.defended)
    alone = open_scenario(model, plain_labels.bundle)
    assert alone.source is alone.store is None
    made = open_scenario(model, plain_labels.bundle, reference=plain_labels.plain, shadows=plain_labels.store)
    assert made.source.path == plain_labels.plain
    assert made.store.path == plain_labels.store
