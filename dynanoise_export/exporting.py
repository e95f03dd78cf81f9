"""From a trained classifier to a defended ONNX file."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from dynanoise_export.defences.dynanoise import Head
from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256, written_whole
from dynanoise_export.graph.attach import OUTPUT_NAME, Attached, attach
from dynanoise_export.graph.check import check_answer, check_form
from dynanoise_export.graph.files import external_files, read_model, write_model
from dynanoise_export.graph.logits import Logits, behind
from dynanoise_export.graph.precision import to_float16
from dynanoise_export.graph.provenance import Provenance, tool_versions, write_provenance
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.key import KeyFile, key_beside, key_for
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.normals import Noise, source_of
from dynanoise_export.parameters import DEFAULT_GRIDS, NoiseSource, Precision
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.onnx_runtime import require_onnxruntime
from dynanoise_export.sources.inputs import Arrays
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel, SourceOptions

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ExportOptions:
    """How the file is to be made.

    Attributes:
        noise: where the head's standard normals come from.
        key_file: for keyed noise, the file of its key, which is made if it is not there; None for one beside the
            output.
        grids: for keyed noise, the widths of its cells.
        opset: of the file; None leaves it to the exporter, or to the ONNX model as it came.
        precision: of the model; the head computes in float32.
        inline: flatten the head into plain operators.
    """

    noise: NoiseSource = NoiseSource.RANDOM
    key_file: Path | None = None
    grids: tuple[float, ...] = DEFAULT_GRIDS
    opset: int | None = None
    precision: Precision = Precision.FP32
    inline: bool = False


@dataclass(frozen=True)
class Exported:
    """What was made.

    Attributes:
        path: of the defended file.
        sha256: of it and its external data.
        target: what it was made from.
        logits: where the head was put, in words.
        dropped: the names of the model's outputs that the file has no more.
        provenance: what the file says of its making.
        key_file: the key of keyed noise, or None.
    """

    path: Path
    sha256: str
    target: SourceModel
    logits: str
    dropped: tuple[str, ...]
    provenance: Provenance
    key_file: KeyFile | None


def export(
    path: Path,
    output: Path,
    head: Head,
    options: ExportOptions | None = None,
    opening: SourceOptions | None = None,
    progress: Progress = lambda step: None,
) -> Exported:
    """Make a defended ONNX file of a trained classifier.

    Args:
        path: the classifier, in any format that `open_source` knows.
        output: where the file goes; external data, if any, goes beside it.
        head: the defence.
        options: how the file is to be made.
        opening: what the classifier's own file does not say.
        progress: told of each step.

    Raises:
        UserError: the input or the output can't be used; then nothing was written.
    """
    options = options or ExportOptions()
    require_onnxruntime()
    _require_other_file(path, output)
    key_file = key_for(options.key_file or key_beside(output)) if options.noise is NoiseSource.KEYED else None
    noise: Noise = options.noise if key_file is None else KeyedNoise(key_file.key, options.grids)
    with written_whole(output) as staged:
        progress(f"Opening {path}")
        target = open_source(path, opening)
        progress("Converting to ONNX")
        model = target.to_onnx(options.opset)
        if options.precision is Precision.FP16:
            model = to_float16(model)
        _require_other_weights(model, output)
        progress("Attaching the defence")
        logits = find_logits(model, target)
        attached = attach(model, logits, target.classes, head, noise, inline=options.inline)
        provenance = _provenance(target, head, noise, attached)
        write_provenance(model, provenance)
        progress("Writing and checking")
        write_model(model, staged)
        check_form(staged)
        check_answer(staged, _with_noise(target, attached), OUTPUT_NAME)
        if key_file is not None:
            key_file.save()
    digest = sha256(output, *external_files(read_model(output)))
    return Exported(output, digest, target, logits.seen, target.dropped, provenance, key_file)


def _require_other_file(path: Path, output: Path) -> None:
    if output.exists() and path.exists() and output.samefile(path):
        raise UserError(f"The output {output} is the input itself: give another with -o.")


def _require_other_weights(model: ir.Model, output: Path) -> None:
    data = output.parent.resolve() / f"{output.name}.data"
    if data in [file.resolve() for file in external_files(model)]:
        raise UserError(f"The output's weights would replace the input's, in {data.name}: give another output with -o.")


def find_logits(model: ir.Model, target: SourceModel) -> Logits:
    """Find the logits by structure and, where that does not tell, by running the undefended model once.

    Raises:
        UserError: the model has no such output, or there are no logits behind it.
    """
    output = value_named(model, target.output)
    if output is None:
        raise UserError(f"{target.path} has no value {target.output!r} in its main graph.")
    try:
        logits = behind(output)
    except UserError as error:
        raise UserError(f"{target.path}: {error}") from error
    if logits.kind != "unknown":
        return logits
    answer = np.asarray(predictor_of(model).run(target.example)[target.output])
    if are_probabilities(answer):
        return dataclasses.replace(
            logits, kind="probabilities", seen=f"the logarithm of {output.name}, which are probabilities"
        )
    return dataclasses.replace(logits, kind="logits")


def _provenance(target: SourceModel, head: Head, noise: Noise, attached: Attached) -> Provenance:
    keyed = noise if isinstance(noise, KeyedNoise) else None
    return Provenance(
        head=head.name,
        parameters=head.parameters_dict(),
        noise=source_of(noise).value,
        noise_input=attached.noise_input,
        source_format=target.format,
        source_sha256=target.sha256,
        versions=tool_versions(),
        key=None if keyed is None else keyed.key.fingerprint,
        grids=() if keyed is None else keyed.grids,
        keep_label=head.keep_label,
        labels=target.labels,
    )


def _with_noise(target: SourceModel, attached: Attached) -> Arrays:
    if attached.noise_input is None:
        return target.example
    rows = len(next(iter(target.example.values())))
    return target.example | {attached.noise_input: np.zeros((rows, target.classes), np.float32)}
