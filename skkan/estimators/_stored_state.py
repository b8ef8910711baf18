"""What estimators write into files, and what they make of it when they are read."""

import sys
import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from skkan.symbolic.library._stored_expressions import restored, stored

# To be raised when fitted attributes are stored in another way.
FORMAT = 2
SYMBOLIC = ("best_", "symbols")


def _version() -> str:
    return str(sys.modules["skkan"].__version__)


class StoredStateMixin:
    """Pickles with a version, and without objects that formats other than pickle do not know."""

    def __getstate__(self) -> dict[str, Any]:
        parent: Any = super()
        state = dict(parent.__getstate__())
        for name in SYMBOLIC:
            if name in state:
                state[name] = stored(state[name])
        return {**state, "_skkan_version": _version(), "_skkan_format": FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version, form = state.pop("_skkan_version", None), state.pop("_skkan_format", None)
        name = type(self).__name__
        if version != _version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
                    current_sklearn_version=f"{_version()} of skkan",
                    original_sklearn_version=f"{version or 'before 0.1.0'} of skkan",
                ),
                stacklevel=2,
            )
        if form != FORMAT and "network_" in state:
            raise ValueError(
                f"this {name} was stored by skkan {version or 'before 0.1.0'}, in a form that "
                f"version {_version()} does not read. Load it with that version, or fit it again."
            )
        for own in SYMBOLIC:
            if own in state:
                state[own] = restored(state[own])
        parent: Any = super()
        parent.__setstate__(state)
