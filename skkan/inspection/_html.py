"""What notebooks show of a fitted estimator: shape, number of parameters, and a thumbnail."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skkan._typing import FloatArray
from skkan.inspection._edges import edge_strengths, relative_scores
from skkan.inspection.displays._layout import spread
from skkan.network._hidden_layers import written_shape
from skkan.network._network import Network
from skkan.network.functions._symbolic_edge import N_PARAMETERS

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:
    # scikit-learn before 1.7.
    from sklearn.utils._estimator_html_repr import _VisualBlock

WIDTH, LEVEL_HEIGHT, MARGIN = 200.0, 44.0, 6.0
MOST_EDGES = 400
"""Weaker ones are left out, lest a notebook grow large."""
N_SITES = 33


class HTMLMixin(BaseEstimator):
    """Adds shape, number of parameters and a thumbnail to scikit-learn's HTML representation.

    Unfitted estimators look as they do in scikit-learn.
    """

    def _sk_visual_block_(self) -> Any:
        caption = _caption(self.network_) if hasattr(self, "network_") else None
        return _VisualBlock(
            "single",
            self,
            names=type(self).__name__,
            name_details=str(self),
            name_caption=caption,
        )

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        """Return the table of parameters; the only place that is shown inside pipelines, too."""
        params = super()._get_params_html(*args, **kwargs)
        if not hasattr(self, "network_"):
            return params
        return _Prefixed(params, self._thumbnail())

    def _repr_html_inner(self) -> str:
        return self._with_thumbnail(super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._with_thumbnail(bundle["text/html"])
        return bundle

    def _thumbnail(self) -> str:
        # Networks that were put into an estimator by hand have no scores.
        scores = self.edge_scores_ if hasattr(self, "_state") else None
        return thumbnail(self.network_, scores)

    def _with_thumbnail(self, html: str) -> str:
        """Append the thumbnail where scikit-learn, before 1.7, has no table of parameters."""
        if not hasattr(self, "network_"):
            return html
        picture = self._thumbnail()
        return html if picture in html else html + picture


class _Prefixed:
    """Parameters of scikit-learn with something in front of their HTML."""

    def __init__(self, params: Any, html: str) -> None:
        self._params = params
        self._html = html

    def __getattr__(self, name: str) -> Any:
        return getattr(self._params, name)

    def _repr_html_inner(self) -> str:
        return self._html + str(self._params._repr_html_inner())


def n_used_parameters(network: Network) -> int:
    """Return the number of parameters that something depends on."""
    return sum(
        int(layer.splined.sum()) * layer.n_features + N_PARAMETERS * len(layer.symbols)
        for layer in network.layers
    )


def _caption(network: Network) -> str:
    sizes = written_shape(network.shape, network.arities)
    shape = " \N{RIGHTWARDS ARROW} ".join(str(size) for size in sizes)
    return f"{shape}, {n_used_parameters(network):,} parameters"


def thumbnail(network: Network, scores: Sequence[FloatArray] | None = None) -> str:
    """Return a network as SVG: nodes and active edges, strong edges darker.

    Parameters
    ----------
    network : Network
        The network.
    scores : sequence of ndarray of shape (n_in, n_subnodes), optional
        Scores of the edges of every layer. By default the standard deviations of their values over
        their grids.
    """
    levels = [spread(size, WIDTH - 2 * MARGIN) + MARGIN for size in network.shape]
    height = LEVEL_HEIGHT * len(network.layers) + 2 * MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH:g} {height:g}" role="img" style="display: block; margin: 0.5em" '
        'stroke="currentColor" fill="currentColor">'
        f"<title>{_caption(network)}</title>"
    )
    parts = [head]
    for depth, score, i, node, symbolic in _strongest(network, scores):
        y = height - MARGIN - LEVEL_HEIGHT * depth
        color = ' stroke="#d62728"' if symbolic else ""
        parts.append(
            f'<line x1="{levels[depth][i]:.1f}" y1="{y:g}" x2="{levels[depth + 1][node]:.1f}" '
            f'y2="{y - LEVEL_HEIGHT:g}" stroke-opacity="{0.1 + 0.9 * score:.2f}"{color}/>'
        )
    for level, xs in enumerate(levels):
        y = height - MARGIN - LEVEL_HEIGHT * level
        radius = min(3.5, 0.3 * WIDTH / len(xs))
        parts += [f'<circle cx="{x:.1f}" cy="{y:g}" r="{radius:.1f}"/>' for x in xs]
    return "".join([*parts, "</svg>"])


def _strongest(
    network: Network, given: Sequence[FloatArray] | None
) -> list[tuple[int, float, int, int, bool]]:
    """Return layer, score, input and output node of the edges, and whether they are symbolic."""
    edges = []
    for depth, layer in enumerate(network.layers):
        if given is None:
            sites: FloatArray = np.linspace(layer.grid.low, layer.grid.high, N_SITES)
            strengths = edge_strengths(layer, sites, "std")
        else:
            strengths = given[depth]
        scores = relative_scores(layer, strengths)
        owner = np.repeat(np.arange(layer.n_out), layer.arities)
        edges += [
            (depth, float(scores[i, j]), i, int(owner[j]), (i, j) in layer.symbols)
            for i, j in np.argwhere(layer.active).tolist()
        ]
    return sorted(edges, key=lambda edge: -edge[1])[:MOST_EDGES]
