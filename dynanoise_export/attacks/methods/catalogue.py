"""All attacks, in the order of reports: from the simplest to the strongest."""

from dynanoise_export.attacks.methods import lira, rmia
from dynanoise_export.attacks.methods.confidence import CONFIDENCE
from dynanoise_export.attacks.methods.correctness import CORRECTNESS
from dynanoise_export.attacks.methods.entropy import ENTROPY
from dynanoise_export.attacks.methods.fixed_thresholds import FIXED_CONFIDENCE, FIXED_LOSS
from dynanoise_export.attacks.methods.label_lira import LABEL_LIRA
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.methods.modified_entropy import MODIFIED_ENTROPY, MODIFIED_ENTROPY_PER_CLASS
from dynanoise_export.attacks.methods.privacy_risk import PRIVACY_RISK
from dynanoise_export.attacks.methods.quantile import QUANTILE
from dynanoise_export.attacks.methods.shadow_regression import SHADOW_REGRESSION
from dynanoise_export.attacks.methods.three_subnets import THREE_SUBNETS

ATTACKS = (
    FIXED_CONFIDENCE,
    FIXED_LOSS,
    CORRECTNESS,
    CONFIDENCE,
    LOSS,
    ENTROPY,
    MODIFIED_ENTROPY,
    MODIFIED_ENTROPY_PER_CLASS,
    PRIVACY_RISK,
    QUANTILE,
    SHADOW_REGRESSION,
    THREE_SUBNETS,
    LABEL_LIRA,
    rmia.OFFLINE,
    rmia.ONLINE,
    lira.OFFLINE,
    lira.OFFLINE_FIXED,
    lira.ONLINE,
    lira.ONLINE_FIXED,
)
