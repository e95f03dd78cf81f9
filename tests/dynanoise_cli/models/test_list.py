import json

from dynanoise_models.targets import TARGETS
from dynanoise_models.training.settings import DefenceName
from dynanoise_models.training_defences.training_catalogue import make_training_defence


def test_the_table_has_a_row_for_every_target(models_program):
    written = models_program("list").out
    for name, target in TARGETS.items():
        row = next(line for line in written.splitlines() if line.strip().startswith(f"{name} "))
        assert target.expected in row
        assert f" {target.settings.epochs} " in row


def test_the_numbers_of_weights_are_those_of_the_literature(models_program):
    document = json.loads(models_program("list", "--json", "-").out)
    assert document["schema"] == "dynanoise-models/list/2"
    weights = {target["name"]: target["parameters"] for target in document["targets"]}
    # He et al. 2015, table 6: 0.27 M. AlexNet with 1,000 classes has 61.1 M: 4,096 weights and a bias for each class.
    assert round(weights["resnet20-cifar10"] / 1e6, 2) == 0.27
    assert weights["alexnet224-cifar10"] == 61_100_840 - 990 * 4097
    assert weights["minilm-sst2"] == 22_713_216 + 2 * 385  # of the encoder with its pooler, and two classes
    assert round(weights["distilbert-sst2"] / 1e6) == 67


def test_each_defence_at_training_time_is_listed_with_the_defaults_of_its_parameters(models_program):
    document = json.loads(models_program("list", "--json", "-").out)
    parameters = {defence["name"]: defence["parameters"] for defence in document["defences"]}
    assert parameters.keys() == set(DefenceName)
    for name, defaults in parameters.items():
        assert make_training_defence(DefenceName(name), defaults) == make_training_defence(DefenceName(name), {})
    assert parameters["hamp"] == {"gamma": 0.95, "alpha": 0.001}
    assert parameters["advreg"] == {"lambda": 3, "steps": 1}
    written = models_program("list").out
    for defence in document["defences"]:
        row = next(line for line in written.splitlines() if line.strip().startswith(f"{defence['name']} "))
        assert all(f"{name}={value:g}" in row for name, value in defence["parameters"].items())
