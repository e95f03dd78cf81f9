"""All models of the zoo."""

from benchmarks.zoo.boosting import boosting
from benchmarks.zoo.entry import Entry
from benchmarks.zoo.graphs import graphs
from benchmarks.zoo.image_models import image_models
from benchmarks.zoo.networks import networks
from benchmarks.zoo.packaged import packaged
from benchmarks.zoo.scikit_learn import scikit_learn
from benchmarks.zoo.trees import trees


def entries() -> list[Entry]:
    """Give the models, in the order of the table."""
    return [*packaged(), *scikit_learn(), *boosting(), *trees(), *networks(), *image_models(), *graphs()]
