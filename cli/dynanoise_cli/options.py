"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynanoise_export.errors import UserError
from dynanoise_export.parameters import DEFAULT_BASE_VARIANCE, Parameters, Provider

if TYPE_CHECKING:
    from dynanoise_export.sources.source_model import SourceOptions

DEFENCE = "Defence"
MODEL = "What the model's file does not say"

Sigma0 = Annotated[
    float | None, typer.Option(help="σ₀, the base standard deviation of the noise, in logits.", rich_help_panel=DEFENCE)
]
BaseVariance = Annotated[
    float | None, typer.Option(help="σ₀², as the papers give it, in place of --sigma0.", rich_help_panel=DEFENCE)
]
Lambda = Annotated[
    float | None,
    typer.Option("--lambda", help="λ: how much more noise where the model is sure.", rich_help_panel=DEFENCE),
]
Temperature = Annotated[float | None, typer.Option(help="T, which smooths the noisy logits.", rich_help_panel=DEFENCE)]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        help="For keyed noise: the file of its key; unless given, beside the defended file and with .key behind its "
        "name.",
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
        help="MODULE:FACTORY, which makes the module for a state dict; keyword arguments as JSON behind a question "
        """mark, as in 'timm:create_model?{"model_name": "resnet18"}'.""",
        rich_help_panel=MODEL,
    ),
]
Example = Annotated[
    Path | None, typer.Option(help="An .npz with a few rows for each input, by its name.", rich_help_panel=MODEL)
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME:SHAPE[:DTYPE]",
        help="An input, with names for its dynamic axes, as in x:batch,3,32,32. Once for each input.",
        rich_help_panel=MODEL,
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option("--allow-pickle", help="Run the code in a pickled model that you trust.", rich_help_panel=MODEL),
]
Deployed = Annotated[
    str,
    typer.Argument(
        help="A defended model where it is deployed: an ONNX file, a TensorRT plan, or the URL of a model on a server "
        "that speaks KServe's v2 protocol, as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.",
    ),
]
RunsOn = Annotated[
    Provider | None,
    typer.Option("--provider", help="What ONNX Runtime runs an ONNX file on; the CPU unless given."),
]
Json = Annotated[Path | None, typer.Option(help="Tell it as JSON in this file, or - for standard output.")]


def parameters(
    sigma0: float | None, base_variance: float | None, lambda_: float | None, temperature: float | None
) -> Parameters:
    """Make the parameters of what was given, and of the defaults for the rest.

    Raises:
        UserError: a value is out of its bounds, or both forms of σ₀ were given.
    """
    if sigma0 is not None and base_variance is not None:
        raise UserError("--sigma0 and --base-variance set the same thing (σ₀ and its square): give one of them.")
    lambda_ = Parameters.lambda_ if lambda_ is None else lambda_
    temperature = Parameters.temperature if temperature is None else temperature
    if sigma0 is not None:
        return Parameters(sigma0, lambda_, temperature)
    variance = DEFAULT_BASE_VARIANCE if base_variance is None else base_variance
    return Parameters.from_base_variance(variance, lambda_, temperature)


def given_parameters(
    sigma0: float | None, base_variance: float | None, lambda_: float | None, temperature: float | None
) -> Parameters | None:
    """Make the parameters if any was given, and leave them to the file elsewhere.

    Raises:
        UserError: as `parameters`.
    """
    given = (sigma0, base_variance, lambda_, temperature)
    return None if all(value is None for value in given) else parameters(*given)


def opening(
    logits: str | None, arch: str | None, example: Path | None, inputs: list[str] | None, allow_pickle: bool
) -> "SourceOptions":
    """Gather what the user says about a model that its file does not say.

    Raises:
        UserError: an input is not in the form that `--input` takes.
    """
    from dynanoise_export.sources.inputs import parse_spec
    from dynanoise_export.sources.source_model import SourceOptions

    specs = tuple(parse_spec(text) for text in inputs or ())
    return SourceOptions(arch=arch, inputs=specs, example=example, logits=logits, allow_pickle=allow_pickle)
