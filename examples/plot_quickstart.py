"""
KANs next to other estimators
=============================

A KAN is used like any other estimator of scikit-learn. Here it is cross-validated on a regression
and on a classification task with default parameters, beside a linear model, a multilayer
perceptron and gradient boosting. The scalers are for the linear model and the perceptron; a KAN
scales columns and target itself.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import PartialDependenceDisplay
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANClassifier, KANRegressor

# The perceptron uses up its 200 iterations on the diabetes data, and says so in every fold; with
# more of them it overfits.
warnings.filterwarnings("ignore", "Stochastic Optimizer", ConvergenceWarning)


def compare(models, X, y, folds, scoring):
    """Cross-validate the models and print a row for each; return the scores of the folds."""
    print(" " * 30 + "".join(f"{name:>17}" for name in scoring) + f"{'s a fit':>10}")
    results = {}
    for model in models:
        pipeline = make_pipeline(StandardScaler(), model)
        found = cross_validate(pipeline, X, y, cv=folds, scoring=list(scoring.values()))
        # scikit-learn maximises its scores; a loss is one with the sign turned.
        scores = {
            name: -found[f"test_{scorer}"] if scorer.startswith("neg_") else found[f"test_{scorer}"]
            for name, scorer in scoring.items()
        }
        name = type(getattr(model, "regressor", model)).__name__
        cells = "".join(f"{s.mean():9.3f} ± {s.std():.3f}" for s in scores.values())
        print(f"{name:30}{cells}{found['fit_time'].mean():10.2f}", flush=True)
        results[name] = scores
    return results


# %%
# Regression
# ----------
#
# The target is the progression of diabetes in the year after ten measurements were taken. They
# explain about half of its variance, and with 442 samples a flexible model easily overfits. With
# ``alpha="auto"``, the default, the KAN chooses its smoothness from the training data. Printed
# are mean and standard deviation over five folds, and the mean time of a fit.

diabetes = load_diabetes()
regression = compare(
    [
        KANRegressor(random_state=0),
        Ridge(),
        TransformedTargetRegressor(MLPRegressor(random_state=0), transformer=StandardScaler()),
        HistGradientBoostingRegressor(random_state=0),
    ],
    diabetes.data,
    diabetes.target,
    KFold(5, shuffle=True, random_state=0),
    {"R²": "r2"},
)

# %%
# Classification
# --------------
#
# Four measurements of flowers tell three species apart. The log-loss judges the probabilities of
# ``predict_proba``; less is better.

iris = load_iris()
classification = compare(
    [
        KANClassifier(random_state=0),
        LogisticRegression(),
        MLPClassifier(max_iter=500, random_state=0),
        HistGradientBoostingClassifier(random_state=0),
    ],
    iris.data,
    iris.target,
    StratifiedKFold(5, shuffle=True, random_state=0),
    {"accuracy": "accuracy", "log-loss": "neg_log_loss"},
)

# %%
# A dot is a fold, a bar the mean.

figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
panels = [
    ("Diabetes", "R²", "more", regression),
    ("Iris", "log-loss", "less", classification),
]
for axis, (title, score, better, results) in zip(axes, panels, strict=True):
    for row, scores in enumerate(results.values()):
        axis.barh(row, scores[score].mean(), color="C0", alpha=0.3)
        axis.plot(scores[score], [row] * len(scores[score]), "o", color="C0", alpha=0.7)
    axis.set(title=title, xlabel=f"{score} ({better} is better)")
    axis.set_yticks(range(len(results)), list(results))
    axis.invert_yaxis()

# %%
# What the network has learned
# ----------------------------
#
# The tools of scikit-learn apply to the fitted pipeline as well. Partial dependence shows how the
# prediction changes with one column while the others stay as they are in the data: here body mass
# index, blood pressure, and two blood values (``s1`` and ``s5``). Thin lines are single patients;
# where they run in parallel, the column acts on all patients alike.

model = make_pipeline(StandardScaler(), KANRegressor(random_state=0))
model.fit(diabetes.data, diabetes.target)
figure, axes = plt.subplots(1, 4, figsize=(10, 3), sharey=True, layout="constrained")
PartialDependenceDisplay.from_estimator(
    model,
    diabetes.data,
    ["bmi", "bp", "s1", "s5"],
    feature_names=diabetes.feature_names,
    kind="both",
    subsample=40,
    random_state=0,
    ax=axes,
)

plt.show()
