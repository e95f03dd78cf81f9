"""The attack network of Nasr et al.: one subnet for the answer, one for the label, one for both together."""

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.types import Float64s


def _score(evidence: Evidence) -> Float64s:
    from dynanoise_export.attacks.methods.three_subnets_network import fit_and_score

    return fit_and_score(evidence)


THREE_SUBNETS = Attack(
    "three-subnets",
    "three subnets",
    "Nasr et al. 2018; Kassa et al. 2025",
    _score,
    shadows=4,
    fixed_threshold=0.0,
    package="torch",
)
