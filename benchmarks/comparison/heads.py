"""The heads that are compared: defences at inference time with their noise, and guards."""

from collections.abc import Mapping

from benchmarks.comparison.cases import NO_DEFENCE, Head

# A softmax at temperature 1: the model's own answers.
PLAIN = Head(NO_DEFENCE, "temperature", {"temperature": 1})


def simple(confidence: float) -> Mapping[str, Head]:
    """Give the heads without noise, and the papers' own; the confidence is the target's accuracy on new rows."""
    return _named(
        Head("temperature", "temperature", {"temperature": 10}),
        Head("top-k", "top-k", {"classes_shown": 3}),
        Head("rounding", "rounding", {"decimals": 1}),
        Head("label-only", "label-only", {"confidence": confidence}),
        Head("hamp-output", "hamp-output", noise="keyed", fitted=True),
        Head("memguard", "memguard", fitted=True, shadows=True),
        Head("memguard-limit", "memguard-limit", fitted=True, shadows=True),
        Head("targeted", "targeted", fitted=True, shadows=True),
        Head("dynanoise-papers", "dynanoise", {"base_variance": 0.3, "lambda": 2, "temperature": 10}),
    )


def noisy(sigma0: float, temperature: float) -> Mapping[str, Head]:
    """Give the heads with keyed noise that keep the labels, at one strength."""
    strength = {"sigma0": sigma0, "temperature": temperature}
    static = {"sigma": sigma0 * 3**0.5, "temperature": temperature}  # DynaNoise's where the model is sure, with λ = 2
    return _named(
        Head("static-noise", "static-noise", static, noise="keyed", keep_label=True),
        Head("dynanoise-kept", "dynanoise", strength, noise="keyed", keep_label=True),
        Head("dynanoise-spread", "dynanoise-spread", strength, noise="keyed", keep_label=True),
        Head("neighborhood-blending", "neighborhood-blending", noise="keyed", fitted=True),
    )


def guarded(head: Head, guard: str, **parameters: float) -> Head:
    """Put a guard before a head; its parameters are in the name."""
    added = "-".join([guard, "guard", *(f"{name}-{value:g}" for name, value in parameters.items())])
    name = added if head is PLAIN else f"{head.name}-{added}"
    return Head(**{**vars(head), "name": name, "guard": guard, "guard_parameters": parameters})


def _named(*heads: Head) -> Mapping[str, Head]:
    return {head.name: head for head in heads}
