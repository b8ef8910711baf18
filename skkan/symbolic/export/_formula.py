"""Formulas of networks: SymPy expressions, rounded ones, and NumPy functions."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from skkan._typing import FloatArray
from skkan.data._raw_table import RawTable
from skkan.data._table_encoder import TableEncoder
from skkan.network._network import Network
from skkan.symbolic.export._code import python_printer
from skkan.symbolic.export._collect_constants import collected
from skkan.symbolic.export._names import valid_names
from skkan.symbolic.export._program import Constants, Program, build_program, replaced
from skkan.symbolic.export._rounding import snap

# About as many characters as fill a hundred pages; SymPy takes seconds to print them.
MAX_OPERATIONS = 20_000
DEFAULT_DIGITS = 6


class RoundedFormula(NamedTuple):
    """A formula with rounded constants, and what the rounding has changed.

    Attributes
    ----------
    expression : sympy.Expr or list of sympy.Expr
        The formula.
    max_change : float
        Largest change of an output over the samples.
    rmse_change : float
        Root of the mean squared change.
    """

    expression: Any
    max_change: float
    rmse_change: float


def to_sympy(
    network: Network,
    feature_names: Sequence[str],
    link: str | None = None,
    constants: Constants | None = None,
    table: TableEncoder | None = None,
) -> Any:
    """Return the exact formula of a network.

    Parameters
    ----------
    network : Network
        Any network.
    feature_names : sequence of str
        Names of the inputs.
    link : {None, "binary", "multinomial", "log"}, default=None
        As for :func:`build_program`.
    constants : mapping, optional
        Exact values of parameters, see :func:`build_program`.
    table : TableEncoder, optional
        How columns with levels or gaps become inputs.

    Returns
    -------
    formula : sympy.Expr or list of sympy.Expr
        A list if there are several outputs.

    Raises
    ------
    ValueError
        If the formula is too large to print.
    """
    names = valid_names(feature_names)
    size = build_program(network, names, link, constants=constants, table=table).size()
    if size > MAX_OPERATIONS:
        raise ValueError(
            f"the formula has about {size:,} operations, more than the {MAX_OPERATIONS:,} that "
            "can be printed: splines inside splines repeat their arguments. Make edges symbolic, "
            "use fewer grid intervals, or use to_function() or to_code(), which keep one variable "
            "per node."
        )
    program = build_program(network, names, link, inline=True, constants=constants, table=table)
    outputs = program.outputs
    return outputs[0] if len(outputs) == 1 else outputs


def rounded(expression: Any, digits: int | None = None, rational: bool = False) -> Any:
    """Round the floating-point constants of an expression.

    Parameters
    ----------
    expression : sympy.Expr
        A formula.
    digits : int, optional
        Significant digits.
    rational : bool, default=False
        Whether to put exact constants: a nice one (a fraction, a multiple of pi, a root) or else
        the simplest fraction that agrees in `digits` significant digits, 6 by default. Before that,
        constants are collected, if fewer are left then.
    """
    whole = isinstance(digits, int | np.integer) and not isinstance(digits, bool)
    if digits is not None and not (whole and digits >= 1):
        raise ValueError(f"digits must be a positive integer or None, got {digits!r}.")
    if digits is None and not rational:
        return expression
    digits = DEFAULT_DIGITS if digits is None else int(digits)
    if not rational:
        return _replaced_floats(expression, digits, rational=False)
    forms = [
        _replaced_floats(own, digits, rational=True) for own in (expression, collected(expression))
    ]
    return min(reversed(forms), key=_length)


def _length(expression: Any) -> tuple[int, int]:
    """Return the number of constants, exponents included, and of all nodes of a formula."""
    import sympy  # noqa: PLC0415

    parts = list(sympy.preorder_traversal(expression))
    return sum(1 for own in parts if own.is_number and not own.args), len(parts)


def _replaced_floats(expression: Any, digits: int, *, rational: bool) -> Any:
    import sympy  # noqa: PLC0415

    table = {}
    for number in expression.atoms(sympy.Float):
        value = float(number)
        if not np.isfinite(value) or value == 0.0:
            # SymPy's range of numbers is wider than that of floats.
            continue
        if rational:
            tolerance = 0.5 * abs(value) * 10.0 ** (1 - digits)
            nice = snap(value, tolerance)
            table[number] = _fraction(value, tolerance) if nice is None else nice
        else:
            table[number] = sympy.Float(f"{value:.{digits - 1}e}", max(digits, 15))
    return replaced(expression, table)


def _fraction(value: float, tolerance: float) -> Any:
    """Return the first convergent of the continued fraction within `tolerance`."""
    import sympy  # noqa: PLC0415

    exact = rest = Fraction(value)
    p, q, before_p, before_q = 1, 0, 0, 1
    while True:
        whole = rest.numerator // rest.denominator
        p, before_p = whole * p + before_p, p
        q, before_q = whole * q + before_q, q
        if abs(Fraction(p, q) - exact) <= tolerance or rest == whole:
            return sympy.Rational(p, q)
        rest = 1 / (rest - whole)


class FormulaFunction:
    """A program as a NumPy function of rows of features.

    Parameters
    ----------
    program : Program
        The formula.
    single : bool
        Whether to return the only output as one number per row.

    Notes
    -----
    It neither holds nor needs the estimator, and can be pickled.
    """

    def __init__(self, program: Program, single: bool) -> None:
        import sympy  # noqa: PLC0415

        self.program = program
        self.single = single
        self._compiled = sympy.lambdify(
            program.inputs,
            program.outputs,
            modules=["scipy", "numpy"],
            printer=python_printer(
                fully_qualified_modules=False, inline=True, allow_unknown_functions=True
            ),
            # The steps are the common subexpressions.
            cse=lambda _: (program.steps, program.outputs),
        )

    def __call__(self, X: Any) -> FloatArray:
        """Return the outputs for rows of features, shape (n_samples,) or (n_samples, n_outputs)."""
        if self.program.texts:
            return self._of_columns(RawTable.of(X))
        X = np.asarray(X, dtype=np.float64)
        n_inputs = len(self.program.inputs)
        if X.ndim != 2 or X.shape[1] != n_inputs:
            raise ValueError(f"X must have shape (n_samples, {n_inputs}), got {X.shape}.")
        return self._outputs(list(X.T), len(X))

    def _of_columns(self, table: RawTable) -> FloatArray:
        """Return the outputs for rows of which some columns are texts."""
        inputs = [str(own) for own in self.program.inputs]
        if table.n_columns != len(inputs):
            raise ValueError(f"X must have {len(inputs)} columns, got {table.n_columns}.")
        columns = []
        for j, name in enumerate(inputs):
            if name not in self.program.texts:
                columns.append(table.numbers(j))
                continue
            raw = table.column(j)
            levels = np.array([*raw.different.tolist(), None], dtype=object)
            columns.append(levels[raw.places])
        return self._outputs(columns, len(columns[0]))

    def _outputs(self, columns: list[Any], n_rows: int) -> FloatArray:
        with np.errstate(all="ignore"):
            found = self._compiled(*columns)
        full = [np.broadcast_to(np.asarray(own, dtype=np.float64), (n_rows,)) for own in found]
        out = np.stack(full, axis=1)
        return out[:, 0] if self.single else out

    def __reduce__(self) -> tuple[Any, ...]:
        return FormulaFunction, (self.program, self.single)


def change_of(
    expression: Any,
    names: Sequence[str],
    X: Any,
    before: FloatArray,
    texts: frozenset[str] = frozenset(),
) -> Any:
    """Return a rounded formula with its changes over samples."""
    import sympy  # noqa: PLC0415

    outputs = expression if isinstance(expression, list) else [expression]
    inputs = tuple(sympy.Symbol(name) for name in names)
    after = FormulaFunction(Program(inputs, [], outputs, texts), False)(X)
    change = after - before.reshape(after.shape)
    return RoundedFormula(
        expression, float(np.abs(change).max()), float(np.sqrt(np.mean(change**2)))
    )
