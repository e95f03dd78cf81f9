"""What an attack starts from, opened and checked: the model, the rows, and what the attacker has."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.attacks.audit import Audit, open_audit
from dynanoise_export.attacks.row_samples import row_order
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.reference_options import reference_options
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.made_up_rows import failed_on
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Int64s

# With fewer rows no figure would say anything.
FEWEST_SAMPLED = 20


@dataclass(frozen=True)
class Scenario:
    """What an attack starts from.

    Attributes:
        model: the attacked model.
        defence: its defence, as an adaptive attacker knows it; None for an undefended model.
        audit: the rows.
        source: the undefended model, or None.
        store: the shadow models, or None.
    """

    model: DeployedModel
    defence: Defence | None
    audit: Audit
    source: SourceModel | None
    store: ShadowStore | None


def open_scenario(
    model: DeployedModel,
    data: str | Path,
    *,
    defence: Defence | None = None,
    reference: str | Path | None = None,
    source_options: SourceOptions | None = None,
    shadows: str | Path | None = None,
    sample: int | None = None,
    rows: Int64s | None = None,
) -> Scenario:
    """Open what an attack needs beside the model.

    Args:
        model: the attacked model.
        data: the path of a bundle with labels and membership.
        defence: the model's, if it does not state it.
        reference: the path of the undefended model, in any format that `export` opens.
        source_options: what the reference's own file does not say.
        shadows: the path of a store of shadow models of the same bundle.
        sample: judge on this many rows, chosen at random, and leave the others out; None for all.
        rows: the numbers of the rows from which these are chosen; None for all.

    Raises:
        UserError: one of them can't be used.
    """
    audit = open_audit(Path(data), model.inputs)
    options = reference_options(model, source_options, audit.inputs)
    store = None if shadows is None else open_store(Path(shadows), audit)
    if rows is not None:
        audit, store = restricted(audit, store, rows)
    if sample is not None:
        audit, store = restricted(audit, store, _sample(audit, sample))
    return Scenario(
        model,
        known_defence(model, defence),
        audit,
        None if reference is None else open_source(Path(reference), options),
        store,
    )


def _sample(audit: Audit, sample: int) -> Int64s:
    """Choose some of the judged rows, and as large a share of the auxiliary rows.

    Raises:
        UsageError: too few rows would be left.
    """
    if sample < FEWEST_SAMPLED:
        raise UsageError(f"--sample {sample} is too small: give at least {FEWEST_SAMPLED} rows.")
    share = min(1.0, sample / int(audit.judged.sum()))
    order = row_order(len(audit))
    chosen = [part[: max(1, round(share * len(part)))] for part in kinds_of_rows(audit, order) if len(part)]
    return np.sort(np.concatenate(chosen))


def restricted(audit: Audit, store: ShadowStore | None, rows: Int64s) -> tuple[Audit, ShadowStore | None]:
    """Keep some of the rows of an audit and of the shadow models' answers.

    Args:
        audit: all rows.
        store: of the same rows, or None.
        rows: the places of those to keep, rising.

    Raises:
        UsageError: they are not places of rows.
    """
    if not (np.diff(rows) > 0).all() or len(rows) == 0 or rows[0] < 0 or rows[-1] >= len(audit):
        raise UsageError(f"The rows to judge on must be rising numbers from 0 to {len(audit) - 1}.")
    smaller = replace(
        audit,
        inputs={name: array[rows] for name, array in audit.inputs.items()},
        y=audit.y[rows],
        member=audit.member[rows],
        judged=audit.judged[rows],
        group=None if audit.group is None else audit.group[rows],
        canary=None if audit.canary is None else audit.canary[rows],
        sampled=rows if audit.sampled is None else audit.sampled[rows],
    )
    if store is None:
        return smaller, None
    return smaller, replace(store, logits=store.logits[:, rows], kept=store.kept[:, rows])


def kinds_of_rows(audit: Audit, order: Int64s) -> list[Int64s]:
    """Split rows in a random order into members, non-members and auxiliary rows."""
    kind = np.where(audit.judged, audit.member.astype(int), 2)[order]
    return [order[kind == one] for one in range(3)]


def known_defence(model: DeployedModel, given: Defence | None) -> Defence | None:
    """Find the defence that an adaptive attacker knows: the given one, or else the model's own.

    Labels are kept if either defence says so, or if the graph of the model shows it.
    """
    defence = given or model.defence
    if defence is None:
        return None
    stated = defence.keep_label or (model.defence is not None and model.defence.keep_label)
    seen = model.graph is not None and bool(model.graph.leaks.labelled)
    return keeping_label(defence, stated or seen)


def require_fits(client: Client, scenario: Scenario) -> None:
    """Check, before many queries are sent, that a model knows the audit's labels, and the shadow models its classes.

    Raises:
        UserError: it does not, or it does not take the rows.
    """
    audit, store = scenario.audit, scenario.store
    first = {name: array[: client.batch] for name, array in audit.inputs.items()}
    try:
        classes = client.log_probabilities(first).shape[1]
    except FailedRunError as error:
        raise failed_on(client.name, f"the rows of {audit.path}", error, "") from error
    if audit.y.max() >= classes:
        raise DataError(f"{audit.path} has the label {audit.y.max()}, but {client.name} has only {classes} classes.")
    if store is not None and store.logits.shape[2] != classes:
        raise DataError(
            f"{store.path} has answers of {store.logits.shape[2]} classes, but {client.name} has {classes} classes."
        )
