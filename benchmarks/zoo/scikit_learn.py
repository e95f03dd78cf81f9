"""Classifiers of scikit-learn, converted by skl2onnx."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn import (
    calibration,
    discriminant_analysis,
    ensemble,
    gaussian_process,
    linear_model,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    svm,
    tree,
)  # fmt: skip
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from benchmarks.zoo.data import Data, cancer, digits, iris, several_labels, wine
from benchmarks.zoo.entry import Entry, Made, Scores
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceOptions

SOFTMAX, LOGITS, PROBABILITIES, REFUSED = Scores.SOFTMAX, Scores.LOGITS, Scores.PROBABILITIES, Scores.REFUSED


LOGISTIC = linear_model.LogisticRegression(max_iter=300)


@dataclass(frozen=True)
class Classifier:
    """A classifier of scikit-learn.

    Attributes:
        name: for people.
        model: not yet trained.
        data: makes its training set.
        scores: what they are.
        both: whether it is tried without a ZipMap too, which the converter writes by default.
        example: whether the file does not run on made-up rows, so that the user must give an example.
        exact: whether the file's probabilities are scikit-learn's.
        options: of the converter.
    """

    name: str
    model: Any
    data: Callable[[], Data]
    scores: Scores
    both: bool = False
    example: bool = False
    exact: bool = True
    options: Mapping[str, object] = field(default_factory=dict)


def scikit_learn() -> Iterator[Entry]:
    """Give the entries."""
    for one in classifiers():
        yield Entry(one.name, "skl2onnx", one.scores, partial(converted, one, one.options))
        if one.both:
            make = partial(converted, one, {**one.options, "zipmap": False})
            yield Entry(f"{one.name}, no ZipMap", "skl2onnx", one.scores, make)


def classifiers() -> list[Classifier]:
    """Give the classifiers."""
    return [
        Classifier(
            "LogisticRegression, 10 classes", linear_model.LogisticRegression(max_iter=300), digits, SOFTMAX, both=True
        ),
        Classifier("LogisticRegression, 2 classes", linear_model.LogisticRegression(), cancer, SOFTMAX, both=True),
        Classifier(
            "LogisticRegression, raw scores",
            linear_model.LogisticRegression(max_iter=300),
            digits,
            LOGITS,
            options={"raw_scores": True},
        ),
        Classifier("LogisticRegression, raw features", linear_model.LogisticRegression(max_iter=900), iris, SOFTMAX),
        Classifier("LinearSVC, 10 classes", svm.LinearSVC(), digits, LOGITS),
        Classifier("LinearSVC, 2 classes", svm.LinearSVC(), cancer, Scores.ONE_LOGIT),
        Classifier("SVC, 10 classes", svm.SVC(), digits, LOGITS),
        Classifier("SVC, 2 classes", svm.SVC(), cancer, LOGITS),
        Classifier("SVC with probabilities, 10 classes", svm.SVC(probability=True), digits, PROBABILITIES, both=True),
        Classifier("SVC with probabilities, 2 classes", svm.SVC(probability=True), cancer, PROBABILITIES),
        Classifier("NuSVC, one against one", svm.NuSVC(decision_function_shape="ovo"), iris, LOGITS),
        Classifier("SGD with hinge loss", linear_model.SGDClassifier(random_state=0), digits, LOGITS),
        Classifier(
            "SGD with log loss", linear_model.SGDClassifier(loss="log_loss", random_state=0), digits, PROBABILITIES
        ),
        Classifier(
            "SGD with log loss, 2 classes", linear_model.SGDClassifier(loss="log_loss", random_state=0), cancer, SOFTMAX
        ),
        Classifier(
            "SGD with modified Huber loss",
            linear_model.SGDClassifier(loss="modified_huber", random_state=0),
            digits,
            PROBABILITIES,
        ),
        Classifier("Perceptron", linear_model.Perceptron(random_state=0), digits, LOGITS),
        Classifier("RidgeClassifier", linear_model.RidgeClassifier(), digits, LOGITS),
        Classifier("RidgeClassifier, 2 classes", linear_model.RidgeClassifier(), cancer, Scores.ONE_LOGIT),
        Classifier("DecisionTree", tree.DecisionTreeClassifier(random_state=0), digits, PROBABILITIES),
        Classifier("DecisionTree, 2 classes", tree.DecisionTreeClassifier(random_state=0), cancer, PROBABILITIES),
        Classifier("ExtraTree", tree.ExtraTreeClassifier(random_state=0), digits, PROBABILITIES),
        Classifier(
            "RandomForest", ensemble.RandomForestClassifier(50, random_state=0), digits, PROBABILITIES, both=True
        ),
        Classifier(
            "RandomForest, 2 classes", ensemble.RandomForestClassifier(50, random_state=0), cancer, PROBABILITIES
        ),
        Classifier("ExtraTrees", ensemble.ExtraTreesClassifier(50, random_state=0), digits, PROBABILITIES, both=True),
        Classifier("GradientBoosting, 3 classes", ensemble.GradientBoostingClassifier(n_estimators=30), iris, SOFTMAX),
        Classifier(
            "GradientBoosting, 2 classes",
            ensemble.GradientBoostingClassifier(n_estimators=30),
            cancer,
            SOFTMAX,
            both=True,
        ),
        Classifier(
            "HistGradientBoosting, 3 classes", ensemble.HistGradientBoostingClassifier(max_iter=30), wine, SOFTMAX
        ),
        Classifier(
            "HistGradientBoosting, 2 classes", ensemble.HistGradientBoostingClassifier(max_iter=30), cancer, SOFTMAX
        ),
        Classifier("AdaBoost", ensemble.AdaBoostClassifier(random_state=0), wine, SOFTMAX),
        Classifier("Bagging", ensemble.BaggingClassifier(random_state=0), wine, PROBABILITIES),
        Classifier("KNeighbors", neighbors.KNeighborsClassifier(), digits, PROBABILITIES, both=True),
        Classifier("KNeighbors, by distance", neighbors.KNeighborsClassifier(weights="distance"), iris, PROBABILITIES),
        Classifier("RadiusNeighbors", neighbors.RadiusNeighborsClassifier(radius=3.0), iris, REFUSED, example=True),
        Classifier("GaussianNB", naive_bayes.GaussianNB(), wine, SOFTMAX),
        Classifier("MultinomialNB", naive_bayes.MultinomialNB(), digits, SOFTMAX),
        Classifier("BernoulliNB", naive_bayes.BernoulliNB(binarize=0.5), digits, SOFTMAX),
        Classifier("ComplementNB", naive_bayes.ComplementNB(), digits, SOFTMAX),
        Classifier("CategoricalNB", naive_bayes.CategoricalNB(), whole_digits, SOFTMAX, example=True),
        Classifier("MLP, 10 classes", neural_network.MLPClassifier((32,), max_iter=60), digits, SOFTMAX, both=True),
        Classifier("MLP, 2 classes", neural_network.MLPClassifier((16,), max_iter=60), cancer, SOFTMAX),
        Classifier(
            "MLP, several labels", neural_network.MLPClassifier((16,), max_iter=60), several_labels, REFUSED, both=True
        ),
        Classifier("GaussianProcess, 2 classes", gaussian_process.GaussianProcessClassifier(), few_iris, REFUSED),
        Classifier("LinearDiscriminantAnalysis", discriminant_analysis.LinearDiscriminantAnalysis(), wine, SOFTMAX),
        Classifier(
            "LinearDiscriminantAnalysis, 2 classes",
            discriminant_analysis.LinearDiscriminantAnalysis(),
            cancer,
            SOFTMAX,
            exact=False,
        ),
        Classifier(
            "QuadraticDiscriminantAnalysis", discriminant_analysis.QuadraticDiscriminantAnalysis(), wine, SOFTMAX
        ),
        Classifier("Voting, soft", voting("soft"), iris, PROBABILITIES),
        Classifier("Voting, hard", voting("hard"), iris, PROBABILITIES),
        Classifier("Stacking", ensemble.StackingClassifier(parts()), iris, SOFTMAX),
        Classifier(
            "CalibratedClassifierCV, sigmoid",
            calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
            digits,
            PROBABILITIES,
        ),
        Classifier(
            "CalibratedClassifierCV, isotonic",
            calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2, method="isotonic"),
            iris,
            PROBABILITIES,
        ),
        Classifier("OneVsRest", multiclass.OneVsRestClassifier(LOGISTIC), digits, PROBABILITIES),
        Classifier(
            "OneVsRest, several labels", multiclass.OneVsRestClassifier(LOGISTIC), several_labels, REFUSED, both=True
        ),
        Classifier("OneVsOne", multiclass.OneVsOneClassifier(LOGISTIC), iris, LOGITS),
        Classifier("MultiOutput", multioutput.MultiOutputClassifier(LOGISTIC), several_labels, REFUSED),
        Classifier("KNeighbors, several labels", neighbors.KNeighborsClassifier(), several_labels, REFUSED, both=True),
        Classifier(
            "RandomForest, several labels", ensemble.RandomForestClassifier(10), several_labels, REFUSED, both=True
        ),
        Classifier("Pipeline with a scaler", make_pipeline(StandardScaler(), LOGISTIC), iris, SOFTMAX),
        Classifier("Pipeline with a ColumnTransformer", columns(), wine, PROBABILITIES),
        Classifier("GridSearchCV over an MLP", searched(), iris, SOFTMAX),
        Classifier("LinearRegression", linear_model.LinearRegression(), iris, REFUSED),
        Classifier("RandomForestRegressor", ensemble.RandomForestRegressor(10), iris, REFUSED),
        Classifier("Words for classes", linear_model.LogisticRegression(max_iter=900), named_iris, SOFTMAX),
    ]


def converted(one: Classifier, options: Mapping[str, object], folder: Path) -> Made:
    """Train a classifier and write its ONNX file."""
    from skl2onnx import to_onnx

    given = one.data()
    model = one.model.fit(given.x, given.y)
    path, example = folder / "model.onnx", folder / "example.npz"
    onnx.save(to_onnx(model, given.x[:1], options={id(model): dict(options)} if options else None), path)
    np.savez(example, X=given.few)
    # One minus a probability near 1 is not exact in the file's float32.
    own = one.exact and one.scores is Scores.SOFTMAX and len(model.classes_) == 2
    labels = given.y[: len(given.few)]
    return Made(
        path,
        {"X": given.few},
        SourceOptions(
            example=example if one.example else None, scores=ScoreOptions(binary=one.scores is Scores.ONE_LOGIT)
        ),
        model.predict_proba(given.few.astype(np.float64)) if own else None,
        labels=labels if labels.ndim == 1 and labels.dtype.kind == "i" else None,
    )


def parts() -> list[tuple[str, Any]]:
    """Give the classifiers of an ensemble."""
    return [("tree", tree.DecisionTreeClassifier(max_depth=3)), ("bayes", naive_bayes.GaussianNB())]


def voting(kind: str) -> Any:
    """Give a vote."""
    return ensemble.VotingClassifier(parts(), voting=kind, flatten_transform=False)


def columns() -> Any:
    """Give a forest behind scalers of single columns."""
    scaled = ColumnTransformer([("a", StandardScaler(), [0, 1, 2]), ("b", MinMaxScaler(), [3, 4])])
    return make_pipeline(scaled, ensemble.RandomForestClassifier(20, random_state=0))


def searched() -> Any:
    """Give a classifier that was chosen by a search."""
    return GridSearchCV(neural_network.MLPClassifier(max_iter=80), {"hidden_layer_sizes": [(8,), (16,)]}, cv=2)


def whole_digits() -> Data:
    """Give the digits in 17 grey levels."""
    given = digits()
    return Data(np.rint(given.x * 16).astype(np.int64), given.y)


def few_iris() -> Data:
    """Give two classes of few rows."""
    given = iris()
    return Data(given.x[50:], given.y[50:] - 1)


def named_iris() -> Data:
    """Give classes that have names instead of numbers."""
    given = iris()
    return Data(given.x, np.array(["setosa", "versicolor", "virginica"])[given.y])
