"""Fits that leave an estimator as it was if they fail."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def restored_on_failure(estimator: Any, private: Collection[str] = ()) -> Iterator[None]:
    """Put the fitted attributes of an estimator back as they were if what is done inside fails.

    Parameters
    ----------
    estimator : estimator
        The estimator.
    private : collection of str, optional
        Fitted attributes whose names do not end with an underscore.
    """

    def fitted() -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(estimator).items()
            if name.endswith("_") or name in private
        }

    before = fitted()
    try:
        yield
    except BaseException:
        for name in fitted():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
