"""Formulas as SQL queries."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skkan.symbolic.export._program import Program

_FUNCTIONS = {
    "exp": "EXP",
    "log": "LN",
    "sin": "SIN",
    "cos": "COS",
    "tan": "TAN",
    "asin": "ASIN",
    "acos": "ACOS",
    "atan": "ATAN",
    "sinh": "SINH",
    "cosh": "COSH",
    "tanh": "TANH",
    "asinh": "ASINH",
    "acosh": "ACOSH",
    "atanh": "ATANH",
    "Abs": "ABS",
    "floor": "FLOOR",
    "ceiling": "CEIL",
}
LARGEST_PRODUCT = 4


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL, which may hold any characters."""
    return '"' + name.replace('"', '""') + '"'


def to_sql(program: Program, table: str, columns: Sequence[str] | None = None) -> str:
    """Write a program as a query that computes its outputs for every row of a table.

    Parameters
    ----------
    program : Program
        The formula; the inputs are columns of the table.
    table : str
        Name of the table.
    columns : sequence of str, optional
        What the table calls the inputs, by default as they are called in the formula. SQLite would
        take a name that is not there for a text.

    Returns
    -------
    query : str
        It returns ``prediction``, or ``prediction_0``, ``prediction_1``, ... in the order of the
        rows. Sums, products, comparisons, ``CASE`` and mathematical functions are those of the
        standard, as SQLite, PostgreSQL and DuckDB have them.

    Raises
    ------
    ValueError
        If names of columns differ in upper and lower case only, which SQL does not tell apart.
    """
    symbols = [str(own) for own in program.inputs]
    inputs = symbols if columns is None else [str(own) for own in columns]
    folded = [own.casefold() for own in inputs]
    for name in inputs:
        if folded.count(name.casefold()) > 1:
            raise ValueError(
                f"SQL does not tell the column {name!r} from another one that is written in other "
                "case; rename one of them."
            )
    prefix = _free("step", folded)
    names = {symbol: quoted(own) for symbol, own in zip(symbols, inputs, strict=True)}
    names |= {str(own): quoted(f"{prefix}_{k}") for k, (own, _) in enumerate(program.steps)}
    printer = _printer(names)
    source, parts = quoted(table), []
    for k, (symbol, value) in enumerate(program.steps):
        own = quoted(f"{prefix}s_{k}")
        select = f"SELECT *, {printer.doprint(value)} AS {names[str(symbol)]} FROM {source}"
        parts.append(f"{own} AS (\n    {select}\n)")
        source = own
    single = len(program.outputs) == 1
    outputs = ",\n    ".join(
        f"{printer.doprint(value)} AS {quoted('prediction' if single else f'prediction_{k}')}"
        for k, value in enumerate(program.outputs)
    )
    head = f"WITH {', '.join(parts)}\n" if parts else ""
    return f"{head}SELECT\n    {outputs}\nFROM {source};\n"


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a prefix that begins the name of no column."""
    while any(own.startswith(name) for own in taken):
        name += "_"
    return name


class _Expressions:
    """How SQL writes expressions; to be mixed into a printer of SymPy's.

    Every number is a double, since quotients of integers would be cut.
    """

    language = "SQL"
    column_names: Mapping[str, str]
    parenthesize: Callable[..., str]
    _print: Callable[[Any], str]
    _print_not_supported: Callable[[Any], Any]

    def _get_statement(self, code: str) -> str:
        return code

    def _format_code(self, lines: list[str]) -> list[str]:
        return lines

    def _print_Symbol(self, expression: Any) -> str:  # noqa: N802
        return self.column_names.get(expression.name, quoted(expression.name))

    def _number(self, expression: Any) -> str:
        # By way of scientific notation: some databases take plain decimals for exact numbers.
        return (
            f"{float(expression)!r}"
            if "e" in repr(float(expression))
            else (f"{float(expression)!r}e0")
        )

    _print_Float = _print_Integer = _print_Rational = _print_NumberSymbol = _number  # noqa: N815

    def _print_Pow(self, expression: Any) -> str:  # noqa: N802
        base, power = expression.base, expression.exp
        from sympy.printing.precedence import precedence  # noqa: PLC0415

        inner = self.parenthesize(base, precedence(expression))
        if power.is_Integer and 1 < int(power) <= LARGEST_PRODUCT:
            return f"({'*'.join([inner] * int(power))})"
        if power == -1:
            return f"(1e0/{inner})"
        if power.is_number and float(power) == 0.5:
            return f"SQRT({self._print(base)})"
        if getattr(base, "is_Exp1", False) or (base.is_NumberSymbol and str(base) == "E"):
            return f"EXP({self._print(power)})"
        return f"POWER({self._print(base)}, {self._print(power)})"

    def _print_exp(self, expression: Any) -> str:
        return f"EXP({self._print(expression.args[0])})"

    def _print_Function(self, expression: Any) -> str:  # noqa: N802
        name = _FUNCTIONS.get(type(expression).__name__)
        if name is None:
            return str(self._print_not_supported(expression))
        return f"{name}({', '.join(map(self._print, expression.args))})"

    def _print_sign(self, expression: Any) -> str:
        inner = self._print(expression.args[0])
        return f"(CASE WHEN {inner} > 0e0 THEN 1e0 WHEN {inner} < 0e0 THEN -1e0 ELSE 0e0 END)"

    def _print_Piecewise(self, expression: Any) -> str:  # noqa: N802
        parts, last = [], "NULL"
        for value, condition in expression.args:
            if condition == True:  # noqa: E712
                last = self._print(value)
                break
            parts.append(f"WHEN {self._print(condition)} THEN {self._print(value)}")
        return f"(CASE {' '.join(parts)} ELSE {last} END)" if parts else f"({last})"

    def _print_Text(self, expression: Any) -> str:  # noqa: N802
        return "'" + expression.name.replace("'", "''") + "'"

    def _print_Relational(self, expression: Any) -> str:  # noqa: N802
        left, right = expression.args
        if type(right).__name__ == "NoText" or (expression.rel_op == "!=" and left == right):
            return f"({self._print(left)} IS NULL)"
        sign = {"==": "=", "!=": "<>"}.get(expression.rel_op, expression.rel_op)
        return f"({self._print(expression.lhs)} {sign} {self._print(expression.rhs)})"

    def _print_And(self, expression: Any) -> str:  # noqa: N802
        return "(" + " AND ".join(map(self._print, expression.args)) + ")"

    def _print_Or(self, expression: Any) -> str:  # noqa: N802
        return "(" + " OR ".join(map(self._print, expression.args)) + ")"

    def _print_Not(self, expression: Any) -> str:  # noqa: N802
        return f"(NOT {self._print(expression.args[0])})"

    def _extreme(self, arguments: Sequence[Any], sign: str) -> str:
        first, *others = map(self._print, arguments)
        for other in others:
            first = f"(CASE WHEN {first} {sign} {other} THEN {first} ELSE {other} END)"
        return first

    def _print_Max(self, expression: Any) -> str:  # noqa: N802
        return self._extreme(expression.args, ">=")

    def _print_Min(self, expression: Any) -> str:  # noqa: N802
        return self._extreme(expression.args, "<=")


def _printer(names: Mapping[str, str]) -> Any:
    from sympy.printing.codeprinter import CodePrinter  # noqa: PLC0415

    class Printer(_Expressions, CodePrinter):
        column_names = names

    # Without it SymPy leaves a remark in the place of what it cannot write.
    return Printer({"strict": True, "allow_unknown_functions": False})
