"""SymPy's undefined functions have no importable name, and are pickled by how they are written."""

from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import UndefinedFunction


@dataclass(frozen=True)
class Written:
    """A SymPy object as its constructor call."""

    text: str


def encoded(value: Any) -> Any:
    """Return a value, or a container of values, with SymPy's objects as text."""
    if isinstance(value, (sp.Basic, UndefinedFunction)):
        return Written(sp.srepr(value))
    if isinstance(value, dict):
        return {encoded(key): encoded(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(encoded(own) for own in value)
    return value


def decoded(value: Any) -> Any:
    """Return what :func:`encoded` was given."""
    if isinstance(value, Written):
        return sp.sympify(value.text)
    if isinstance(value, dict):
        return {decoded(key): decoded(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(decoded(own) for own in value)
    return value
