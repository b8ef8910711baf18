"""Levels that are texts, as atoms of SymPy expressions. Loads SymPy: import where it is used."""

import sympy


class Text(sympy.Symbol):
    """A text, such as a level of a categorical column."""


class NoText(sympy.Symbol):
    """The lack of one: None, null or NULL."""


NO_TEXT = NoText("missing")
