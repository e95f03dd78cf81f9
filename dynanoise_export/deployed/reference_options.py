"""How the reference of a deployed model is opened: its scores count as what they counted as when it was exported."""

import dataclasses

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions


def reference_options(model: DeployedModel, given: SourceOptions | None) -> SourceOptions:
    """Complete what the user says about a reference by what the deployed model states about its scores.

    Raises:
        UsageError: the model states an impossible floor.
    """
    options, stated = given or SourceOptions(), model.provenance
    if stated is None or options.scores != ScoreOptions():
        return options
    said = TreatAs(stated.treated_as) if stated.treated_as in set(TreatAs) else None
    scores = ScoreOptions(treat_as=said, binary=stated.binary, floor=stated.floor)
    return dataclasses.replace(options, scores=scores)
