"""Timings for asv: ``asv run`` measures them, ``asv compare`` and ``asv publish`` show them."""

import pickle
import warnings

import numpy as np
from sklearn.datasets import load_diabetes, load_wine, make_friedman1

from skkan import KANClassifier, KANRegressor, KANSymbolicRegressor


class Fits:
    """What users wait for most."""

    timeout = 300.0
    number, repeat, warmup_time = 1, 3, 0.0

    def setup(self) -> None:
        warnings.simplefilter("ignore")
        self.friedman = make_friedman1(1000, noise=0.5, random_state=0)
        self.diabetes = load_diabetes(return_X_y=True)
        self.wine = load_wine(return_X_y=True)
        self.many = make_friedman1(50_000, noise=0.5, random_state=0)

    def time_network(self) -> None:
        KANRegressor(random_state=0).fit(*self.friedman)

    def time_additive_model(self) -> None:
        KANRegressor((), random_state=0).fit(*self.diabetes)

    def time_classifier(self) -> None:
        KANClassifier(random_state=0).fit(*self.wine)

    def time_many_rows(self) -> None:
        KANRegressor((3,), alpha=1e-4, max_iter=20, random_state=0).fit(*self.many)

    def time_grid_schedule(self) -> None:
        X = np.random.default_rng(0).uniform(-1.0, 1.0, (1000, 2))
        y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
        KANRegressor((1,), grid_size=(5, 10, 20), random_state=0).fit(X, y)

    def time_symbolic_regression(self) -> None:
        X = np.random.default_rng(0).uniform(-1.0, 1.0, (300, 2))
        KANSymbolicRegressor(random_state=0).fit(X, X[:, 0] ** 2 + np.sin(3.0 * X[:, 1]))


class Fitted:
    """What is done with a model again and again."""

    def setup(self) -> None:
        warnings.simplefilter("ignore")
        X, y = make_friedman1(100_000, random_state=0)
        self.model = KANRegressor((8,), alpha=1e-4, max_iter=20, random_state=0)
        self.model.fit(X[:1000], y[:1000])
        self.rows, self.row = X, X[:1]

    def time_one_prediction(self) -> None:
        self.model.predict(self.row)

    def time_many_predictions(self) -> None:
        self.model.predict(self.rows)

    def time_code(self) -> None:
        self.model.to_code("c")

    def time_pickle(self) -> None:
        pickle.loads(pickle.dumps(self.model))
