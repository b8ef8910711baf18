"""Random chains of public methods after a fit, and what has to hold after every step."""

import copy
import pickle
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from random_fits import NAMES
from sklearn.exceptions import ConvergenceWarning

from skkan import KANClassifier, KANRegressor
from skkan.training._progress import Phase

SYMBOLS = ("0", "x", "x^2", "exp", "sin", "log", "sqrt", "1/x", "tanh", "abs", "sign")
FEW = ("x", "x^2", "exp", "sin")
# Words that a message has to have one of: arguments, attributes and methods that it is about.
KNOWN = re.compile(
    NAMES.pattern + r"|edge|grid_size|threshold|symbol|parameters|partial_fit|derivative|formula"
)
COPYING = ("prune", "prune_inputs", "refine", "copy", "pickle")
SHAPES = ("auto", (), (1,), (2,), (2, 1), ((1, 1),))
UNITS = ((1.0, 1.0),) * 4 + ((1e6, 1e-6), (1e-12, 1e12), (1e100, 1e150), (1e-90, 1e-140))
LABELS = {
    "numbers": lambda codes: codes,
    "strings": lambda codes: np.array(["no", "yes", "\N{GREEK SMALL LETTER ALPHA}"])[codes],
    "objects": lambda codes: np.array(["no", "yes", "maybe"], dtype=object)[codes],
    "bool": lambda codes: codes > 0,
    "negative": lambda codes: -10 * codes,
}


@dataclass(frozen=True)
class Chain:
    """A fit, and what is done to it afterwards."""

    seed: int
    n_rows: int
    noise: float
    labels: str | None
    weighted: bool
    n_targets: int
    units: tuple[float, float]
    parameters: dict[str, Any]
    steps: tuple[tuple[str, int], ...]

    def estimator(self):
        """Return the estimator, not fitted."""
        cls = KANClassifier if self.labels else KANRegressor
        return cls(random_state=0, **self.parameters)

    def samples(self, rng, n_rows=None):
        """Return X, y and weights."""
        n_rows = n_rows or self.n_rows
        X = rng.uniform(-1.0, 1.0, size=(n_rows, 2))
        X[:, 1] = np.where(rng.random() < 0.3, np.round(X[:, 1]), X[:, 1])
        y = np.sin(3.0 * X[:, 0]) * (1.0 + X[:, 1]) + self.noise * rng.normal(size=n_rows)
        weight = np.round(3.0 * rng.random(n_rows)) + (0.5 if rng.random() < 0.5 else 0.0)
        weight[:2] = 1.0
        weight = weight if self.weighted else None
        if not self.labels:
            if self.n_targets > 1:
                y = np.column_stack([y, rng.normal(size=n_rows)])
            return X * self.units[0], y * self.units[1], weight
        codes = (y > 0.3).astype(int)
        codes[: min(2, n_rows)] = np.arange(min(2, n_rows))
        return X * self.units[0], LABELS[self.labels](codes), weight


# Models of chains that begin alike are fitted once.
FITTED: dict[str, Any] = {}


def chains_of(n_fits: int) -> st.SearchStrategy[Chain]:
    """Return a strategy for chains that begin with one of so many fits."""
    drawn = [_begun(number) for number in range(n_fits)]
    return st.builds(
        lambda begun, steps: replace(begun, steps=steps), st.sampled_from(drawn), steps()
    )


def _begun(number: int) -> Chain:
    """Return a chain of no steps."""
    rng = np.random.default_rng(number)
    parameters: dict[str, Any] = {
        "hidden_layer_sizes": SHAPES[number % len(SHAPES)],
        "max_iter": [3, 15][rng.integers(2)],
        "grid_size": [2, 3][rng.integers(2)],
        "n_restarts": 1,
    }
    options = {
        "alpha": [1e-12, 1e-4, 1.0, 0.0],
        "degree": [1, 2],
        "base_function": ["silu", "identity"],
        "solver": ["adam", "lm", "lbfgs"],
        "extrapolation": ["constant"],
        "warm_start": [True],
    }
    for name, values in options.items():
        if rng.random() < 0.25:
            parameters[name] = values[rng.integers(len(values))]
    return Chain(
        seed=number,
        n_rows=int(rng.integers(6, 40)),
        noise=float(rng.choice([0.0, 0.1])),
        labels=[None, None, *LABELS][rng.integers(2 + len(LABELS))],
        weighted=bool(rng.integers(2)),
        n_targets=int(rng.choice([1, 1, 1, 2])),
        units=UNITS[rng.integers(len(UNITS))],
        parameters=parameters,
        steps=(),
    )


def steps() -> st.SearchStrategy[tuple[tuple[str, int], ...]]:
    """Return a strategy for the methods of a chain."""
    names = [name.removeprefix("_do_") for name in vars(Walk) if name.startswith("_do_")]
    one = st.tuples(st.sampled_from(names), st.integers(0, 10**6))
    return st.lists(one, min_size=1, max_size=5).map(tuple)


def chains() -> st.SearchStrategy[Chain]:
    """Return a strategy for chains."""
    parameters = st.fixed_dictionaries(
        {
            "hidden_layer_sizes": st.sampled_from(SHAPES),
            "max_iter": st.sampled_from([3, 15, 60]),
            "grid_size": st.sampled_from([2, 3, 5]),
            "n_restarts": st.just(1),
        },
        optional={
            "alpha": st.sampled_from([0.0, 1e-12, 1e-4, 1.0]),
            "degree": st.sampled_from([1, 2]),
            "base_function": st.sampled_from(["silu", "identity"]),
            "solver": st.sampled_from(["adam", "lm", "lbfgs"]),
            "extrapolation": st.just("constant"),
            "warm_start": st.just(True),
        },
    )
    return st.builds(
        Chain,
        seed=st.integers(0, 10**6),
        n_rows=st.integers(6, 60),
        noise=st.sampled_from([0.0, 0.1]),
        labels=st.sampled_from([None, None, None, *LABELS]),
        weighted=st.booleans(),
        n_targets=st.sampled_from([1, 1, 1, 2]),
        units=st.sampled_from(UNITS),
        parameters=parameters,
        steps=steps(),
    )


@contextmanager
def interrupted(after: int):
    """Press Ctrl-C after so many iterations."""
    step, seen = Phase.step, [0]

    def stepping(self, loss, get_network):
        stop = step(self, loss, get_network)
        seen[0] += 1
        if seen[0] == after:
            raise KeyboardInterrupt
        return stop

    Phase.step = stepping
    try:
        yield
    finally:
        Phase.step = step


class Walk:
    """One chain on its way."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.X, y, weight = chain.samples(np.random.default_rng(chain.seed))
        key = repr(replace(chain, steps=()))
        if key not in FITTED:
            FITTED[key] = self.model = chain.estimator().fit(self.X, y, sample_weight=weight)
            self._check("fit")
        self.model = copy.deepcopy(FITTED[key])

    def run(self, formulas: bool) -> None:
        """Take all steps, and assert after each what has to hold."""
        for name, seed in self.chain.steps:
            before, state = self.model, fingerprint(self.model)
            try:
                getattr(self, f"_do_{name}")(np.random.default_rng(seed))
            except (ValueError, TypeError, AttributeError) as error:
                self._check_refusal(name, error)
                assert fingerprint(before) == state, f"{name} has failed and changed the model"
                self.model = before
                continue
            if name in COPYING:
                assert fingerprint(before) == state, f"{name} has changed the original"
            self._check(name)
        if formulas:
            self._check_formulas()

    def _check_refusal(self, name: str, error: Exception) -> None:
        if isinstance(error, AttributeError):
            assert self.model.solver == "lbfgs", f"{name}: {error}"
        assert KNOWN.search(str(error)), f"{name}: names nothing: {error}"
        assert not isinstance(error, np.linalg.LinAlgError), name

    def _check(self, name: str) -> None:
        model, X = self.model, self.X
        symbolic = any(layer.symbols for layer in model.network_.layers)
        try:
            expected = outputs(model, X)
        except ValueError:
            # Rows of a fit may lie outside of the domain of a function that came later.
            if not symbolic:
                raise
            return
        assert np.isfinite(expected).all(), name
        assert np.isfinite(model.loss_), name
        assert model.loss_ >= 0.0, name
        for attribute in set(attributes(model)) - {"terms_"}:
            for value in in_list(getattr(model, attribute)):
                if np.asarray(value).dtype.kind == "f":
                    assert np.isfinite(value).all(), f"{name}: {attribute}"

    def _check_formulas(self) -> None:
        """Assert that formula and code of what the chain has led to are its predictions.

        They take longer than all the rest, and those of the steps before are those of other chains.
        """
        model, X, name = self.model, self.X, "formula"
        try:
            expected = outputs(model, X)
        except ValueError:
            return
        size = max(float(np.abs(expected).max()), 1e-300)
        found = model.to_function()(X)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * size, err_msg=name)
        scope: dict[str, Any] = {}
        exec(model.to_code(), scope)
        # An exponential may overflow on the way to a probability of 0.
        with np.errstate(over="ignore"):
            found = np.stack(np.broadcast_arrays(*in_list(scope["formula"](*X.T))), axis=-1)
        found = found.reshape(expected.shape) if found.size == expected.size else found
        if found.shape == expected.shape:
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * size, err_msg=name)

    def _edge(self, rng, which="active"):
        layers = self.model.network_.layers
        edges = [
            (depth, *edge)
            for depth, layer in enumerate(layers)
            for edge in np.argwhere(getattr(layer, which)).tolist()
        ]
        return edges[rng.integers(len(edges))] if edges else (0, 0, 0)

    def _batch(self, rng):
        kind, n_rows = rng.integers(4), int(rng.integers(1, 30))
        X, y, weight = self.chain.samples(rng, n_rows if kind else max(n_rows, 3))
        if kind == 1:
            X = 1.5 * X
        if kind == 2:
            X = np.repeat(X[:1], len(X), axis=0)
        if self.chain.labels:
            known = np.isin(y, self.model.classes_)
            y = np.where(known, y, self.model.classes_[0]).astype(self.model.classes_.dtype)
        return X, y, weight

    def _do_prune(self, rng):
        self.model = self.model.prune(*(10.0 ** rng.uniform(-3, -0.5, 2)).tolist())

    def _do_prune_inputs(self, rng):
        self.model = self.model.prune_inputs(float(10.0 ** rng.uniform(-3, 0)))

    def _do_refine(self, rng):
        self.model = self.model.refine(self.model.network_.grid_size + int(rng.integers(0, 5)))

    def _do_copy(self, _):
        self.model = copy.deepcopy(self.model)

    def _do_pickle(self, _):
        other = pickle.loads(pickle.dumps(self.model))
        assert fingerprint(other) == fingerprint(self.model)
        np.testing.assert_array_equal(outputs(other, self.X), outputs(self.model, self.X))
        self.model = other

    def _do_fix_symbolic(self, rng):
        edge, symbol = self._edge(rng), SYMBOLS[rng.integers(len(SYMBOLS))]
        given = None
        if rng.random() < 0.3:
            given = rng.normal(size=4).tolist()
            # Of an argument of 1e100 no function knows its value.
            given[0] /= 1.0 if edge[0] else self.chain.units[0]
        self.model.fix_symbolic(*edge, symbol, given)

    def _do_unfix_symbolic(self, rng):
        edges = [
            (depth, *edge)
            for depth, layer in enumerate(self.model.network_.layers)
            for edge in layer.symbols
        ]
        edge = edges[rng.integers(len(edges))] if edges else self._edge(rng)
        self.model.unfix_symbolic(*edge)

    def _do_auto_symbolic(self, rng):
        self.model.auto_symbolic(float(rng.uniform(0.0, 1.0)), float(rng.random()), FEW)

    def _do_suggest_symbolic(self, rng):
        table = self.model.suggest_symbolic(*self._edge(rng), 3, FEW)
        assert all(np.isfinite([row[key] for key in "abcd"]).all() for row in table)

    def _do_partial_fit(self, rng):
        X, y, weight = self._batch(rng)
        self.model.partial_fit(X, y, sample_weight=weight)

    def _do_interrupted_partial_fit(self, rng):
        with interrupted(int(rng.integers(1, 6))):
            try:
                self._do_partial_fit(rng)
            except KeyboardInterrupt:
                # Raised where it is not the end of a training that may be ended.
                return

    def _do_refit(self, rng):
        X, y, weight = self._batch(rng)
        self.model.refit(X, y, sample_weight=weight)

    def _do_fit(self, rng):
        X, y, weight = self.chain.samples(rng)
        self.model.fit(X, y, sample_weight=weight)

    def _do_interrupted_fit(self, rng):
        with interrupted(int(rng.integers(1, 8))):
            self._do_fit(rng)

    def _do_interrupted_refit(self, rng):
        with interrupted(int(rng.integers(1, 8))):
            self._do_refit(rng)

    def _do_set_alpha(self, rng):
        self.model.set_params(alpha=["auto", 1e-6, 0.1][rng.integers(3)])

    def _do_readings(self, _):
        model = self.model
        model.feature_interactions(self.X)
        repr(model), model._repr_html_()
        if isinstance(model, KANRegressor):
            model.gradient(self.X)
            if model._state.posterior is not None:
                assert np.isfinite(model.predict(self.X, return_std=True)[1]).all()


def in_list(value):
    """Return what a function has returned as a sequence of outputs."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def outputs(model, X):
    """Return predictions or probabilities."""
    return model.predict_proba(X) if isinstance(model, KANClassifier) else model.predict(X)


def attributes(model):
    """Return the names of the public fitted attributes that are there."""
    names = [*dir(type(model)), *vars(model)]
    names = {name for name in names if name.endswith("_") and not name.startswith("_")}
    return sorted(name for name in names if hasattr(model, name))


def fingerprint(model):
    """Return what has to be the same, to the bit, for a model that is left alone."""
    values = {name: getattr(model, name) for name in attributes(model) if name != "network_"}
    network = model.network_
    return (
        network.get_parameters().tobytes(),
        [pickle.dumps(layer.grid.breakpoints) for layer in network.layers],
        [layer.active.tobytes() for layer in network.layers],
        repr(sorted((name, str(value)) for name, value in values.items())),
        repr(model.get_params()),
    )


def check(chain: Chain, formulas: bool = True) -> None:
    """Run a chain, and compare its formulas at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        Walk(chain).run(formulas)
