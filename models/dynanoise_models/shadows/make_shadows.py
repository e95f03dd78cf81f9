"""Train shadow models, of a target or with the user's own training code, and write their store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynanoise_export.bundles import bundle_sha256, input_names, load_bundle
from dynanoise_export.errors import UsageError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_export.types import Progress, Step, no_progress
from dynanoise_models.shadows.backends import JobBackend
from dynanoise_models.shadows.function_recipe import FunctionRecipe
from dynanoise_models.shadows.halves import require_even
from dynanoise_models.shadows.job import Job, Recipe
from dynanoise_models.shadows.labelled_rows import labels_of_rows, require_trainable
from dynanoise_models.shadows.running import Running, no_warning, train_missing
from dynanoise_models.shadows.store import GrowingStore, StorePlan
from dynanoise_models.shadows.user_function import UserFunction

if TYPE_CHECKING:  # the user's own training code may do without PyTorch
    from dynanoise_models.experiments import ExperimentOptions
    from dynanoise_models.training.settings import Settings


@dataclass(frozen=True)
class Shadows:
    """The shadow models that were made.

    Attributes:
        path: of the store.
        bundle: the path of the rows that the store answers.
        record: what the store says about itself.
        trained: how many models this run added.
        models: the ONNX file of each model; empty if the store does not keep them.
    """

    path: Path
    bundle: Path
    record: Mapping[str, Any]
    trained: int
    models: tuple[Path, ...]


def make_shadows(
    target: str,
    store: Path,
    count: int,
    *,
    bundle: Path | None = None,
    options: "ExperimentOptions | None" = None,
    settings: "Settings | None" = None,
    keep: bool = True,
    backend: JobBackend = JobBackend.LOKY,
    workers: int | None = None,
    warn: Callable[[str], None] = no_warning,
    progress: Progress = no_progress,
) -> Shadows:
    """Train shadow models of a target on random halves of the rows of a bundle.

    An interrupted run goes on where it stopped.

    Args:
        target: a name in `TARGETS`.
        store: the path of the store to make, or to go on with.
        count: how many models, an even number.
        bundle: the path of the rows; None to split the data set as for the target, into a bundle in the store.
        options: those that the target was trained with.
        settings: of the training; None for the target's own, with the options.
        keep: store the models, as ONNX files, as well as their answers.
        backend: what runs the jobs.
        workers: how many jobs at once; None for one per core, or four per GPU.
        warn: called with a sentence about each failure that is tried again, and if the models can't be stored.
        progress: called with each step, and often while the models are trained.

    Raises:
        UserError: an input can't be used, the store is another one's, or models failed several times.
    """
    from dynanoise_models.experiments import ExperimentOptions
    from dynanoise_models.shadows.bundle import bundle_in_store, open_rows
    from dynanoise_models.shadows.target_recipe import TargetRecipe
    from dynanoise_models.starting import find_start, find_target
    from dynanoise_models.training_defences.training_catalogue import training_defence_class

    require_even(count)
    options = options or ExperimentOptions()
    progress(Step("Reading the rows"))
    bundle = bundle or bundle_in_store(target, store, options)
    rows, found = open_rows(bundle, target), find_target(target)
    settings = settings or options.settings(found.settings)
    start = find_start(target, options.start_from)
    made_by = {"target": target, "settings": settings.as_dict(), "started_from": start.origin}
    recipe = TargetRecipe(target, settings, _for_workers(options.start_from))
    plan = StorePlan(made_by, bundle_sha256(bundle), len(rows), options.seed, found.classes)
    running = Running(backend, workers, warn, progress)
    stacked = found.stacked if training_defence_class(settings.defence).stackable else 1
    return _make(GrowingStore(store, plan, count), recipe, bundle, stacked, running, keep=keep)


def make_shadows_with(
    function: str,
    store: Path,
    count: int,
    *,
    bundle: Path,
    seed: int = 0,
    binary: bool = False,
    keep: bool = True,
    backend: JobBackend = JobBackend.LOKY,
    workers: int | None = None,
    warn: Callable[[str], None] = no_warning,
    progress: Progress = no_progress,
) -> Shadows:
    """Train shadow models with the user's own training code, on random halves of the rows of a bundle.

    An interrupted run goes on where it stopped.

    Args:
        function: MODULE:FUNCTION, from the working directory or installed. It is called with rows (an array, or a dict
            of arrays if the bundle has several inputs), their labels int64 [n] and a seed. It returns a module of
            PyTorch, the path of an ONNX file, or a callable from rows to scores [n, k].
        store: the path of the store to make, or to go on with.
        count: how many models, an even number.
        bundle: the path of the rows.
        seed: of the halves; each model gets a seed that is derived from it.
        binary: the models have one score, for the second of two classes.
        keep: store the models, as ONNX files, as well as their answers; callables can't be stored.
        backend: what runs the jobs.
        workers: how many jobs at once; None for one per core, or four per GPU.
        warn: called with a sentence about each failure that is tried again, and if the models can't be stored.
        progress: called with each step, and often while the models are trained.

    Raises:
        UserError: an input can't be used, the function fails or returns something else, or the store is another one's.
    """
    require_even(count)
    progress(Step("Reading the rows"))
    names = tuple(input_names(bundle))
    rows = load_bundle(bundle, list(names))
    require_trainable(rows)
    user = UserFunction(function, Path.cwd())
    made_by = {"recipe": function, "recipe_sha256": user.digest(), "binary": binary}
    plan = StorePlan(made_by, bundle_sha256(bundle), len(labels_of_rows(rows)), seed)
    running = Running(backend, workers, warn, progress)
    return _make(GrowingStore(store, plan, count), FunctionRecipe(user, names, binary), bundle, 1, running, keep=keep)


def _make(
    growing: GrowingStore, recipe: Recipe, bundle: Path, stacked: int, running: Running, *, keep: bool
) -> Shadows:
    """Train the models that are missing in a store, `stacked` of them in each job."""
    trained = growing.count - len(growing.missing())
    keeping = keep and growing.keeps()
    if trained and not keep and growing.keeps():
        raise UsageError(f"{growing.path} keeps its models: leave --no-models out, or name another folder.")
    if keep and not keeping:
        running.warn(f"{growing.path} will not keep its models, because it has answers of models that it did not keep.")

    def jobs_of(missing: list[int]) -> list[Job]:
        groups = [tuple(missing[first : first + stacked]) for first in range(0, len(missing), stacked)]
        seed = growing.record["seed"]
        return [Job(growing.path.resolve(), group, recipe, bundle.resolve(), seed, keeping) for group in groups]

    train_missing(growing, jobs_of, running)
    made = load_shadow_store(growing.path)
    return Shadows(growing.path, bundle, made.record, growing.count - trained, made.models)


def _for_workers(start_from: str | None) -> str | None:
    """Give the full path of weights: workers have another working directory."""
    if start_from is not None and Path(start_from).exists():
        return str(Path(start_from).resolve())
    return start_from
