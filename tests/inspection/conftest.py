from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def default_style() -> Iterator[None]:
    with plt.style.context("default"):
        yield
