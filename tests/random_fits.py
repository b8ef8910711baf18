"""Random small fits, and what has to hold for every one of them."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skkan import KANClassifier, KANRegressor

COLUMNS = {
    "normal": lambda r, n: r.normal(size=n),
    "cauchy": lambda r, n: r.standard_cauchy(n),
    "lognormal": lambda r, n: np.exp(3.0 * r.normal(size=n)),
    "zeros and some": lambda r, n: np.where(r.random(n) < 0.9, 0.0, r.exponential(size=n)),
    "binary": lambda r, n: r.integers(0, 2, n).astype(float),
    "ties": lambda r, n: r.integers(0, 4, n).astype(float),
    "constant": lambda _, n: np.full(n, 3.7),
    "outlier": lambda r, n: np.append(r.normal(size=n - 1), 1e6),
    "large integers": lambda r, n: 1e18 + 128.0 * r.integers(0, 10, n),
    "huge": lambda r, n: 1e110 * r.normal(size=n),
    "tiny": lambda r, n: 1e-160 * r.normal(size=n),
    "one jump": lambda _, n: (np.arange(n) == 0).astype(float),
}
TARGETS = {
    "smooth": lambda r, z: np.sin(2.0 * z) + 0.1 * r.normal(size=len(z)),
    "exact": lambda _, z: np.tanh(z),
    "noise": lambda r, z: r.normal(size=len(z)),
    "cauchy": lambda r, z: r.standard_cauchy(len(z)),
    "constant": lambda _, z: np.full(len(z), -2.5),
    "huge": lambda r, z: 1e155 * (z + r.normal(size=len(z))),
    "tiny": lambda r, z: 1e-170 * (z + r.normal(size=len(z))),
    "one outlier": lambda _, z: np.where(np.arange(len(z)) == 1, 1e4, z),
}
WEIGHTS = {
    "none": lambda *_: None,
    "counts": lambda r, n: r.integers(1, 4, n).astype(float),
    "uneven": lambda r, n: 10.0 ** r.uniform(-6.0, 6.0, n),
    "some zero": lambda r, n: np.where(np.arange(n) % 3 == 2, 0.0, r.random(n) + 0.1),
    "equal": lambda _, n: np.full(n, 1e-3),
}
LOSSES = ["squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"]
# What a message has to name: an argument, or what stands for it in scikit-learn's own messages.
NAMES = re.compile(r"\b(X|y|sample_weight|class|classes|early_stopping|sample|samples)\b")


@dataclass(frozen=True)
class Case:
    """A fit to be tried."""

    seed: int
    n_rows: int
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    n_classes: int
    weights: str
    parameters: dict[str, Any]

    def data(self):
        """Return `X`, `y` and weights."""
        rng, n = np.random.default_rng(self.seed), self.n_rows
        X = np.column_stack([COLUMNS[name](rng, n) for name in self.columns])
        ranks = X.argsort(axis=0).argsort(axis=0) / max(n - 1, 1)
        z = (2.0 * ranks - 1.0).sum(axis=1)
        if self.n_classes:
            y = np.digitize(z + 0.3 * rng.normal(size=n), np.linspace(-1, 1, self.n_classes - 1))
            y[: self.n_classes] = np.arange(self.n_classes)
        else:
            y = np.column_stack([TARGETS[name](rng, z) for name in self.targets])
            y = y[:, 0] if len(self.targets) == 1 else y
        return X, y, WEIGHTS[self.weights](rng, n)

    def estimator(self):
        """Return the estimator, not fitted."""
        parameters = dict(self.parameters)
        loss = parameters.pop("loss", "squared_error")
        if self.n_classes:
            return KANClassifier(random_state=0, **parameters)
        quantile = 0.8 if loss == "quantile" else None
        return KANRegressor(loss=loss, quantile=quantile, random_state=0, **parameters)


def cases() -> st.SearchStrategy[Case]:
    """Return a strategy for cases."""
    parameters = st.fixed_dictionaries(
        {
            "solver": st.sampled_from(["lm", "lbfgs", "adam"]),
            "hidden_layer_sizes": st.sampled_from(
                ["auto", (), (1,), (2,), (2, 1), ((1, 1),), ((0, 1), 2)]
            ),
            "max_iter": st.sampled_from([1, 2, 5, 12]),
            "n_restarts": st.sampled_from([1, 2]),
        },
        optional={
            "grid_size": st.sampled_from([1, 2, 3, 9, (2, 4), 14]),
            "degree": st.sampled_from([1, 2, 4]),
            "alpha": st.sampled_from([0.0, 1e-8, 1e-3, 1.0, 1e3]),
            "knots": st.sampled_from([0.5, "quantile"]),
            "base_function": st.sampled_from(["silu", "identity"]),
            "dtype": st.just("float32"),
            "early_stopping": st.just(True),
            "sparsity": st.sampled_from([1e-3, 0.1]),
            "batch_size": st.sampled_from([1, 7]),
            "learning_rate_init": st.sampled_from([0.1, 10.0]),
            "max_cache_bytes": st.just(0),
            "loss": st.sampled_from(LOSSES),
        },
    )
    return st.builds(
        Case,
        seed=st.integers(0, 10**6),
        n_rows=st.integers(3, 60),
        columns=st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3).map(tuple),
        targets=st.lists(st.sampled_from(list(TARGETS)), min_size=1, max_size=2).map(tuple),
        n_classes=st.sampled_from([0, 0, 0, 2, 3]),
        weights=st.sampled_from(list(WEIGHTS)),
        parameters=parameters,
    )


def check(case: Case) -> None:
    """Fit, and assert what holds for every fit."""
    X, y, weight = case.data()
    refusal = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Rows that are held out may lie far beyond the others.
        warnings.filterwarnings("ignore", "X has rows that lie beyond")
        try:
            model = case.estimator().fit(X, y, sample_weight=weight)
            out = model.decision_function(X) if case.n_classes else model.predict(X)
        except (ValueError, TypeError) as error:
            refusal = error
    if refusal is not None:
        assert NAMES.search(str(refusal)), f"names nothing: {refusal}"
        assert not isinstance(refusal, np.linalg.LinAlgError)
        return
    assert np.all(np.isfinite(out))
    if case.parameters.get("loss", "squared_error") != "squared_error" and not case.n_classes:
        # These have other constants.
        return
    weight = np.ones(len(X)) if weight is None else weight
    # Samples that are held out are no worse than by the constant of the others, which may have next
    # to no weight.
    held_out = case.parameters.get("early_stopping", False)
    slack = 10.0 if held_out else 1.0 + 1e-6
    if case.n_classes:
        shares = np.bincount(y, weight, case.n_classes) / weight.sum()
        entropy = -float(shares[shares > 0.0] @ np.log(shares[shares > 0.0]))
        chosen = np.take_along_axis(model.predict_log_proba(X), y[:, None], axis=1)[:, 0]
        assert -float(weight @ chosen) / weight.sum() <= entropy * slack + (1e-12, 10.0)[held_out]
        return
    y, out = y.reshape(len(y), -1), out.reshape(len(y), -1)
    size = np.maximum(np.abs(y).max(axis=0), 1e-300)
    y, out = y / size, out / size
    mean = weight @ y / weight.sum()
    deviation = np.sqrt(weight @ (y - mean) ** 2 / weight.sum())
    varies = deviation > 1e-12
    assert np.allclose(out[:, ~varies], y[:, ~varies], rtol=1e-6, atol=1e-9)
    if held_out:
        # What is learned for a millionth of the weight may be anything.
        if case.weights == "uneven":
            return
        assert np.all(np.abs(y - out)[weight > 0.0] <= slack * np.ptp(y, axis=0) + 1e-9)
        return
    error = (weight @ (y - out) ** 2)[varies] / deviation[varies] ** 2 / weight.sum()
    assert error.sum() <= varies.sum() * slack + 1e-9
