"""A look at the clock from deep inside a search, which may end it there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Watch = Callable[[], None]

_CURRENT: ContextVar[Watch | None] = ContextVar("skkan_watch", default=None)


@contextmanager
def watched(watch: Watch | None) -> Iterator[None]:
    """Have `watch` called by every :func:`look` within; None lets what is within come to its end.

    Parameters
    ----------
    watch : callable or None
        Called without arguments. It may raise an exception to end the search.

    Examples
    --------
    >>> from skkan.symbolic._watch import look, watched
    >>> with watched(lambda: print("looked")):
    ...     look()
    looked
    >>> look()
    """
    token = _CURRENT.set(watch)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def look() -> None:
    """Call the present watch, if there is one; it costs next to nothing otherwise."""
    watch = _CURRENT.get()
    if watch is not None:
        watch()
