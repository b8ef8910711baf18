"""Formulas as source code, with one variable per node so that no formula explodes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skkan.symbolic.export._names import JULIA, PYTHON, SQL, C, Language
from skkan.symbolic.export._program import Program
from skkan.symbolic.export._sql import to_sql

# Of the names that Python code may need.
_MODULES = ("functools", "math", "scipy.constants", "scipy.special")
# POSIX has it in math.h, where strict C leaves it undeclared; C++ and Windows declare it.
_BESSEL = """
#if !defined(__cplusplus) && !defined(_WIN32)
double j0(double); double j1(double); double jn(int, double);
#endif
"""


def to_code(
    program: Program, language: str, name: str = "formula", columns: Sequence[str] | None = None
) -> str:
    """Write a program as a function in another language.

    Parameters
    ----------
    program : Program
        The formula. Names that mean something else in the language are changed.
    language : {"python", "c", "julia", "sql"}
        Python code works on arrays as well as numbers. C code returns a single output, and writes
        several to the array ``out``. SQL is a query over a table.
    name : str, default="formula"
        Name of the function, in SQL of the table.
    columns : sequence of str, optional
        What the table calls the inputs, for SQL, where names may hold any characters.

    Raises
    ------
    TypeError
        If `name` is no string.
    ValueError
        If `language` is another one, `name` is no identifier that is free in it, or it lacks a
        function of the formula.

    Examples
    --------
    >>> import sympy
    >>> from skkan.symbolic.export._code import to_code
    >>> from skkan.symbolic.export._program import Program
    >>> x, h = sympy.symbols("x h")
    >>> print(to_code(Program((x,), [(h, sympy.sin(x))], [h**2 + 0.5]), "c"))
    #include <math.h>
    <BLANKLINE>
    double formula(double x) {
        const double h = sin(x);
        return pow(h, 2) + 0.5;
    }
    """
    writers: dict[str, tuple[Language, Callable[[Program, str, Mapping[str, str]], str]]] = {
        "python": (PYTHON, _python),
        "c": (C, _c),
        "julia": (JULIA, _julia),
        "sql": (SQL, lambda program, table, _: to_sql(program, table, columns)),
    }
    if not isinstance(language, str) or language not in writers:
        known = ", ".join(map(repr, writers))
        raise ValueError(f"language must be one of {known}, got {language!r}.")
    own, write = writers[language]
    name = own.checked(name)
    variables = [str(symbol) for symbol in (*program.inputs, *(step for step, _ in program.steps))]
    names = dict(zip(variables, own.names(variables, {name}), strict=True))
    from sympy.printing.codeprinter import PrintMethodNotImplementedError  # noqa: PLC0415

    try:
        return write(program, name, names)
    except PrintMethodNotImplementedError as error:
        raise ValueError(
            f"{own.title} has no function for a part of the formula: {str(error).splitlines()[0]}. "
            "Use to_function, or make the edge a spline with unfix_symbolic."
        ) from error


def quoted_text(text: str) -> str:
    """Return a text as Python, C and Julia write it, in ASCII."""
    return json.dumps(text).replace("$", "\\u0024")


# How languages compare with a text, and tell that there is none.
_PYTHON_TEXTS = {
    "Text": "numpy.equal({0}, {1})",
    "NoText": "numpy.logical_or(numpy.equal({0}, None), numpy.not_equal({0}, {0}))",
}
_C_TEXTS = {"Text": "({0} && strcmp({0}, {1}) == 0)", "NoText": "!{0}"}
_JULIA_TEXTS = {"Text": "isequal({0}, {1})", "NoText": "({0} === missing || {0} === nothing)"}


def _printer(
    base: type, names: Mapping[str, str], compare: Mapping[str, str], **settings: Any
) -> Any:
    """Return a printer of SymPy's that writes symbols by the names given.

    Constants such as pi are written as numbers: not every language has names for them, and columns
    may have the same ones.
    """

    class Printer(base):
        def _print(self, expression: Any, **options: Any) -> Any:
            if getattr(expression, "is_NumberSymbol", False):
                return repr(float(expression))
            return super()._print(expression, **options)

        def _print_Symbol(self, expression: Any) -> str:  # noqa: N802
            return names.get(expression.name, expression.name)

        def _print_Text(self, expression: Any) -> str:  # noqa: N802
            return quoted_text(expression.name)

        def _print_Equality(self, expression: Any) -> str:  # noqa: N802
            left, right = expression.args
            kind = type(right).__name__
            if kind in ("Text", "NoText"):
                place = self._print(left)
                return str(compare[kind].format(place, self._print_Text(right)))
            return str(super()._print_Relational(expression))

        def line(self, expression: Any) -> str:
            """Return code on one line: a name is often longer than what it stands for."""
            return " ".join(own.strip() for own in self.doprint(expression).splitlines())

    return Printer(settings)


def python_printer(names: Mapping[str, str] | None = None, **settings: Any) -> Any:
    """Return a printer of Python code for SciPy, with all digits of the numbers.

    Parameters
    ----------
    names : mapping of str to str, optional
        Other names of symbols.
    **settings : dict
        Of SymPy's ``SciPyPrinter``, which leaves out one or two digits of a double.
    """
    from sympy.printing.numpy import SciPyPrinter  # noqa: PLC0415

    class Printer(SciPyPrinter):
        def _print_Float(self, expression: Any) -> str:  # noqa: N802
            return repr(float(expression))

    return _printer(Printer, names or {}, _PYTHON_TEXTS, **settings)


def _python(program: Program, name: str, names: Mapping[str, str]) -> str:
    printer = python_printer(names, fully_qualified_modules=True)
    lines = [f"    {names[str(s)]} = {printer.line(value)}" for s, value in program.steps]
    outputs = ", ".join(map(printer.line, program.outputs))
    lines.append(f"    return {outputs}")
    head = f"def {name}({', '.join(names[str(own)] for own in program.inputs)}):"
    body = "\n".join([head, *lines])
    imports = ["import numpy", *(f"import {own}" for own in _MODULES if f"{own}." in body)]
    return "\n".join(imports) + "\n\n\n" + body + "\n"


def _c_printer(names: Mapping[str, str]) -> Any:
    from sympy.printing.c import C99CodePrinter  # noqa: PLC0415

    class Printer(C99CodePrinter):
        """C has Bessel functions of whole orders in math.h."""

        def _print_besselj(self, expression: Any) -> str:
            order, argument = expression.args
            if not order.is_Integer:
                return str(self._print_not_supported(expression))
            inner = self._print(argument)
            if order in (0, 1):
                return f"j{order}({inner})"
            return f"jn({self._print(order)}, {inner})"

        def _print_sign(self, expression: Any) -> str:
            # NaN has the sign NaN.
            inner = self._print(expression.args[0])
            return f"(({inner} != {inner}) ? {inner} : ({inner} > 0) - ({inner} < 0))"

        def _print_Mod(self, expression: Any) -> str:  # noqa: N802
            number, base = (f"({self._print(own)})" for own in expression.args)
            return f"({number} - {base}*floor({number}/{base}))"

    return _printer(Printer, names, _C_TEXTS, math_macros={})


def _c(program: Program, name: str, names: Mapping[str, str]) -> str:
    printer = _c_printer(names)
    lines = [
        f"    const double {names[str(symbol)]} = {printer.line(value)};"
        for symbol, value in program.steps
    ]
    kinds = ["const char *" if str(own) in program.texts else "double " for own in program.inputs]
    arguments = ", ".join(
        f"{kind}{names[str(symbol)]}" for kind, symbol in zip(kinds, program.inputs, strict=True)
    )
    if len(program.outputs) == 1:
        head = f"double {name}({arguments}) {{"
        lines.append(f"    return {printer.line(program.outputs[0])};")
    else:
        head = f"void {name}({arguments}, double *out) {{"
        lines += [
            f"    out[{k}] = {printer.line(value)};" for k, value in enumerate(program.outputs)
        ]
    bessel = _BESSEL if any(own in " ".join(lines) for own in ("j0(", "j1(", "jn(")) else ""
    headers = "#include <math.h>\n" + ("#include <string.h>\n" if program.texts else "")
    return headers + bessel + "\n" + "\n".join([head, *lines, "}"]) + "\n"


def _julia(program: Program, name: str, names: Mapping[str, str]) -> str:
    from sympy.printing.julia import JuliaCodePrinter  # noqa: PLC0415

    printer = _printer(JuliaCodePrinter, names, _JULIA_TEXTS, inline=True)
    lines = [f"    {names[str(symbol)]} = {printer.line(value)}" for symbol, value in program.steps]
    lines.append(f"    return {', '.join(map(printer.line, program.outputs))}")
    head = f"function {name}({', '.join(names[str(own)] for own in program.inputs)})"
    body = "\n".join([head, *lines, "end"])
    special = ("bessel", "gamma(", "erf", "airy", "beta(", "zeta(")
    imports = "using SpecialFunctions\n\n" if any(own in body for own in special) else ""
    return imports + body + "\n"
