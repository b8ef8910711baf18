"""
Choosing the parameters of a KAN by grid search
===============================================

The parameters of a KAN are searched like those of any estimator. Two matter most: the hidden
layers, which decide what the network can express, and ``alpha``, which decides how much its
functions may bend. The search also shows what ``alpha="auto"``, the default, does without one.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkan import KANClassifier

# %%
# Parameters inside a pipeline are named after its steps. ``()`` is the additive model: one function
# per column and class, and no interactions. The score is the log-loss with its sign turned, which
# punishes probabilities that are too sure as well as wrong labels.

X, y = load_iris(return_X_y=True)
shapes = [(), (3,), (5,)]
alphas = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
search = GridSearchCV(
    Pipeline([("scale", StandardScaler()), ("kan", KANClassifier(random_state=0))]),
    {"kan__hidden_layer_sizes": shapes, "kan__alpha": [*alphas, "auto"]},
    scoring="neg_log_loss",
    cv=StratifiedKFold(5, shuffle=True, random_state=0),
)
search.fit(X, y)

losses = {
    (parameters["kan__hidden_layer_sizes"], parameters["kan__alpha"]): -score
    for parameters, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    )
}
print("log-loss" + "".join(f"{alpha:>10}" for alpha in [*alphas, "auto"]))
for shape in shapes:
    row = "".join(f"{losses[shape, alpha]:10.3f}" for alpha in [*alphas, "auto"])
    print(f"{shape!s:8}{row}")
print(f"chosen: {search.best_params_}")

# %%
# With too little penalty the networks are too sure of their probabilities; with too much, their
# functions become straight lines. The best weight depends on the shape, and by orders of
# magnitude on the data. ``"auto"`` chooses the weights from the training data alone. It has the
# same loss for all three shapes if the networks are replaced by the additive model. The best of
# so many scores is a little better than the loss to be expected on new data.

figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained", sharey=True)
for axis, shape in zip(axes, shapes, strict=True):
    axis.plot(alphas, [losses[shape, a] for a in alphas], "o-", label="a number")
    axis.axhline(losses[shape, "auto"], color="C1", linestyle="--", label='"auto"')
    axis.set(xscale="log", yscale="log", xlabel="alpha", title=f"hidden_layer_sizes={shape}")
axes[0].set_ylabel("mean log-loss of five folds")
axes[0].legend()

plt.show()
