"""Make a bundle: read its sources, fit them to the model, check them with it, and write them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.audit_warnings import row_warnings
from dynanoise_export.bundles import Part, bundle_sha256, digests, require_bundle_writable, save_bundle
from dynanoise_export.bundling.image_rows import BRIGHTEST
from dynanoise_export.bundling.made_bundle import BundleWarning, BundleWarningCode, MadeBundle
from dynanoise_export.bundling.model_answers import BundleAccuracy, check_answers
from dynanoise_export.bundling.model_fit import fit_to_model, without_model
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows, join
from dynanoise_export.bundling.sources_of_rows import read_sources
from dynanoise_export.bundling.text_rows import TEXT, encode_texts
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.label_forms import NumberedLabels, Texts, numbered
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.inputs import BATCH
from dynanoise_export.sources.made_up_rows import failed_on
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Array, Bools, Int64s, Progress, Step, TensorSpec, no_progress


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The rows of a bundle before it is written."""

    inputs: dict[str, Array]
    labels: NumberedLabels
    split: Texts
    group: Texts | None
    canary: Bools | None
    notes: tuple[str, ...]


def make_bundle(
    request: BundleRequest,
    path: Path,
    *,
    model: Path | None = None,
    source_options: SourceOptions | None = None,
    progress: Progress = no_progress,
) -> MadeBundle:
    """Make a bundle.

    Args:
        request: what it is made of, and how.
        path: of the bundle: an `.npz`, or else a folder.
        model: the path of the undefended model, in any format that `export` opens, to check the bundle with.
        source_options: what the model's own file does not say.
        progress: called with each step, and with the number of rows.

    Raises:
        UserError: a source or the model can't be used, the rows do not fit the model, a row is both a member and a
            non-member, or the model's answers say that something is wrong. Nothing is written then.
    """
    require_bundle_writable(path)
    joined = join(read_sources(request, progress), request.named)
    read = joined.rows
    if TEXT in read.inputs:
        read = dataclasses.replace(read, inputs=encode_texts(read.inputs[TEXT], request, progress))
    if read.free_layout and request.divide is None:
        request = dataclasses.replace(request, divide=BRIGHTEST)
    progress(Step("Opening the model"))
    source = None if model is None else _open(model, source_options, read)
    rows = _disjoint(_fitted(read, joined.split, request, source), request)
    accuracy = None if source is None else _ask(source, rows, request, progress)
    progress(Step("Writing the bundle"))
    y, classes = rows.labels.y, rows.labels.classes
    save_bundle(path, rows.inputs, y, rows.split, group=rows.group, classes=classes, canary=rows.canary)
    return _made(path, request, rows, model, accuracy)


def _open(model: Path, options: SourceOptions | None, rows: SourceRows) -> SourceModel:
    few = {name: np.ascontiguousarray(array[:BATCH]) for name, array in rows.inputs.items()}
    return open_source(model, dataclasses.replace(options or SourceOptions(), rows=few))


def _fitted(read: SourceRows, split: Texts, request: BundleRequest, source: SourceModel | None) -> _Rows:
    """Bring rows and labels into the form that the model takes."""
    fitted = without_model(read, request) if source is None else fit_to_model(
        read, source.inputs, request, str(source.path)
    )  # fmt: skip
    for name, array in fitted.inputs.items():
        if array.dtype.kind == "f" and not all(np.isfinite(part).all() for part in np.array_split(array, 64)):
            raise DataError(f"{request.named} has values for {name!r} that are not finite: fill them as for the model.")
    labels = _labels(read, request, source)
    return _Rows(fitted.inputs, labels, split, read.group, read.canary, (*read.notes, *fitted.notes))


def _labels(read: SourceRows, request: BundleRequest, source: SourceModel | None) -> NumberedLabels:
    """Give numbers to the labels by the names of the classes, where they are known, and check their range."""
    known = request.classes or (source.labels if source is not None else ()) or read.classes
    if source is not None and request.classes and len(request.classes) != source.classes:
        raise UsageError(
            f"--classes names {len(request.classes)} classes, and {source.path} has {source.classes}: name all."
        )
    labels = numbered(request.named, read.labels, known, names=read.named)
    y = labels.y + request.shift_labels
    least, most, classes = int(y.min()), int(y.max()), len(labels.classes) if source is None else source.classes
    if least < 0 or (classes and most >= classes):
        bounds = f", and {source.path if source else 'the bundle'} has {classes} classes" if classes else ""
        raise DataError(f"{request.named} has labels from {least} to {most}{bounds}: {_shift(y, classes, request)}.")
    return NumberedLabels(y, labels.classes)


def _shift(y: Int64s, classes: int, request: BundleRequest) -> str:
    """Name the way out for labels that are out of range."""
    least, most = int(y.min()), int(y.max())
    if least == 1 and most == classes:
        return f"labels count from 0, so add --shift-labels {request.shift_labels - 1}"
    if least == -1 and set(np.unique(y).tolist()) == {-1, 1}:
        return "write the two classes as 0 and 1"
    return "labels count from 0 in the order of the model's classes"


def _disjoint(rows: _Rows, request: BundleRequest) -> _Rows:
    """Leave out the non-members that equal members, or refuse them."""
    member = rows.split == Part.MEMBER
    if not member.any() or not (rows.split == Part.NON_MEMBER).any():
        raise DataError(f"{request.named} has {int(member.sum())} members and no non-members: an audit needs both."
                        if member.any() else f"{request.named} has no members: an audit needs some.")  # fmt: skip
    found = digests(rows.inputs)
    shared = ~member & np.isin(found, found[member])
    if not shared.any():
        return rows
    count = int(shared.sum())
    if not request.drop_shared:
        raise DataError(
            f"{request.named} has {count:,} non-members that equal members, on which an attack measures nothing: leave "
            "them out with --drop-shared."
        )
    if not (rows.split[~shared] == Part.NON_MEMBER).any():
        raise DataError(f"{request.named} has no non-members that differ from the members: give others.")
    return _Rows(
        {name: array[~shared] for name, array in rows.inputs.items()},
        dataclasses.replace(rows.labels, y=rows.labels.y[~shared]),
        rows.split[~shared],
        None if rows.group is None else rows.group[~shared],
        None if rows.canary is None else rows.canary[~shared],
        (*rows.notes, f"{count:,} non-members that equal members were left out"),
    )


def _ask(source: SourceModel, rows: _Rows, request: BundleRequest, progress: Progress) -> BundleAccuracy:
    """Check the bundle by the model's own answers.

    Raises:
        UserError: they say that something is wrong, and the user does not force it.
    """
    progress(Step("Asking the model"))
    with Reference(source) as reference:
        try:
            accuracy = check_answers(
                lambda some: np.asarray(reference.logits(some).argmax(axis=1), np.int64),
                rows.inputs, rows.labels, rows.split, source.classes, request,
            )  # fmt: skip
        except FailedRunError as error:
            raise failed_on(str(source.path), f"the rows of {request.named}", error, "") from error
    if accuracy.problem is not None and not request.force:
        raise DataError(f"{_finding(source.path, accuracy)}; --force writes the bundle as it is.")
    return accuracy


def _finding(model: Path, accuracy: BundleAccuracy) -> str:
    return (
        f"{model} is right on only {accuracy.members.value:.1%} of the members, where chance gives "
        f"{accuracy.chance:.1%}: {accuracy.problem}"
    )


def _made(
    path: Path, request: BundleRequest, rows: _Rows, model: Path | None, accuracy: BundleAccuracy | None
) -> MadeBundle:
    digest, judged = bundle_sha256(path), rows.split != Part.AUXILIARY
    member = rows.split == Part.MEMBER
    audit = Audit(path, digest, rows.inputs, rows.labels.y, member, judged)
    return MadeBundle(
        path,
        digest,
        tuple(dict.fromkeys(map(str, request.sources.values()))),
        tuple(TensorSpec(name, a.dtype.name, ("batch", *a.shape[1:])) for name, a in rows.inputs.items()),
        tuple(np.bincount(rows.labels.y, minlength=len(rows.labels.classes)).tolist()),
        rows.labels.classes,
        audit.members,
        audit.non_members,
        int((~judged).sum()),
        None if rows.group is None else len(np.unique(rows.group)),
        model,
        accuracy,
        rows.notes,
        tuple(_warnings(audit, rows, model, accuracy)),
    )


def _warnings(
    audit: Audit, rows: _Rows, model: Path | None, accuracy: BundleAccuracy | None
) -> Iterator[BundleWarning]:
    if model is None:
        yield BundleWarning(
            BundleWarningCode.NOT_CHECKED,
            "Nobody checked whether the model takes these rows and knows these labels: --model does.",
        )
        if rows.labels.y.min() == 1 and not rows.labels.classes:
            yield BundleWarning(
                BundleWarningCode.LABELS_FROM_ONE,
                "No row has the label 0: if your labels count from 1, add --shift-labels -1.",
            )
    if model is not None and accuracy is not None and accuracy.problem is not None:
        yield BundleWarning(BundleWarningCode.ANSWERS_SAY_OTHERWISE, f"{_finding(model, accuracy)}.")
    for warning in row_warnings(audit, None):
        yield BundleWarning(BundleWarningCode(warning.code.value), warning.text)
