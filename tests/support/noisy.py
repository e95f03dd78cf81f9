"""Models in NumPy that answer in float32 like a defended file, right or wrong in one way."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation.check import CheckCode
from dynanoise_export.validation.repeated_answers import Again, Answers

PAPER = DynaNoise()
F = np.float32


def entropy(z: np.ndarray) -> np.ndarray:
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(np.exp(log_p) * log_p).sum(axis=1, keepdims=True)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def right_scale(z: np.ndarray, p: DynaNoise) -> np.ndarray:
    return F(p.sigma0) * np.sqrt(1 + F(p.lambda_) * (1 - entropy(z) / F(np.log(z.shape[1]))))


def right_draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=F)


def right_finish(z: np.ndarray, noise: np.ndarray, p: DynaNoise) -> np.ndarray:
    return softmax((z + noise) / F(p.temperature))


@dataclass(frozen=True)
class Model:
    """A defended model, each step of which can be replaced by a wrong one.

    `scale(z, p)` gives σ(q), `draw(rng, shape)` the standard normals, `finish(z, noise, p)` the answer.
    """

    scale: Callable = right_scale
    draw: Callable = right_draw
    finish: Callable = right_finish

    def __call__(self, z: np.ndarray, p: DynaNoise, rng: np.random.Generator) -> np.ndarray:
        with np.errstate(over="ignore"):
            return self.finish(z, self.scale(z, p) * self.draw(rng, z.shape), p).astype(F)


def logits(rng: np.random.Generator, rows: int, classes: int, widest: float = 6.0) -> np.ndarray:
    """Make logits whose R(q) lies anywhere between 0 and nearly 1."""
    return (rng.standard_normal((rows, classes)) * rng.uniform(0, widest, (rows, 1))).astype(F)


def query(
    model: Callable, z: np.ndarray, p: DynaNoise, rng: np.random.Generator, calls: int = 2, sessions: int = 0
) -> Answers:
    """Query a model as an audit does, in `sessions` other sessions too."""
    order = rng.permutation(len(z))
    own = np.stack([model(z, p, rng) for _ in range(calls)])
    permuted = model(z[order], p, rng)
    others = {Again.BETWEEN_SESSIONS: np.stack([model(z, p, rng) for _ in range(sessions)])} if sessions else {}
    return Answers(own, permuted, order, others)


def _drawing(draw: Callable) -> Model:
    return replace(Model(), draw=draw)


def _scaled(scale: Callable) -> Model:
    return replace(Model(), scale=scale)


def _finished(finish: Callable) -> Model:
    return replace(Model(), finish=finish)


def _variance(factor: Callable) -> Model:
    """Make a model with σ₀² · factor(H, k, λ) as its variance."""
    return _scaled(
        lambda z, p: F(p.sigma0) * np.sqrt(np.maximum(factor(entropy(z), z.shape[1], p.lambda_), 0).astype(F))
    )


def _noise_after_softmax(z: np.ndarray, noise: np.ndarray, p: DynaNoise) -> np.ndarray:
    noisy = np.maximum(softmax(z / F(p.temperature)) + noise, F(1e-6))
    return noisy / noisy.sum(axis=1, keepdims=True)


class Recorded:
    """Noise that repeats: in the n-th call it is the draw numbered `again(n)`, times `sign(n)`."""

    def __init__(self, again: Callable[[int], int], sign: Callable[[int], int] = lambda call: 1) -> None:
        self.again, self.sign = again, sign
        self.drawn: dict[int, np.ndarray] = {}
        self.call = -1

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        self.call += 1
        which = self.again(self.call)
        if which not in self.drawn:
            self.drawn[which] = right_draw(rng, shape)
        return F(self.sign(self.call)) * self.drawn[which]


def _batches_of(size: int) -> Callable:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return np.tile(right_draw(rng, (size, shape[1])), (-(-shape[0] // size), 1))[: shape[0]]

    return draw


def _partly_scaled(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return right_draw(rng, shape) * np.linspace(0.8, 1.2, shape[0], dtype=F)[:, None]


def _none_first(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return right_draw(rng, shape) * (np.arange(shape[0]) > 0)[:, None]


def _shared_scale(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    scale = np.sqrt(rng.uniform(0.5, 1.5, (shape[0], 1)))
    return (right_draw(rng, shape) * scale).astype(F)


def _partly_shared(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Give each row a little of the noise of the row before."""
    drawn = right_draw(rng, (shape[0] + 1, shape[1]))
    return F(np.sqrt(0.98)) * drawn[1:] + F(np.sqrt(0.02)) * drawn[:-1]


# Each with a check that must fail; others may fail too. They are functions, because a `Recorded` holds its draws.
WRONG: dict[str, tuple[Callable[[], Model], CheckCode]] = {
    "the deviation squared": (
        lambda: _scaled(lambda z, p: right_scale(z, p) ** 2),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "square root taken twice": (lambda: _scaled(lambda z, p: np.sqrt(right_scale(z, p))), CheckCode.NOISE_VARIANCE),
    "λ missing": (lambda: _scaled(lambda z, p: F(p.sigma0)), CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY),
    "R reversed": (
        lambda: _variance(lambda h, k, lam: 1 + lam * h / np.log(k)),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "log2 in H": (
        lambda: _variance(lambda h, k, lam: 1 + lam * (1 - h / np.log(2) / np.log(k))),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "H not normalised": (
        lambda: _variance(lambda h, k, lam: 1 + lam * (1 - h)),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "R averaged over the batch": (
        lambda: _scaled(lambda z, p: np.sqrt(np.mean(right_scale(z, p) ** 2))),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "R of the next row": (
        lambda: _scaled(lambda z, p: np.roll(right_scale(z, p), 1)),
        CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
    ),
    "T before the noise": (
        lambda: _finished(lambda z, n, p: softmax(z / F(p.temperature) + n)),
        CheckCode.NOISE_VARIANCE,
    ),
    "T missing": (lambda: _finished(lambda z, n, p: softmax(z + n)), CheckCode.NOISE_AGAINST_LOGITS),
    "T off by a fiftieth": (
        lambda: _finished(lambda z, n, p: softmax((z + n) / F(1.02 * p.temperature))),
        CheckCode.NOISE_AGAINST_LOGITS,
    ),
    "noise after the softmax": (lambda: _finished(_noise_after_softmax), CheckCode.NOISE_VARIANCE),
    "no noise": (lambda: _drawing(lambda rng, shape: np.zeros(shape, F)), CheckCode.NOISE_VARIANCE),
    "one draw for the batch": (lambda: _drawing(_batches_of(1)), CheckCode.NOISE_BETWEEN_ROWS),
    "one draw for every 32 rows": (lambda: _drawing(_batches_of(32)), CheckCode.NOISE_BETWEEN_ROWS),
    "one draw for every 37 rows": (lambda: _drawing(_batches_of(37)), CheckCode.NOISE_REPEATED),
    "some of the row before": (lambda: _drawing(_partly_shared), CheckCode.NOISE_BETWEEN_ROWS),
    "one draw for all classes": (
        lambda: _drawing(lambda rng, shape: np.repeat(right_draw(rng, (shape[0], 1)), shape[1], axis=1)),
        CheckCode.NOISE_VARIANCE,
    ),
    "classes merged in pairs": (
        lambda: _drawing(lambda rng, shape: np.repeat(right_draw(rng, shape), 2, axis=1)[:, : shape[1]]),
        CheckCode.NOISE_BETWEEN_CLASSES,
    ),
    "noise for the first class only": (
        lambda: _drawing(lambda rng, shape: right_draw(rng, shape) * (np.arange(shape[1]) == 0)),
        CheckCode.NOISE_VARIANCE_OVER_CLASSES,
    ),
    "uniform": (
        lambda: _drawing(lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape).astype(F)),
        CheckCode.NOISE_TAILS,
    ),
    "Laplace": (
        lambda: _drawing(lambda rng, shape: rng.laplace(0, np.sqrt(0.5), shape).astype(F)),
        CheckCode.NOISE_TAILS,
    ),
    "Gumbel": (
        lambda: _drawing(lambda rng, shape: rng.gumbel(0, np.sqrt(6) / np.pi, shape).astype(F)),
        CheckCode.NOISE_TAILS,
    ),
    "scaled by 0.97": (lambda: _drawing(lambda rng, shape: F(0.97) * right_draw(rng, shape)), CheckCode.NOISE_VARIANCE),
    "a mean of 0.2 on one class": (
        lambda: _drawing(lambda rng, shape: right_draw(rng, shape) + F(0.2) * (np.arange(shape[1]) == 4)),
        CheckCode.NOISE_MEAN,
    ),
    "the same in both calls": (lambda: _drawing(Recorded(lambda call: call // 2)), CheckCode.NOISE_BETWEEN_CALLS),
    "constant": (lambda: _drawing(Recorded(lambda call: 0)), CheckCode.NOISE_BOUND_TO_POSITION),
    "constant up to its sign": (
        lambda: _drawing(Recorded(lambda call: 0, lambda call: 1 - 2 * (call % 2))),
        CheckCode.NOISE_BETWEEN_CALLS,
    ),
    "larger towards the end of the batch": (lambda: _drawing(_partly_scaled), CheckCode.NOISE_VARIANCE_OVER_POSITIONS),
    "none for the first row": (lambda: _drawing(_none_first), CheckCode.NOISE_VARIANCE_OVER_POSITIONS),
    "a scale of its own for each row": (lambda: _drawing(_shared_scale), CheckCode.NOISE_VARIANCE_OVER_QUERIES),
}
