"""Formulas as source code, with one variable per node so that no formula explodes."""

from collections.abc import Callable
from typing import Any

from skkan.symbolic.export._program import Program


def to_code(program: Program, language: str, name: str = "formula") -> str:
    """Write a program as a function in another language.

    Parameters
    ----------
    program : Program
        The formula.
    language : {"python", "c", "julia"}
        Python code works on arrays as well as numbers. C code returns a single output, and writes
        several to the array ``out``.
    name : str, default="formula"
        Name of the function.

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
    writers: dict[str, Callable[[Program, str], str]] = {
        "python": _python,
        "c": _c,
        "julia": _julia,
    }
    if language not in writers:
        known = ", ".join(map(repr, writers))
        raise ValueError(f"language must be one of {known}, got {language!r}.")
    return writers[language](program, name)


def _flat(code: str) -> str:
    """Return code on one line: a name is often longer than what it stands for."""
    return " ".join(line.strip() for line in code.splitlines())


def python_printer(**settings: Any) -> Any:
    """Return a printer of Python code for SciPy, with all digits of the numbers.

    Parameters
    ----------
    **settings : dict
        Of SymPy's ``SciPyPrinter``, which leaves out one or two digits of a double.
    """
    from sympy.printing.numpy import SciPyPrinter  # noqa: PLC0415

    class Printer(SciPyPrinter):
        def _print_Float(self, expression: Any) -> str:  # noqa: N802
            return repr(float(expression))

    return Printer(settings)


def _python(program: Program, name: str) -> str:
    printer = python_printer(fully_qualified_modules=True)
    lines = [f"    {symbol} = {_flat(printer.doprint(value))}" for symbol, value in program.steps]
    outputs = ", ".join(_flat(printer.doprint(output)) for output in program.outputs)
    lines.append(f"    return {outputs}")
    head = f"def {name}({', '.join(map(str, program.inputs))}):"
    body = "\n".join([head, *lines])
    imports = ["import numpy"] + ["import scipy.special"] * ("scipy.special" in body)
    return "\n".join(imports) + "\n\n\n" + body + "\n"


def _c(program: Program, name: str) -> str:
    from sympy.printing.c import C99CodePrinter  # noqa: PLC0415

    class Printer(C99CodePrinter):
        """C has Bessel functions of whole orders in math.h."""

        def _print_besselj(self, expression: Any) -> str:
            order, argument = expression.args
            inner = self._print(argument)
            if order in (0, 1):
                return f"j{order}({inner})"
            return f"jn({self._print(order)}, {inner})"

    printer = Printer({"math_macros": {}})

    def printed(value: Any) -> str:
        return _flat(printer.doprint(value.xreplace(_numbers(value))))

    lines = [f"    const double {symbol} = {printed(value)};" for symbol, value in program.steps]
    arguments = ", ".join(f"double {symbol}" for symbol in program.inputs)
    if len(program.outputs) == 1:
        head = f"double {name}({arguments}) {{"
        lines.append(f"    return {printed(program.outputs[0])};")
    else:
        head = f"void {name}({arguments}, double *out) {{"
        lines += [f"    out[{k}] = {printed(value)};" for k, value in enumerate(program.outputs)]
    return "\n".join(["#include <math.h>", "", head, *lines, "}"]) + "\n"


def _numbers(value: Any) -> dict[Any, Any]:
    """Return floats for the constants that strict C has no name for."""
    import sympy  # noqa: PLC0415

    return {constant: sympy.Float(float(constant)) for constant in value.atoms(sympy.NumberSymbol)}


def _julia(program: Program, name: str) -> str:
    from sympy.printing.julia import JuliaCodePrinter  # noqa: PLC0415

    printer = JuliaCodePrinter({"inline": True})
    lines = [f"    {symbol} = {_flat(printer.doprint(value))}" for symbol, value in program.steps]
    outputs = ", ".join(_flat(printer.doprint(output)) for output in program.outputs)
    lines.append(f"    return {outputs}")
    head = f"function {name}({', '.join(map(str, program.inputs))})"
    body = "\n".join([head, *lines, "end"])
    imports = "using SpecialFunctions\n\n" if "bessel" in body else ""
    return imports + body + "\n"
