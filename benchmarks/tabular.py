"""Default estimators on small tables: five-fold cross-validated scores and fit times.

Every estimator runs with its defaults behind a ``StandardScaler``. The folds are the same for all;
those that take a ``random_state`` are fitted with seeds 0 to 4. Run from the checkout:

    python benchmarks/tabular.py --csv tabular.csv
    python benchmarks/tabular.py --peers KAN EBM --tasks diabetes wine
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skkan import KANClassifier, KANRegressor


@dataclass(frozen=True)
class Task:
    """A data set, as arrays, and whether its target is a class."""

    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    classification: bool


def _bundled(load: Callable[..., tuple[np.ndarray, np.ndarray]], classification: bool) -> Task:
    return Task(lambda: load(return_X_y=True), classification)


def _made(make: Callable[..., tuple[np.ndarray, np.ndarray]], n: int, noise: float) -> Task:
    return Task(lambda: make(n, noise=noise, random_state=0), False)


def _pure_noise() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 10)), rng.normal(size=200)


TASKS = {
    "diabetes": _bundled(load_diabetes, False),
    "friedman1": _made(make_friedman1, 1000, 1.0),
    "friedman2": _made(make_friedman2, 1000, 50.0),
    "friedman3": _made(make_friedman3, 1000, 0.1),
    "breast cancer": _bundled(load_breast_cancer, True),
    "wine": _bundled(load_wine, True),
    "iris": _bundled(load_iris, True),
    "digits": _bundled(load_digits, True),
    "pure noise": Task(_pure_noise, False),
}


def _explainable_boosting(classification: bool, seed: int) -> BaseEstimator:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingClassifier if classification else ExplainableBoostingRegressor
    return kind(random_state=seed, n_jobs=1)


PEERS: dict[str, Callable[[bool, int], BaseEstimator]] = {
    "KAN": lambda c, seed: (KANClassifier if c else KANRegressor)(random_state=seed),
    "linear": lambda c, _: LogisticRegression() if c else Ridge(),
    "MLP": lambda c, seed: (
        MLPClassifier(max_iter=500, random_state=seed)
        if c
        else TransformedTargetRegressor(
            MLPRegressor(max_iter=500, random_state=seed), transformer=StandardScaler()
        )
    ),
    "boosting": lambda c, seed: (
        HistGradientBoostingClassifier if c else HistGradientBoostingRegressor
    )(random_state=seed),
    "GAM": lambda c, _: make_pipeline(
        SplineTransformer(6), LogisticRegression(max_iter=1000) if c else RidgeCV()
    ),
    "EBM": _explainable_boosting,
}


def cross_validated(task: Task, peer: str, seed: int) -> dict[str, float]:
    """Return mean scores over the folds and the median time of a fit in seconds."""
    X, y = task.load()
    kind = StratifiedKFold if task.classification else KFold
    scores, losses, seconds = [], [], []
    for train, test in kind(5, shuffle=True, random_state=0).split(X, y):
        model = make_pipeline(StandardScaler(), PEERS[peer](task.classification, seed))
        start = time.perf_counter()
        model.fit(X[train], y[train])
        seconds.append(time.perf_counter() - start)
        if is_classifier(model):
            scores.append(accuracy_score(y[test], model.predict(X[test])))
            losses.append(log_loss(y[test], model.predict_proba(X[test]), labels=np.unique(y)))
        else:
            scores.append(r2_score(y[test], model.predict(X[test])))
    log_loss_mean = float(np.mean(losses)) if losses else np.nan
    return {
        "score": float(np.mean(scores)),
        "log_loss": log_loss_mean,
        "seconds": float(np.median(seconds)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--csv", help="write every row to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in arguments.tasks:
        for peer in arguments.peers:
            # One seed stands for estimators that draw no random numbers.
            seeds = 1 if peer in {"linear", "GAM"} else arguments.seeds
            for seed in range(seeds):
                result = cross_validated(TASKS[name], peer, seed)
                rows.append({"task": name, "peer": peer, "seed": seed, **result})
            own = pd.DataFrame(rows[-seeds:])
            print(
                f"{name:14s} {peer:9s} score {own.score.mean():7.4f} "
                f"(worst {own.score.min():7.4f}, best {own.score.max():7.4f})  "
                f"log-loss {own.log_loss.mean():6.4f} (worst {own.log_loss.max():6.4f})  "
                f"{own.seconds.median():6.2f} s a fit",
                flush=True,
            )
    if arguments.csv:
        pd.DataFrame(rows).to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
