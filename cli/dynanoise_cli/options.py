"""Options that several commands share, and what is made of them."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynanoise_export.defences.catalogue import DEFAULT, DEFENCES, make_defence
from dynanoise_export.errors import UsageError
from dynanoise_export.files import require_different, require_writable
from dynanoise_export.noise.keyed.key import KEY_SUFFIX
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs

if TYPE_CHECKING:
    from dynanoise_export.defences.base import Defence
    from dynanoise_export.sources.source_model import SourceOptions

DEFENCE = "Defence"
MODEL = "What the model's file does not say"

_NAMES = ", ".join(DEFENCES.names())

NewDefence = Annotated[
    str, typer.Option("--defence", help=f"The defence to attach: {_NAMES}.", rich_help_panel=DEFENCE)
]
OtherDefence = Annotated[
    str | None,
    typer.Option(
        "--defence",
        help=f"The defence that the model has: {_NAMES}. The default is the one that the model states.",
        rich_help_panel=DEFENCE,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of the defence, as in temperature=5. Give it once for each parameter.",
        rich_help_panel=DEFENCE,
    ),
]
Sigma0 = Annotated[
    float | None,
    typer.Option(help="DynaNoise: σ₀, the base standard deviation of the noise, in logits.", rich_help_panel=DEFENCE),
]
BaseVariance = Annotated[
    float | None,
    typer.Option(help="DynaNoise: σ₀², as the papers give it, in place of --sigma0.", rich_help_panel=DEFENCE),
]
Lambda = Annotated[
    float | None,
    typer.Option(
        "--lambda", help="DynaNoise: λ, how much the noise grows where the model is sure.", rich_help_panel=DEFENCE
    ),
]
Temperature = Annotated[
    float | None, typer.Option(help="DynaNoise: T, which smooths the noisy logits.", rich_help_panel=DEFENCE)
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        help="The key file of keyed noise. By default it is beside the defended file, with .key added to the name.",
        rich_help_panel=DEFENCE,
    ),
]
Logits = Annotated[
    str | None,
    typer.Option(help="The output, or the value in an ONNX graph, that holds the logits.", rich_help_panel=MODEL),
]
Arch = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FACTORY",
        help="The function that makes the PyTorch module for a state dict. Keyword arguments go as JSON behind a "
        """question mark, as in 'timm:create_model?{"model_name": "resnet18"}'.""",
        rich_help_panel=MODEL,
    ),
]
Example = Annotated[
    Path | None, typer.Option(help="An .npz file with a few rows for each input, by its name.", rich_help_panel=MODEL)
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME:SHAPE[:DTYPE]",
        help="An input, with names for its dynamic axes, as in x:batch,3,32,32. Give it once for each input.",
        rich_help_panel=MODEL,
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle",
        help="Run the code in a pickled model. Use it only for files that you trust.",
        rich_help_panel=MODEL,
    ),
]
SaidScale = Annotated[
    TreatAs | None,
    typer.Option(
        "--treat-as",
        help="What the model's scores are. By default they are judged by the graph and by a trial run.",
        rich_help_panel=MODEL,
    ),
]
Binary = Annotated[
    bool,
    typer.Option(
        "--binary",
        help="The model has one score, which is that of the second of two classes: make two classes of it.",
        rich_help_panel=MODEL,
    ),
]
Floor = Annotated[
    float | None,
    typer.Option(
        help="The smallest probability that the defence distinguishes, for a model that gives probabilities without "
        "logits. The default is 0.01 divided by the number of classes.",
        rich_help_panel=MODEL,
    ),
]
DynamicBatch = Annotated[
    bool,
    typer.Option(
        "--dynamic-batch",
        help="Make the fixed batch of an ONNX file dynamic, if its graph allows it.",
        rich_help_panel=MODEL,
    ),
]
Deployed = Annotated[
    str,
    typer.Argument(
        help="The deployed model: an ONNX file, a TensorRT plan, or the URL of a model on a server that speaks "
        "KServe's v2 protocol, such as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.",
    ),
]
RunsOn = Annotated[
    Provider | None,
    typer.Option("--provider", help="What ONNX Runtime runs an ONNX file on. The default is the CPU."),
]
TF32 = Annotated[
    bool,
    typer.Option(
        "--tf32",
        help="Let a GPU compute float32 in TF32: faster, with ten bits of precision. Then keyed noise can change with "
        "the batch.",
    ),
]
Operators = Annotated[
    bool,
    typer.Option(
        "--operators",
        help="Run the defence as the kernels of the package dynanoise-export-operators instead of the file's own "
        "operators.",
    ),
]
Json = Annotated[
    Path | None, typer.Option(help="Write the report as JSON to this file, or to standard output if it is -.")
]
Html = Annotated[Path | None, typer.Option(help="Write the report as a page to this file. It needs no other file.")]
JUnit = Annotated[
    Path | None, typer.Option("--junit", help="Write what passed and what failed as JUnit XML to this file.")
]
ModelCard = Annotated[
    Path | None,
    typer.Option(
        help="Write a section about the result into this model card, README.md of a Hugging Face model; what else it "
        "holds stays. It is made if there is none."
    ),
]
MlBom = Annotated[
    Path | None,
    typer.Option(help="Write the model with its defence and the result as a CycloneDX ML-BOM, JSON, to this file."),
]

# What may lie beside a model: its weights and its key.
BESIDE = ("", ".data", KEY_SUFFIX)


def check_writable(*paths: Path | None, read: Iterable[Path | str | None] = ()) -> None:
    """Check, before long work, that the reports can be written, and that none replaces what the command reads.

    Args:
        paths: of the reports.
        read: the files that the command reads, with their keys and weights beside them; URLs are no files.

    Raises:
        UserError: one can't be written, or replaces another file of the command.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        require_writable(path)
    for first, second in itertools.combinations(given, 2):
        require_different({"one report": first, "another": second})
    others = [Path(f"{other}{beside}") for other in read if other is not None for beside in BESIDE]
    for path, other in itertools.product(given, others):
        require_different({"the report": path, "a file of the model or of its data": other})


def parameters(
    given: Iterable[str] | None,
    sigma0: float | None,
    base_variance: float | None,
    lambda_: float | None,
    temperature: float | None,
) -> dict[str, float]:
    """Gather the parameters of a defence by name.

    Args:
        given: the values of `--parameter`.
        sigma0: the value of `--sigma0`, short for `--parameter sigma0=`; likewise the others.
        base_variance: of `--base-variance`.
        lambda_: of `--lambda`.
        temperature: of `--temperature`.

    Raises:
        UsageError: a value of `--parameter` is malformed, or a parameter is given twice.
    """
    gathered = named_numbers(given)
    own = {"sigma0": sigma0, "base_variance": base_variance, "lambda": lambda_, "temperature": temperature}
    for name, number in own.items():
        if number is None:
            continue
        if name in gathered:
            raise UsageError(f"--{name.replace('_', '-')} and --parameter {name} set the same thing: give one of them.")
        gathered[name] = number
    return gathered


def named_numbers(
    given: Iterable[str] | None, option: str = "--parameter", example: str = "temperature=5"
) -> dict[str, float]:
    """Read the values of an option of the form NAME=VALUE.

    Raises:
        UsageError: a value is malformed, or a parameter is given twice.
    """
    gathered: dict[str, float] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"{option} {text} is not NAME=VALUE, as in {example}.")
        if name in gathered:
            raise UsageError(f"{option} {name} is given twice: give it once.")
        try:
            gathered[name] = float(value)
        except ValueError as error:
            raise UsageError(f"{option} {text} is not NAME=VALUE with a number, as in {example}.") from error
    return gathered


def rows_or_range(text: str) -> Path | tuple[float, float]:
    """Read the path of a bundle, or LOW:HIGH, a range of numbers.

    Raises:
        UsageError: it is a range that holds no number.
    """
    path, (low, _, high) = Path(text), text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        return path
    if path.exists():
        return path
    if not (ends[0] <= ends[1] and all(map(math.isfinite, ends))):
        raise UsageError(f"--guard-data {text} is no range: write the lower number first, as in 0:1.")
    return ends


def other_defence(model: str, name: str | None, given: dict[str, float]) -> "Defence | None":
    """Make the defence that the user gives in place of the one that a deployed model states; None if none is given.

    Parameters without a name belong to the defence that the model states, or else to the default one.

    Args:
        model: its path or URL.
        name: the value of `--defence`.
        given: the parameters.

    Raises:
        UserError: the model can't be opened, there is no such defence or parameter, or a value is out of bounds.
    """
    if name is None and not given:
        return None
    return make_defence(name or _stated_name(model), given)


def _stated_name(model: str) -> str:
    from dynanoise_export.deployed.open_deployed import open_deployed

    stated = open_deployed(model).defence
    return DEFAULT if stated is None else stated.name


def source_options(
    logits: str | None,
    arch: str | None,
    example: Path | None,
    inputs: list[str] | None,
    allow_pickle: bool,
    *,
    dynamic_batch: bool = False,
    scores: ScoreOptions | None = None,
) -> "SourceOptions":
    """Gather what the user says about a model that its file does not say.

    Raises:
        UsageError: an input is not in the form that `--input` takes.
    """
    from dynanoise_export.sources.inputs import parse_spec
    from dynanoise_export.sources.source_model import SourceOptions

    specs = tuple(parse_spec(text) for text in inputs or ())
    return SourceOptions(
        arch=arch,
        inputs=specs,
        example=example,
        logits=logits,
        allow_pickle=allow_pickle,
        dynamic_batch=dynamic_batch,
        scores=scores or ScoreOptions(),
    )
