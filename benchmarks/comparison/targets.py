"""The comparisons: which trainings and heads, for each target."""

from collections.abc import Mapping

from benchmarks.comparison.cases import NO_DEFENCE, Case, Comparison, Head, Training
from benchmarks.comparison.heads import PLAIN, guarded, noisy, simple
from dynanoise_models.training.settings import DefenceName


def _named(*trainings: Training) -> Mapping[str, Training]:
    return {training.name: training for training in trainings}


def _cases(
    trainings: Mapping[str, Training], heads: Mapping[str, Head], compositions: tuple[Case, ...]
) -> tuple[Case, ...]:
    """List each training without a head, each head on the undefended training, and compositions."""
    plain = tuple((training, PLAIN) for training in trainings)
    return (*plain, *((NO_DEFENCE, head) for head in heads.values()), *compositions)


LOCATION = _named(
    Training(NO_DEFENCE, shadows=64),
    Training("5-epochs", epochs=5),
    Training("early-stopping", DefenceName.EARLY_STOPPING),
    Training("relaxloss", DefenceName.RELAXLOSS, {"alpha": 1.5}),
    Training("hamp", DefenceName.HAMP, {"gamma": 0.5}),
    Training("hamp-4-epochs", DefenceName.HAMP, {"gamma": 0.5}, epochs=4),
    Training("dropout-10-epochs", DefenceName.DROPOUT, epochs=10),
    Training("mixup-mmd-8-epochs", DefenceName.MIXUP_MMD, epochs=8, shadows=16),
    Training("advreg", DefenceName.ADVREG, shadows=16),
    Training("label-smoothing", DefenceName.LABEL_SMOOTHING),
    Training("dpsgd", DefenceName.DPSGD, {"batch": 128, "learning_rate": 0.003}, shadows=16),
    Training("optimal-noise", DefenceName.OPTIMAL_NOISE, shadows=16),
    Training("selena", DefenceName.SELENA, shadows=16),
)
LOCATION_HEADS = {**simple(confidence=0.57), **noisy(sigma0=4, temperature=6)}
KEPT = LOCATION_HEADS["dynanoise-kept"]
LOCATION_COMPOSITIONS: tuple[Case, ...] = (
    (NO_DEFENCE, guarded(PLAIN, "binary")),
    (NO_DEFENCE, guarded(KEPT, "binary")),
    (NO_DEFENCE, guarded(LOCATION_HEADS["label-only"], "binary-sphere")),
    ("hamp", LOCATION_HEADS["hamp-output"]),
    ("early-stopping", guarded(LOCATION_HEADS["label-only"], "binary")),
    ("selena", guarded(PLAIN, "binary")),
    ("selena", guarded(KEPT, "binary")),
    ("selena", guarded(LOCATION_HEADS["label-only"], "binary")),
    ("selena", guarded(LOCATION_HEADS["label-only"], "binary-sphere")),
    ("selena", guarded(LOCATION_HEADS["label-only"], "binary-sphere", flips=0.03)),
    ("selena", guarded(LOCATION_HEADS["label-only"], "binary-sphere", flips=0.03, copies=17)),
)

DIGITS = _named(
    Training(NO_DEFENCE),
    Training("early-stopping", DefenceName.EARLY_STOPPING),
    Training("relaxloss", DefenceName.RELAXLOSS, {"alpha": 0.2}),
    Training("hamp", DefenceName.HAMP),
    Training("dropout", DefenceName.DROPOUT),
    Training("mixup-mmd", DefenceName.MIXUP_MMD),
    Training("advreg", DefenceName.ADVREG),
    Training("label-smoothing", DefenceName.LABEL_SMOOTHING),
    Training("dpsgd", DefenceName.DPSGD),
    Training("optimal-noise", DefenceName.OPTIMAL_NOISE),
    Training("selena", DefenceName.SELENA),
)
DIGITS_HEADS = {**simple(confidence=0.97), **noisy(sigma0=4, temperature=6)}
DIGITS_COMPOSITIONS: tuple[Case, ...] = (
    ("hamp", DIGITS_HEADS["hamp-output"]),
    ("selena", guarded(DIGITS_HEADS["dynanoise-kept"], "image")),
)

ALEXNET = _named(
    Training(NO_DEFENCE, shadows=6),
    # In place of early stopping, which a one-cycle schedule rules out.
    Training("9-epochs", epochs=9),
    Training("relaxloss", DefenceName.RELAXLOSS),
    Training("hamp", DefenceName.HAMP),
    Training("dpsgd", DefenceName.DPSGD, {"batch": 2048, "learning_rate": 1}),
    Training("selena-10", DefenceName.SELENA, {"submodels": 10, "left_out": 4}),
)
# To save time: on Location30 these show nothing that the others do not.
ALEXNET_LEFT_OUT = ("top-k", "rounding", "memguard-limit", "dynanoise-spread", "neighborhood-blending")
ALEXNET_ALL = {**simple(confidence=0.65), **noisy(sigma0=2, temperature=2)}
ALEXNET_HEADS = {name: head for name, head in ALEXNET_ALL.items() if name not in ALEXNET_LEFT_OUT}
# None of SELENA with ten sub-models or of HAMP: the trainings alone cost more accuracy than a composition may.
ALEXNET_COMPOSITIONS: tuple[Case, ...] = (
    (NO_DEFENCE, guarded(ALEXNET_HEADS["dynanoise-kept"], "image")),
    ("9-epochs", guarded(ALEXNET_HEADS["dynanoise-kept"], "image")),
    ("9-epochs", guarded(ALEXNET_HEADS["label-only"], "image")),
)

SST2 = _named(Training(NO_DEFENCE, epochs=2))
# Two classes leave nothing to hide behind the first three, and texts have no rows to blend.
SST2_LEFT_OUT = ("top-k", "neighborhood-blending")
SST2_ALL = {**simple(confidence=0.85), **noisy(sigma0=2, temperature=2)}
SST2_HEADS = {name: head for name, head in SST2_ALL.items() if name not in SST2_LEFT_OUT}

COMPARISONS: Mapping[str, Comparison] = {
    comparison.target: comparison
    for comparison in (
        Comparison(
            "mlp-location30", 32, LOCATION, _cases(LOCATION, LOCATION_HEADS, LOCATION_COMPOSITIONS), sample=1500
        ),
        Comparison("digits-mlp", 32, DIGITS, _cases(DIGITS, DIGITS_HEADS, DIGITS_COMPOSITIONS)),
        Comparison(
            "alexnet-cifar10", 4, ALEXNET, _cases(ALEXNET, ALEXNET_HEADS, ALEXNET_COMPOSITIONS), rows=20_000,
            sample=500, remember=True,
        ),
        Comparison("minilm-sst2", 8, SST2, _cases(SST2, SST2_HEADS, ()), rows=2_000, sample=300, remember=True),
    )
}  # fmt: skip
