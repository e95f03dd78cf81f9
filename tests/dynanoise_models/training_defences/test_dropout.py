import numpy as np
import onnx
import pytest
import torch
from torch import nn

from dynanoise_export import export
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.train_target import train_target
from dynanoise_models.training.settings import DefenceName
from dynanoise_models.training_defences.dropout import Dropout, add_dropout
from support.training_defences import training_on_images, training_on_table


def doubling():
    """Make two layers that hand their 1,000 inputs on, so that the dropped ones show."""
    model = nn.Sequential(nn.Linear(1000, 1000, bias=False), nn.Linear(1000, 1000, bias=False))
    for layer in model:
        nn.init.eye_(layer.weight)
    return model


def test_inputs_of_later_layers_are_dropped_and_the_others_scaled_up_in_training_alone():
    model, x = doubling(), torch.ones(8, 1000)
    handles = add_dropout(model, 0.25)
    answers = model(x)
    assert answers.unique().tolist() == pytest.approx([0, 1 / 0.75])
    # Five standard deviations of the share among 8,000.
    assert (answers == 0).float().mean().item() == pytest.approx(0.25, abs=0.025)
    torch.testing.assert_close(model.eval()(x), x)
    for handle in handles:
        handle.remove()
    torch.testing.assert_close(model.train()(x), x)


def test_the_only_layer_of_a_network_keeps_its_inputs_and_the_last_layer_of_a_convolutional_one_does_not():
    assert add_dropout(nn.Linear(4, 3), 0.5) == []
    assert len(add_dropout(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 3)), 0.5)) == 1


def test_nothing_of_it_is_left_in_the_trained_network():
    training = training_on_images(epochs=2)
    fitted = Dropout(rate=0.5).fit(training)
    assert fitted.model.state_dict().keys() == training.model().state_dict().keys()
    assert not any(module._forward_pre_hooks for module in fitted.model.modules())


def test_weights_decay_by_the_sum_of_both_settings():
    weights = training_on_table().model().weight.detach().clone()
    plain = Dropout(rate=0.5, l2=0).fit(training_on_table()).model.weight.detach()
    decayed = Dropout(rate=0.5, l2=0.02).fit(training_on_table(weight_decay=0.01)).model.weight.detach()
    # One step of SGD with the rate 0.5.
    np.testing.assert_allclose(plain - decayed, 0.5 * 0.03 * weights, atol=1e-6)


def test_the_exported_file_has_no_dropout(tmp_path):
    options = ExperimentOptions(rows=200, epochs=1, defence=DefenceName.DROPOUT)
    train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    export(tmp_path / "model.pt", tmp_path / "defended.onnx")
    model = onnx.load(tmp_path / "defended.onnx")
    operators = [node.op_type for graph in (model.graph, *model.functions) for node in graph.node]
    assert operators.count("Gemm") + operators.count("MatMul") >= 3
    assert "Dropout" not in operators
