"""Boosted trees of LightGBM, XGBoost and CatBoost, converted by onnxmltools or by their own writers."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from benchmarks.zoo.data import Data, cancer, digits, iris, wine
from benchmarks.zoo.entry import Entry, Made, Scores

SMALL: dict[str, Any] = {"n_estimators": 20, "max_depth": 3}


def boosting() -> Iterator[Entry]:
    """Give the entries."""
    for name, make in (("LightGBM", lightgbm), ("XGBoost", xgboost)):
        yield Entry(f"{name}, 2 classes", "onnxmltools", Scores.SOFTMAX, partial(make, {}, cancer))
        yield Entry(f"{name}, 3 classes", "onnxmltools", Scores.SOFTMAX, partial(make, {}, wine))
        yield Entry(f"{name}, 10 classes", "onnxmltools", Scores.SOFTMAX, partial(make, {}, digits))
    yield Entry(
        "LightGBM, 3 classes, no ZipMap", "onnxmltools", Scores.SOFTMAX, partial(lightgbm, {}, iris, zipmap=False)
    )
    forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    yield Entry("LightGBM, a random forest", "onnxmltools", Scores.PROBABILITIES, partial(lightgbm, forest, cancer))
    against_rest = {"objective": "multiclassova"}
    yield Entry("LightGBM, one against rest", "onnxmltools", Scores.SOFTMAX, partial(lightgbm, against_rest, wine))
    yield Entry("XGBoost, a forest", "onnxmltools", Scores.SOFTMAX, partial(xgboost, {"num_parallel_tree": 4}, wine))
    yield Entry("XGBoost, regression", "onnxmltools", Scores.REFUSED, partial(xgboost, {"regression": True}, wine))
    yield Entry("CatBoost, 2 classes", "CatBoost", Scores.SOFTMAX, partial(catboost, cancer))
    yield Entry("CatBoost, 3 classes", "CatBoost", Scores.SOFTMAX, partial(catboost, wine))


def lightgbm(options: dict[str, Any], data: Callable[[], Data], folder: Path, *, zipmap: bool = True) -> Made:
    """Train a classifier with LightGBM and write its ONNX file."""
    from lightgbm import LGBMClassifier
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    given = data()
    model = LGBMClassifier(**SMALL, **options, verbose=-1).fit(given.x, given.y)
    types = [("X", FloatTensorType([None, given.x.shape[1]]))]
    # onnxmltools' file of a forest does not give LightGBM's own probabilities.
    return saved(convert_lightgbm(model, initial_types=types, zipmap=zipmap), given, model, folder, own=not options)


def xgboost(options: dict[str, Any], data: Callable[[], Data], folder: Path) -> Made:
    """Train a model with XGBoost and write its ONNX file."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier, XGBRegressor

    given = data()
    others = {name: value for name, value in options.items() if name != "regression"}
    kind = XGBRegressor if "regression" in options else XGBClassifier
    model = kind(**SMALL, **others).fit(given.x, given.y)
    types = [("X", FloatTensorType([None, given.x.shape[1]]))]
    return saved(convert_xgboost(model, initial_types=types), given, model, folder)


def catboost(data: Callable[[], Data], folder: Path) -> Made:
    """Train a classifier with CatBoost, which writes ONNX itself."""
    from catboost import CatBoostClassifier

    given = data()
    model = CatBoostClassifier(iterations=20, depth=3, verbose=False, allow_writing_files=False).fit(given.x, given.y)
    path = folder / "model.onnx"
    model.save_model(str(path), format="onnx")
    return Made(path, {"features": given.few}, scores=exact(model, given), labels=given.y[: len(given.few)])


def saved(proto: onnx.ModelProto, given: Data, model: Any, folder: Path, *, own: bool = True) -> Made:
    """Write a converted model."""
    path = folder / "model.onnx"
    onnx.save(proto, path)
    scores = exact(model, given) if own else None
    return Made(path, {"X": given.few}, scores=scores, labels=given.y[: len(given.few)])


def exact(model: Any, given: Data) -> Any:
    """Give a binary classifier's own probabilities: one minus one near 1 is not exact in the file's float32."""
    return model.predict_proba(given.few) if len(getattr(model, "classes_", ())) == 2 else None
