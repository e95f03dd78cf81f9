"""What all defences at training time share."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dynanoise_export.errors import UsageError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import train_target
from dynanoise_models.training import loop
from dynanoise_models.training.resuming import State
from dynanoise_models.training.settings import DefenceName
from dynanoise_models.training.stack import Stack
from dynanoise_models.training_defences.training_catalogue import make_training_defence, training_defence_class
from support.training_defences import training_on_images, training_on_table

WITH_REFERENCE = ("advreg", "early-stopping", "mixup-mmd")
# What it takes to train targets with a one-cycle schedule.
PARAMETERS = {"early-stopping": {"learning_rate": 0.05}}
OF_ONE_LOSS = ("none", "label-smoothing", "relaxloss", "hamp", "dropout", *WITH_REFERENCE)


def make(name, **parameters):
    return make_training_defence(DefenceName(name), parameters)


@pytest.mark.parametrize("name", DefenceName)
def test_each_defence_has_its_name(name):
    assert training_defence_class(name).name == name


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("label-smoothing", {"smoothing": 1.1}),
        ("relaxloss", {"alpha": -0.1}),
        ("relaxloss", {"alpha": float("nan")}),
        ("hamp", {"gamma": 1}),
        ("hamp", {"alpha": -1}),
        ("advreg", {"lambda": -1}),
        ("advreg", {"steps": 0}),
        ("advreg", {"steps": 1.5}),
        ("advreg", {"lambda_": 1}),
        ("early-stopping", {"patience": 0}),
        ("dropout", {"rate": 1}),
        ("dropout", {"l2": -1}),
        ("mixup-mmd", {"alpha": 0}),
        ("mixup-mmd", {"mu": -1}),
        ("selena", {"submodels": 1}),
        ("selena", {"left_out": 25}),
        ("selena", {"left_out": 2.5}),
        ("dpsgd", {"epsilon": 0}),
        ("dpsgd", {"delta": 1}),
        ("dpsgd", {"max_grad_norm": 0}),
        ("dpsgd", {"batch": 1.5}),
        ("optimal-noise", {"tau": 1.1}),
        ("optimal-noise", {"epsilon": -1}),
        ("none", {"alpha": 1}),
    ],
)
def test_parameters_out_of_bounds_are_refused(name, parameters):
    with pytest.raises(UsageError):
        make(name, **parameters)


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_a_defence_that_needs_reference_rows_says_so(name):
    training = replace(training_on_table(), reference=np.zeros((1, 0), np.int64))
    with pytest.raises(UsageError, match="auxiliary"):
        make(name).fit(training)


@pytest.mark.parametrize("name", OF_ONE_LOSS)
def test_an_interrupted_training_goes_on_bit_for_bit(name, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVING", 1)
    whole = make(name, **PARAMETERS.get(name, {})).fit(training_on_images())

    steps = []
    state = State(tmp_path / "state", "this training")
    early = make(name, **PARAMETERS.get(name, {})).fit(
        training_on_images(state, lambda: steps.append(0) or len(steps) == 14)
    )
    assert early.epochs == 3.5
    again = make(name, **PARAMETERS.get(name, {})).fit(training_on_images(state))
    assert (again.epochs, again.facts) == (whole.epochs, whole.facts)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key


@pytest.mark.parametrize("name", ["label-smoothing", "relaxloss", "hamp"])
def test_models_learn_in_a_stack_what_they_learn_alone(name):
    one = training_on_table(epochs=6, batch=10)
    task = replace(one.task, indices=np.stack([np.arange(50), np.arange(30, 80)]), seeds=[3, 8])
    together = make(name).fit(replace(one, task=task)).model
    assert isinstance(together, Stack)
    for model, weights in enumerate(together.weights()):
        alone = replace(task, indices=task.indices[model][None], seeds=task.seeds[model : model + 1])
        fitted = make(name).fit(replace(one, task=alone)).model
        torch.testing.assert_close(weights["weight"], fitted.weight.detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [*OF_ONE_LOSS, "selena", "optimal-noise"])
def test_a_target_with_it_has_the_plain_targets_weights_by_name(name, tmp_path):
    options = ExperimentOptions(rows=200, epochs=4, defence=DefenceName(name))
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["state_dict"].keys() == TARGETS["digits-mlp"].make().state_dict().keys()
    assert content["training"]["settings"]["defence"] == name
    assert trained.complete
    assert trained.accuracy["member"] > 0.2  # a tenth would be chance
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", "rows.npz"}


def test_what_a_defence_finds_out_is_in_the_checkpoint(tmp_path):
    options = ExperimentOptions(rows=200, epochs=1, defence=DefenceName.DPSGD)
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["training"]["facts"] == trained.facts
    assert 7.9 < trained.facts["epsilon"] <= 8


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("relaxloss", {"alpha": 1.5}), ("advreg", {"lambda": 1}), ("selena", {"submodels": 3, "left_out": 1})],
)
def test_shadow_models_are_trained_with_it_too(name, parameters, tmp_path):
    options = ExperimentOptions(rows=200, epochs=2, defence=DefenceName(name), defence_parameters=parameters)
    make_shadows("digits-mlp", tmp_path / "store", 2, options=options, keep=False, workers=1)
    made = load_shadow_store(tmp_path / "store")
    assert np.isfinite(made.logits).all()
    assert made.logits.shape == (2, 200, 10)


@pytest.mark.parametrize("name", ["advreg", "relaxloss", "hamp", "early-stopping", "dropout"])
def test_text_with_several_inputs_is_learnt_with_it(name, folder, encoder, tmp_path):
    options = ExperimentOptions(
        rows=60, epochs=1, defence=DefenceName(name), data_dir=folder, start_from=str(encoder),
        defence_parameters=PARAMETERS.get(name, {}),
    )  # fmt: skip
    trained = train_target("distilbert-sst2", tmp_path / "model.pt", tmp_path / "rows", options=options)
    assert trained.complete
