"""
Localised and extended states
=============================

In a chain with a quasiperiodic potential some states spread over all sites and others sit on a
few. Energies at which one kind turns into the other are mobility edges. Networks learn from
computed states which kind they are, and the edges come out as formulas.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skkan import KANClassifier

# %%
# Three chains
# ------------
#
# The generalised, the modified and the mosaic model of Aubry and Andre, on rings. The inverse
# participation ratio, the sum of the fourth powers of the amplitudes, is about 3 over the number
# of sites for extended states; that of localised ones is above 20 over it.

SITES = np.arange(610)
TURNS = 2 * np.pi * 377 / 610 * SITES
HOPS = np.abs(SITES[:, None] - SITES)
HOPS = np.minimum(HOPS, 610 - HOPS)


def generalised(phase, rng):
    strength, alpha, wave = rng.uniform(0.3, 1.7), rng.uniform(0.1, 0.8), np.cos(TURNS + phase)
    return (HOPS == 1) + np.diag(2 * strength * wave / (1 - alpha * wave)), (strength, alpha)


def modified(phase, rng):
    strength, p = rng.uniform(0.3, 2.5), rng.uniform(0.5, 2.5)
    matrix = np.exp(-p * HOPS) + np.diag(strength * np.exp(-p) * np.cos(TURNS + phase) - 1)
    return matrix, (strength * np.exp(-p), p)


def mosaic(phase, rng):
    strength = rng.uniform(0.4, 1.5)
    return (HOPS == 1) + np.diag(2 * strength * np.cos(TURNS + phase) * (SITES % 2 == 0)), (
        strength,
    )


def states(model, rng, n_chains):
    """Return energies and parameters of states, and which of them are localised."""
    rows, localised = [], []
    for _ in range(n_chains):
        matrix, parameters = model(rng.uniform(0, 2 * np.pi), rng)
        energies, vectors = np.linalg.eigh(matrix)
        chosen = rng.choice(SITES, 75, replace=False)
        rows += [(energies[k], *parameters) for k in chosen]
        localised.append((vectors[:, chosen] ** 4).sum(axis=0) > 20 / len(SITES))
    return np.array(rows), np.concatenate(localised)


# %%
# Networks with one product node tell the kinds apart on states of chains not seen.

found = {}
for model in (generalised, modified, mosaic):
    rng = np.random.default_rng(0)
    X, y = states(model, rng, 60)
    X_new, y_new = states(model, rng, 20)
    network = KANClassifier(((0, 1),), random_state=0).fit(X, y)
    found[model.__name__] = X, y, network
    print(f"{model.__name__}: accuracy {network.score(X_new, y_new):.4f}")

# %%
# Formulas of the edges
# ---------------------
#
# A product node suggests edges where a column times a function of another balances the third; the
# classes decide which, by the logarithmic loss of the two terms. The two best are shown.

FUNCTIONS = {"{}": np.positive, "{}^2": np.square, "exp({})": np.exp, "log({})": np.log}
FUNCTIONS |= {"sqrt({})": np.sqrt, "cosh({})": np.cosh, "sin({})": np.sin}
for model, names in {"generalised": ("E", "L", "alpha"), "modified": ("E", "L", "p")}.items():
    X, y, _ = found[model]
    formulas = []
    for (a, b, c), name in itertools.product(itertools.permutations(range(3)), FUNCTIONS):
        if X[:, b].min() > 0:
            terms = np.column_stack([X[:, a] * FUNCTIONS[name](X[:, b]), X[:, c]])
            terms, scale = terms / terms.std(axis=0), terms.std(axis=0)
            fit = LogisticRegression(C=1e6, max_iter=5000, tol=1e-6).fit(terms, y)
            first, second = fit.coef_[0] / scale
            text = f"{names[a]} {name.format(names[b])} {second / first:+.3f} {names[c]}"
            text = f"{text} = {-fit.intercept_[0] / first:.3f}"
            formulas.append((log_loss(y, fit.predict_proba(terms)), text))
    for loss, text in sorted(formulas)[:2]:
        print(f"{model}: loss {loss:.5f}, {text}")

# %%
# That is the theory: :math:`\alpha E + 2 \lambda = 2`, :math:`\lambda \cosh p - E = 1`. For the
# mosaic chain it has :math:`|\lambda E| = 1`, dashed below.

X, y, network = found["mosaic"]
strengths, energies = np.meshgrid(np.linspace(0.4, 1.5, 100), np.linspace(-3.5, 3.5, 100))
points = np.column_stack([energies.ravel(), strengths.ravel()])
odds = network.decision_function(points).reshape(energies.shape)
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
axis.scatter(X[:, 1], X[:, 0], c=np.where(y, "C3", "C0"), s=3, linewidths=0)
axis.contour(strengths, energies, odds, levels=[0.0], colors="k")
for sign in (-1, 1):
    axis.plot(strengths[0], sign / strengths[0], "--", color="0.4")
axis.set(xlabel="strength", ylabel="energy", ylim=(-3.5, 3.5), title="localised states are red")
plt.show()
