"""From a trained classifier to a defended ONNX file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from dynanoise_export.choices import choice
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UsageError
from dynanoise_export.files import is_same, require_different, require_writable, sha256, written_whole
from dynanoise_export.graph.attach import Attached, attach
from dynanoise_export.graph.checker import check_form
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.defence_form import StatedDefence, compare_defence
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.lower_opset import lower_opset
from dynanoise_export.graph.model_files import external_files, read_model, write_model
from dynanoise_export.graph.provenance import Provenance, tool_versions, write_provenance
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.key import KeyFile, key_beside, key_for
from dynanoise_export.noise.keyed.keyed_noise import DEFAULT_GRIDS, KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import NEWEST_OPSET, RandomNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.checked_float16 import Float16Check, checked_float16
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, require_onnxruntime
from dynanoise_export.sources.evaluation_mode import require_evaluation_mode
from dynanoise_export.sources.find_logits import find_logits
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Arrays, Precision, Progress, Step, no_progress, row_count


@dataclass(frozen=True)
class Exported:
    """What `export` made.

    Attributes:
        path: of the defended file.
        sha256: of the file and its external data.
        content_sha256: of its content, which stays the same if another tool saves it again.
        source: what it was made from.
        defence: what is attached.
        logits: where the defence was attached, for people.
        dropped: the names of the model's outputs that the file no longer has.
        provenance: what the file states about how it was made.
        key_file: the key of keyed noise, or None.
        float16: how the model was converted to float16, or None.
    """

    path: Path
    sha256: str
    content_sha256: str
    source: SourceModel
    defence: Defence
    logits: str
    dropped: tuple[str, ...]
    provenance: Provenance
    key_file: KeyFile | None
    float16: Float16Check | None


def export(
    model: str | Path,
    output: str | Path,
    *,
    defence: Defence | None = None,
    noise: NoiseSource | str | None = None,
    key_file: str | Path | None = None,
    grids: tuple[float, ...] = (),
    guard: Guard | None = None,
    source_options: SourceOptions | None = None,
    opset: int | None = None,
    precision: Precision | str = Precision.FP32,
    inline: bool = False,
    with_logits: bool = False,
    progress: Progress = no_progress,
) -> Exported:
    """Make a defended ONNX file of a trained classifier.

    Args:
        model: the path of the classifier, in any known format.
        output: the path of the file to make; external data, if any, goes beside it.
        defence: what the answers become; None for DynaNoise with the paper's parameters.
        noise: where the defence's standard normals come from; None for `random`, or for no noise if the defence takes
            none.
        key_file: for keyed noise, the file of its key, which is made if it does not exist; None for one beside the
            output.
        grids: for keyed noise, the widths of its cells; empty for the default.
        guard: on the inputs, for example of `fit_guard`; None for none.
        source_options: what the classifier's own file does not say.
        opset: of the file; None leaves it to the exporter, or to the ONNX model as it is.
        precision: of the model; the defence computes in float32.
        inline: flatten the defence into plain operators.
        with_logits: give the logarithm of the probabilities as well, as the output `logits`.
        progress: called with each step.

    Raises:
        UserError: the input or the output can't be used; then nothing was written.
    """
    path, output, defence = Path(model), Path(output), defence or DynaNoise()
    require_onnxruntime()
    precision = choice(Precision, precision, "precision")
    source_of_noise = _noise_source(defence, noise, keyed=key_file is not None or bool(grids))
    require_writable(output)
    keys = _key_path(source_of_noise, key_file, output)
    weights = output.with_name(f"{output.name}.data")
    written = {"the output": output, "its weights": weights, "the key": keys}
    require_different({"the model": path, **written})
    require_writable(weights)
    key = None if keys is None else key_for(keys)
    drawn = _noise(source_of_noise, key, grids or DEFAULT_GRIDS)
    with written_whole(output, private=key is not None or (guard is not None and bool(guard.secret_names))) as staged:
        progress(Step(f"Opening {path}"))
        source = open_source(path, source_options)
        _require_other_data(source, written)
        if guard is not None:
            guard.require_fits(source.inputs)
        progress(Step("Converting to ONNX"))
        graph = source.to_onnx(opset)
        if opset is None and source_of_noise is NoiseSource.RANDOM:
            lower_opset(graph, NEWEST_OPSET)
        float16 = None
        if precision is Precision.FP16:
            made_up = source_options is None or source_options.example is None
            with naming(path):
                graph, float16 = checked_float16(graph, source.example, source.output, made_up=made_up)
        require_evaluation_mode(graph, source.output, source)
        progress(Step("Attaching the defence"))
        logits = find_logits(graph, source)
        with naming(path):
            attached = attach(
                graph, logits, source.classes, defence, drawn, guard=guard, inline=inline, with_logits=with_logits
            )
        provenance = _provenance(source, defence, drawn, attached, guard)
        write_provenance(graph, provenance)
        progress(Step("Writing and checking"))
        write_model(graph, staged)
        check_form(staged)
        with naming(path):
            _check_answer(staged, _example(source, attached), source.classes)
        _check_form(graph, defence, drawn, attached, source.classes)
        _check_guard(graph, guard)
        if key is not None:
            key.save()
    made = read_model(output)
    digest = sha256(output, *external_files(made))
    return Exported(
        output, digest, content_sha256(made), source, defence, logits.seen, source.dropped, provenance, key, float16
    )


def _noise_source(defence: Defence, given: NoiseSource | str | None, *, keyed: bool) -> NoiseSource | None:
    chosen = choice(NoiseSource, given or NoiseSource.RANDOM, "noise source")
    if not defence.takes_noise:
        if given is not None or keyed:
            raise UsageError(f"The defence {defence.name} takes no noise: leave --noise, --key-file and --grid out.")
        return None
    if keyed and chosen is not NoiseSource.KEYED:
        raise UsageError("--key-file and --grid apply to keyed noise: add --noise keyed, or leave them out.")
    return chosen


def _key_path(source: NoiseSource | None, given: str | Path | None, output: Path) -> Path | None:
    if source is not NoiseSource.KEYED:
        return None
    return key_beside(output) if given is None else Path(given)


def _noise(source: NoiseSource | None, key: KeyFile | None, grids: tuple[float, ...]) -> Noise | None:
    if source is None:
        return None
    if key is not None:
        return KeyedNoise(key.key, grids)
    return InputNoise() if source is NoiseSource.INPUT else RandomNoise()


def _require_other_data(source: SourceModel, files: Mapping[str, Path | None]) -> None:
    """Check that the model reads no weights from the files that are written, or from the key."""
    for what, path in files.items():
        if path is not None and any(is_same(path, data) for data in source.data_files):
            raise UsageError(f"{source.path} has weights in {path}, which can't be {what} too: give another path.")


def _provenance(
    source: SourceModel, defence: Defence, noise: Noise | None, attached: Attached, guard: Guard | None
) -> Provenance:
    said = source.scores.treat_as
    keyed = noise if isinstance(noise, KeyedNoise) else None
    return Provenance(
        defence=defence.name,
        parameters=defence.parameters,
        noise=None if noise is None else noise.source,
        noise_input=attached.noise_input,
        source_format=source.format,
        source_sha256=source.sha256,
        versions=tool_versions(),
        key=None if keyed is None else keyed.key.fingerprint,
        grids=() if keyed is None else keyed.grids,
        keep_label=defence.keep_label,
        labels=source.labels,
        floor=attached.floor,
        treated_as=None if said is None else said.value,
        binary=source.scores.binary,
        tensors=defence.tensors,
        guard=guard,
    )


def _example(source: SourceModel, attached: Attached) -> Arrays:
    if attached.noise_input is None:
        return source.example
    zeros = np.zeros((row_count(source.example), source.classes), np.float32)
    return {**source.example, attached.noise_input: zeros}


def _check_form(model: ir.Model, defence: Defence, noise: Noise | None, attached: Attached, classes: int) -> None:
    """Check that nothing but the defence is behind the logits, as `validate` will."""
    stated = StatedDefence(defence, noise, attached.noise_input, classes, (attached.floor,))
    found = compare_defence(model, OUTPUT_NAME, stated)
    if found.difference is not None:
        raise AssertionError(f"the defence is not as it was attached: {found.difference}")


def _check_guard(model: ir.Model, guard: Guard | None) -> None:
    """Check that the model sees its inputs through the guard alone, as `validate` will."""
    difference = None if guard is None else compare_guard(model, guard).difference
    if difference is not None:
        raise AssertionError(f"the guard is not as it was attached: {difference}")


def _check_answer(path: Path, inputs: Arrays, classes: int) -> None:
    """Run the file once in ONNX Runtime: it must answer each row with probabilities, one for each class."""
    with OnnxRuntimePredictor(path, light=True, name="the exported model") as predictor:
        answer = np.asarray(predictor.run(inputs)[OUTPUT_NAME])
    if answer.shape != (row_count(inputs), classes):
        raise UnsupportedModelError(
            f"The exported model answers {row_count(inputs)} rows with an array of shape {list(answer.shape)}, and not "
            f"with one probability for each of {classes} classes."
        )
    if not are_probabilities(answer):
        raise ModelInputError(
            "The exported model answers made-up inputs with NaN or with rows that do not sum to 1: "
            "give it real rows with --example rows.npz."
        )
