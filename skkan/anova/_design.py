"""Columns of the model: constant, lines, functions of one column, and products of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skkan._typing import FloatArray
from skkan.anova._basis import Bases
from skkan.data._blocks import Block, Rows

# Prior variance below which a product is left out, as a share of that of its interaction.
LEAST_PRODUCT = 1e-7


@dataclass(frozen=True)
class Term:
    """An interaction as a sum of products of basis functions.

    Attributes
    ----------
    columns : tuple of int
        Two or three columns.
    functions : tuple of ndarray of int of shape (n_products,)
        For each of them, the functions that are multiplied.
    """

    columns: tuple[int, ...]
    functions: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, bases: Bases, columns: tuple[int, ...], most: int) -> "Term":
        """Take the products of largest prior variance, at most so many."""
        prior = np.ones(())
        # Variances fall like a^-2, so that products of the others are behind.
        few = most if len(columns) == 2 else most // 2
        for j in columns:
            prior = np.multiply.outer(prior, bases.columns[j].variances[:few])
        order = np.argsort(-prior.ravel(), kind="stable")[:most]
        order = order[prior.ravel()[order] > LEAST_PRODUCT]
        return cls(columns, np.unravel_index(order, prior.shape))

    @property
    def size(self) -> int:
        """Number of products."""
        return len(self.functions[0])

    def products(self, functions: Sequence[FloatArray]) -> FloatArray:
        """Return the products, shape (n_samples, n_products), given the functions by column."""
        out: FloatArray = functions[self.columns[0]][:, self.functions[0]]
        for j, own in zip(self.columns[1:], self.functions[1:], strict=True):
            out = out * functions[j][:, own]
        return out


@dataclass(frozen=True)
class Design:
    """The columns of a model, in groups that have one prior variance each.

    Attributes
    ----------
    bases : Bases
        Functions of single columns.
    terms : tuple of Term
        Interactions.
    """

    bases: Bases
    terms: tuple[Term, ...] = ()

    @property
    def used(self) -> NDArray[np.intp]:
        """Columns with two different values."""
        return np.flatnonzero([own.varies for own in self.bases.columns])

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Numbers of columns: constant, lines, main effects, interactions."""
        main = [self.bases.columns[j].size for j in self.used]
        return np.array([1, len(self.used), *main, *(term.size for term in self.terms)])

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where the groups begin."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.sizes.sum())

    def with_terms(self, terms: Sequence[Term]) -> "Design":
        """Return the design with other interactions."""
        return Design(self.bases, tuple(terms))

    def functions(self, inputs: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """Return lines, shape (n_samples, n_used), and the functions of every input."""
        values = self.bases.values(inputs)
        lines = np.empty((len(inputs), len(self.used)))
        for place, j in enumerate(self.used):
            lines[:, place] = values[j][:, 0]
            values[j] = values[j][:, 1:]
        return lines, values

    def matrix(self, inputs: FloatArray) -> FloatArray:
        """Return all columns of the model, shape (n_samples, n_columns)."""
        lines, functions = self.functions(inputs)
        return self.assembled(lines, functions)

    def assembled(self, lines: FloatArray, functions: Sequence[FloatArray]) -> FloatArray:
        """Return the columns of the model, given what they are made of."""
        parts = [np.ones((len(lines), 1)), lines]
        parts += [functions[j] for j in self.used]
        parts += [term.products(functions) for term in self.terms]
        return np.concatenate(parts, axis=1)

    def moments(self, rows: Rows) -> "Moments":
        """Return the sums over all samples that the marginal likelihood needs."""
        function = _DesignMoments(self)
        row_bytes = 24 * self.n_columns
        gram, cross, square = rows.sums(function, row_bytes, self.n_columns)
        return Moments(gram, cross, square)


@dataclass(frozen=True)
class Moments:
    """Mean products of the columns of a design with each other and with the targets.

    Attributes
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Weighted mean of ``x x'``.
    cross : ndarray of shape (n_columns, n_outputs)
        Weighted mean of ``x t'``.
    square : ndarray of shape (n_outputs,)
        Weighted mean of ``t^2``.
    """

    gram: FloatArray
    cross: FloatArray
    square: FloatArray


@dataclass(frozen=True)
class _DesignMoments:
    """Function of a block: its part of :class:`Moments`."""

    design: Design

    def __call__(self, block: Block) -> tuple[FloatArray, FloatArray, FloatArray]:
        matrix = self.design.matrix(block.inputs)
        weighted = block.weight[:, None] * block.target
        cross, square = matrix.T @ weighted, (weighted * block.target).sum(axis=0)
        matrix *= np.sqrt(block.weight)[:, None]
        return matrix.T @ matrix, cross, square
