import pytest

from skkan.symbolic.compilation._compile import parsed_formula


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "exec(chr(120))",
        "x.free_symbols",
        "sympify(x)",
        "lambdify(x, x)",
        "(lambda: x)()",
        "[x for x in (1, 2)]",
        "open(x)",
        "x; x",
        '"x"',
    ],
)
def test_strings_that_are_no_formulas_are_not_run(text):
    with pytest.raises(ValueError, match=r"holds|depends on"):
        parsed_formula(text, ["x"])


@pytest.mark.parametrize(
    "text", ["x**2 + 1.5e-3*sqrt(y)", "exp(-x)/(1 + pi*y)", "Max(x, 0) + Abs(y)", "2.*x + .5*E_"]
)
def test_formulas_are_read(text):
    assert parsed_formula(text, ["x", "y", "E_"]).free_symbols
