"""Unknown functions in the equations, as they have been found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skkan._typing import FloatArray
from skkan.data._weighted_rows import WeightedRows
from skkan.network._network import Network
from skkan.symbolic.recognition._editing import rank_edge
from skkan.symbolic.recognition._symbol_table import SymbolTable


@dataclass(frozen=True)
class Law:
    """A function of some arguments.

    Attributes
    ----------
    name : str
        Its name in the equations.
    network : Network
        From the arguments to its value.
    low, high : ndarray of shape (n_arguments,)
        Range of the arguments in the solution: beyond it nothing is known of the function.
    """

    name: str
    network: Network
    low: FloatArray
    high: FloatArray

    def __call__(self, *arguments: ArrayLike) -> FloatArray:
        """Return the function's values, of the shape of the arguments."""
        columns = np.broadcast_arrays(*(np.asarray(own, dtype=np.float64) for own in arguments))
        if len(columns) != len(self.low):
            raise ValueError(f"{self.name} takes {len(self.low)} arguments, got {len(columns)}.")
        X = np.stack([own.ravel() for own in columns], axis=1)
        return self.network(X)[:, 0].reshape(columns[0].shape)

    def samples(self, n_samples: int = 200) -> tuple[FloatArray, FloatArray]:
        """Return arguments over their range and values, such as for KANSymbolicRegressor.

        Parameters
        ----------
        n_samples : int, default=200
            Number of samples: at equal steps of one argument, random of several.
        """
        if len(self.low) == 1:
            X = np.linspace(self.low, self.high, n_samples)
        else:
            X = np.random.default_rng(0).uniform(self.low, self.high, (n_samples, len(self.low)))
        return X, self.network(X)[:, 0]

    def suggest_symbolic(
        self, top: int = 5, symbols: Iterable[Any] | None = None, weight_simple: float = 0.0
    ) -> SymbolTable:
        """Rank the functions that it resembles, as ``KANRegressor.suggest_symbolic`` does.

        Parameters
        ----------
        top : int, default=5
            Number of functions returned.
        symbols : iterable of str, Symbol or sympy.Expr, optional
            The functions to try, by default the library.
        weight_simple : float, default=0.0
            What simplicity counts, from 0 (accuracy alone) to 1 (simplicity alone).

        Raises
        ------
        ValueError
            If it has several arguments.
        """
        if len(self.low) != 1:
            raise ValueError(
                f"{self.name} has {len(self.low)} arguments; give samples() to "
                "KANSymbolicRegressor."
            )
        X, _ = self.samples()
        edge = (0, 0, 0)
        rows = WeightedRows.equal(X)
        return SymbolTable(rank_edge(self.network, rows, edge, top, symbols, weight_simple, 0.0))
