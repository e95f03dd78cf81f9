"""How the reference of a deployed model is opened: its scores count as what they counted as when it was exported."""

import dataclasses

import numpy as np

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.sources.inputs import BATCH
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays


def reference_options(model: DeployedModel, given: SourceOptions | None, rows: Arrays | None = None) -> SourceOptions:
    """Complete what the user says about a reference by what the deployed model states about its scores.

    Args:
        model: the deployed model.
        given: what the user says.
        rows: those of the user's data; None if there is none.

    Raises:
        UsageError: the model states an impossible floor.
    """
    options, stated = given or SourceOptions(), model.provenance
    if rows is not None:
        few = {name: np.ascontiguousarray(array[:BATCH]) for name, array in rows.items()}
        options = dataclasses.replace(options, rows=few)
    if stated is None or options.scores != ScoreOptions():
        return options
    said = TreatAs(stated.treated_as) if stated.treated_as in set(TreatAs) else None
    scores = ScoreOptions(treat_as=said, binary=stated.binary, floor=stated.floor)
    return dataclasses.replace(options, scores=scores)
