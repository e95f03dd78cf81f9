"""The attacks by code, in the order of reports: from the simplest to the strongest."""

from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.registry import Registry

_METHODS = "dynanoise_export.attacks.methods"

ATTACKS: Registry[Attack] = Registry(
    "attack",
    "dynanoise_export.attacks",
    {
        "fixed-confidence": f"{_METHODS}.fixed_thresholds:FIXED_CONFIDENCE",
        "fixed-loss": f"{_METHODS}.fixed_thresholds:FIXED_LOSS",
        "correctness": f"{_METHODS}.correctness:CORRECTNESS",
        "confidence": f"{_METHODS}.confidence:CONFIDENCE",
        "loss": f"{_METHODS}.loss:LOSS",
        "entropy": f"{_METHODS}.entropy:ENTROPY",
        "modified-entropy": f"{_METHODS}.modified_entropy:MODIFIED_ENTROPY",
        "modified-entropy-per-class": f"{_METHODS}.modified_entropy:MODIFIED_ENTROPY_PER_CLASS",
        "privacy-risk": f"{_METHODS}.privacy_risk:PRIVACY_RISK",
        "quantile-regression": f"{_METHODS}.quantile:QUANTILE",
        "shadow-regression": f"{_METHODS}.shadow_regression:SHADOW_REGRESSION",
        "three-subnets": f"{_METHODS}.three_subnets:THREE_SUBNETS",
        "lira-labels": f"{_METHODS}.label_lira:LABEL_LIRA",
        "rmia-offline": f"{_METHODS}.rmia:OFFLINE",
        "rmia-online": f"{_METHODS}.rmia:ONLINE",
        "base-offline": f"{_METHODS}.bayes_optimal:OFFLINE",
        "base-online": f"{_METHODS}.bayes_optimal:ONLINE",
        "lira-offline": f"{_METHODS}.lira:OFFLINE",
        "lira-offline-fixed": f"{_METHODS}.lira:OFFLINE_FIXED",
        "lira-online": f"{_METHODS}.lira:ONLINE",
        "lira-online-fixed": f"{_METHODS}.lira:ONLINE_FIXED",
        "bavaria-offline": f"{_METHODS}.bavaria:OFFLINE",
        "bavaria-online-normal": f"{_METHODS}.bavaria:ONLINE_NORMAL",
        "bavaria-online": f"{_METHODS}.bavaria:ONLINE",
    },
)
