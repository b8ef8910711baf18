"""An analysis of variance taken apart: as a network, with its penalty, as what a fit returns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skkan._typing import FloatArray
from skkan.anova._as_network import Part, as_network, parts_of
from skkan.anova._constrained import keep_shapes
from skkan.anova._families import Solution
from skkan.anova._uncertainty import AnalysisPosterior
from skkan.network._network import Network
from skkan.objective._penalties import HIGHEST_WEIGHT, TINY, Penalty
from skkan.training._problem import Problem
from skkan.training._settings import TrainingResult

LEAST_DOF = 1e-3


@dataclass(frozen=True)
class Analysed:
    """A solution with the parts that it is the sum of.

    Attributes
    ----------
    problem : Problem
        What has been fitted.
    found : Solution
        The fit.
    parts : sequence of Part
        Main effects and products.
    """

    problem: Problem
    found: Solution
    parts: Sequence[Part]

    @classmethod
    def of(cls, problem: Problem, found: Solution) -> "Analysed":
        """Take a solution apart."""
        return cls(problem, found, parts_of(found, found.blur))

    @property
    def spread(self) -> FloatArray:
        """Variances of what every input takes part in, shape (n_inputs,)."""
        spread = np.zeros(self.problem.settings.shape[0])
        for own in self.parts:
            spread[list(own.columns)] += own.variance
        return spread

    def network(self) -> Network:
        """Return the network of all parts."""
        found = self.found
        return as_network(found.design, found.coef[0], self.parts, self.problem.scaling)

    def result(self, loss_curve: list[float], converged: bool = True) -> TrainingResult:
        """Return the network with hidden nodes in place, and its penalty.

        Parameters
        ----------
        loss_curve : list of float
            Losses of all iterations.
        converged : bool, default=True
            Whether the fit has come to its end.
        """
        problem, found, network = self.problem, self.found, self.network()
        if problem.settings.shapes is not None:
            keep_shapes(network, problem.settings.shapes, len(found.coef[0]))
        shrink = problem.follow(network, network.grid_size, fresh=True)
        noise = found.noise if found.posteriors else np.ones(found.coef.shape[1])
        penalty = self._penalty(network, noise / problem.data.total)
        for layer in network.layers[1:]:
            # Laying grids anew has left lines that are straight but for rounding.
            layer.straighten()
        posterior = None
        if found.posteriors:
            inputs, units = np.arange(network.shape[0]), shrink[0][: len(noise)]
            standardised = problem.loss.has_noise_level
            posterior = AnalysisPosterior.of(found, inputs, units, standardised)
        rows = problem.data.rows(n_jobs=problem.settings.n_jobs)
        objective = problem.objective(network, penalty, rows)
        return TrainingResult(
            network,
            penalty,
            objective.value(network.get_parameters()),
            len(loss_curve),
            loss_curve,
            converged=converged,
            analysed=True,
            posterior=posterior,
            dof=float(found.used.sum()),
        )

    def _penalty(self, network: Network, unit: FloatArray) -> Penalty:
        """Return the penalty under which the degrees of freedom are those of the fit.

        The fixed point of the weights is ``noise / n * dof / energy``; see
        :mod:`skkan.training.evidence._smoothing`.
        """
        penalty = self.problem.penalty(network, 1.0, 1.0)
        first = penalty.layers[0]
        energies = first.energies(network.layers[0].coef)
        subnode = len(unit)
        for own in self.parts:
            n_factors = len(own.columns)
            share = max(own.dof, LEAST_DOF) / n_factors
            line = min(0.5 * share, 0.5)
            for place, j in enumerate(own.columns):
                to = own.output if n_factors == 1 else subnode + place
                for name, dof in (("line", line), ("rough", share - line)):
                    weight = unit[own.output] * dof / max(float(energies[name][j, to]), TINY)
                    first.weights[name][j, to] = penalty.bounded(name, np.asarray(weight))
            subnode += n_factors if n_factors > 1 else 0
        for layer in penalty.layers[1:]:
            layer.weights["rough"][:] = HIGHEST_WEIGHT
            layer.weights["line"][:] = penalty.bounded("line", unit.mean() * np.ones(1))
        return penalty
