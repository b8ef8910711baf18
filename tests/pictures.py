"""Estimators made of given networks, and comparison with reference images."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.testing.compare import compare_images
from PIL import Image

from skkan import KANRegressor
from skkan._typing import FloatArray
from skkan.network._network import Network

REFERENCE = Path(__file__).parent / "inspection" / "reference"


def estimator_of(network: Network) -> KANRegressor:
    """Return an estimator that has this network, as if fitted."""
    estimator = KANRegressor()
    estimator.network_ = network
    estimator.n_features_in_ = network.shape[0]
    return estimator


def sample(network: Network, n_samples: int = 50) -> FloatArray:
    """Return inputs between -1 and 1."""
    return np.random.default_rng(1).uniform(-1.0, 1.0, size=(n_samples, network.shape[0]))


def assert_looks_like(figure: Any, name: str, directory: Path) -> None:
    """Compare a figure, without its text, with a reference image."""
    # Fonts differ between machines.
    for axes in figure.axes:
        for text in [*axes.texts]:
            text.remove()
        axes.set_axis_off()
        axes.set_title("")
        if axes.get_legend():
            axes.get_legend().remove()
    actual = directory / f"{name}.png"
    figure.savefig(actual, dpi=30)
    # A palette makes the references small.
    Image.open(actual).convert("RGB").quantize(16).save(actual, optimize=True)
    expected = REFERENCE / f"{name}.png"
    assert expected.exists(), f"no reference; if the picture is right: cp {actual} {expected}"
    difference = compare_images(str(expected), str(actual), tol=5)
    assert difference is None, f"{difference}\nif the picture is right: cp {actual} {expected}"
