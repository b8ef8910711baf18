"""A fitted estimator in tables: structure, quality, and what matters most in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np

from skkan._typing import FloatArray
from skkan.data._weighted_rows import WeightedRows
from skkan.inspection._edges import input_names, output_names
from skkan.inspection._html import n_used_parameters
from skkan.inspection._interactions import interactions
from skkan.inspection._scores import propagated
from skkan.network._hidden_layers import written_shape
from skkan.network._network import Network
from skkan.objective._objective import Objective
from skkan.objective.losses._loss import Loss
from skkan.training._constant import best_constant
from skkan.training.evidence._degrees import edge_degrees
from skkan.training.evidence._smoothing import full_posterior, update_smoothing

# Rows that interactions are estimated from, and shares of the variance that are worth a line.
PAIR_ROWS, LEAST_SHARE = 300, 1e-3


class EdgeLine(NamedTuple):
    """An edge in a summary.

    Attributes
    ----------
    layer : int
        Its layer.
    source, target : str
        Its input node, a column in layer 0, and the node that it enters.
    function : str
        Name of a symbolic function, or "spline".
    score : float
        As ``edge_scores_`` has it.
    dof : float or None
        Effective degrees of freedom; None where they are not known.
    """

    layer: int
    source: str
    target: str
    function: str
    score: float
    dof: float | None


class InteractionLine(NamedTuple):
    """Two columns that act together.

    Attributes
    ----------
    columns : tuple of str
        Their names.
    share : float
        Share of the outputs' variance, as ``feature_interactions`` has it.
    """

    columns: tuple[str, str]
    share: float


# Header and lines of a table.
Line = tuple[str, ...]
TextTable = tuple[Line, list[Line]]


@dataclass(frozen=True)
class Summary:
    """What is to be known of a fitted estimator at a glance; prints as tables.

    Attributes
    ----------
    name : str
        Name of the class.
    facts : dict
        Structure and quality by name: "shape", "edges", "parameters", "samples" (sum of their
        weights), "solver", "dof" (effective degrees of freedom), "noise" (standard deviation by
        output, in the units of `y`), "log_evidence", "score" (share of the loss of the best
        constant that is explained: R^2 for squared errors) and "loss". None for what is not known.
    edges : list of EdgeLine
        All active edges, the strongest first.
    terms : list of AnalysisTerm
        Main effects and interactions of an analysis of variance; empty for other models.
    interactions : list of InteractionLine
        Pairs of columns that act together, the strongest first.
    max_rows : int
        Number of lines of a table that are printed.
    """

    name: str
    facts: dict[str, Any]
    edges: list[EdgeLine]
    terms: Sequence[Any]
    interactions: list[InteractionLine]
    max_rows: int

    def _tables(self) -> list[TextTable]:
        """Return header and lines of every table that is shown."""
        lines: list[Line]
        if self.terms:
            header: Line = ("term", "share", "dof", "evidence")
            lines = [
                (
                    " x ".join(own.columns),
                    f"{own.share:.3f}",
                    f"{own.dof:.1f}",
                    f"{own.evidence:.1f}",
                )
                for own in self.terms
            ]
        else:
            header = ("layer", "from", "to", "function", "score", "dof")
            lines = [
                (
                    str(own.layer),
                    own.source,
                    own.target,
                    own.function,
                    f"{own.score:.3f}",
                    _number(own.dof, ".1f"),
                )
                for own in self.edges
            ]
        tables: list[TextTable] = [(header, lines)]
        if self.interactions:
            lines = [(" x ".join(own.columns), f"{own.share:.3f}") for own in self.interactions]
            tables.append((("interaction", "share of variance"), lines))
        return tables

    def _shown(self) -> list[tuple[str, str]]:
        """Return the facts as they are printed."""
        facts = self.facts
        n_edges, n_all = facts["edges"]
        noise, dof = facts["noise"], facts["dof"]
        return [
            ("shape", facts["shape"]),
            ("edges", f"{n_edges} of {n_all}" if n_edges < n_all else str(n_edges)),
            ("parameters", f"{facts['parameters']:,}"),
            ("effective dof", "-" if dof is None else f"{dof:.1f}"),
            ("samples", f"{facts['samples']:,.6g}"),
            ("solver", facts["solver"]),
            ("noise", "-" if noise is None else ", ".join(f"{own:.4g}" for own in noise)),
            ("log evidence", _number(facts["log_evidence"], ".1f")),
            (facts["score_name"], _number(facts["score"], ".4f")),
            ("objective", f"{facts['loss']:.4g}"),
        ]

    def __repr__(self) -> str:
        """Return the tables as text."""
        shown = self._shown()
        half = -(-len(shown) // 2)
        left, right = shown[:half], shown[half:] + [("", "")] * (2 * half - len(shown))
        widths = [
            max(len(row[place]) for row in part) for part in (left, right) for place in (0, 1)
        ]
        lines = [self.name]
        for a, b in zip(left, right, strict=True):
            cells = zip((*a, *b), widths, strict=True)
            lines.append("  ".join(f"{cell:{width}}" for cell, width in cells).rstrip())
        for header, rows in self._tables():
            lines += ["", *_text_table(header, rows, self.max_rows)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        facts = "".join(
            f"<tr><th style='text-align: left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._shown()
        )
        parts = [f"<table><caption>{escape(self.name)}</caption>{facts}</table>"]
        for header, rows in self._tables():
            head = "".join(f"<th>{escape(own)}</th>" for own in header)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in rows[: self.max_rows]
            )
            rest = len(rows) - self.max_rows
            caption = f"<caption>{rest} more</caption>" if rest > 0 else ""
            parts.append(f"<table>{caption}<tr>{head}</tr>{body}</table>")
        return "".join(parts)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _text_table(header: tuple[str, ...], rows: list[tuple[str, ...]], max_rows: int) -> list[str]:
    """Return the lines of a table; columns of numbers stand on the right."""
    shown = rows[:max_rows]
    widths = [max([len(name), *(len(row[k]) for row in shown)]) for k, name in enumerate(header)]
    numeric = [all(_is_number(row[k]) for row in shown) and k > 0 for k in range(len(header))]

    def line(cells: tuple[str, ...]) -> str:
        return "  ".join(
            f"{cell:>{width}}" if right else f"{cell:{width}}"
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()

    lines = [line(header), *map(line, shown)]
    if len(rows) > max_rows:
        lines.append(f"({len(rows) - max_rows} more)")
    return lines


def _is_number(cell: str) -> bool:
    return cell.replace(".", "").replace("-", "").isdigit() or cell == "-"


def summary_of(estimator: Any, loss: Loss, max_rows: int) -> Summary:
    """Return the summary of a fitted estimator.

    Parameters
    ----------
    estimator : KANRegressor or KANClassifier
        Fitted estimator.
    loss : Loss
        Data fit of its training.
    max_rows : int
        Number of lines of a table that are printed.
    """
    network: Network = estimator.network_
    state, rows = estimator._state, estimator._state.rows.weighted()
    data = rows.scaled(network.scaling)
    objective = Objective(network.copy(), data, loss, state.penalty)
    parameters = network.get_parameters()
    splined = any(layer.splined.any() for layer in network.layers)
    posterior = state.posterior
    terms = getattr(estimator, "terms_", [])
    degrees = edge_degrees(objective, parameters)
    dof = None if degrees is None else float(sum(own.sum() for own in degrees))
    evidence = None
    if terms:
        degrees, dof = None, float(posterior.used.sum())
    elif splined and degrees is not None and any(own.sum() > 0.0 for own in degrees):
        evidence = update_smoothing(objective, parameters, full_posterior).log_evidence
    noise = None
    if loss.has_noise_level:
        variance = (
            objective.residual_variances(parameters) if posterior is None else posterior.noise
        )
        noise = (network.scaling.output_scale * np.sqrt(variance)).tolist()
    value, lowest = objective.data_value(parameters), best_constant(data, loss)[1]
    facts = {
        "shape": " -> ".join(map(str, written_shape(network.shape, network.arities))),
        "edges": (
            sum(int(layer.active.sum()) for layer in network.layers),
            sum(layer.active.size for layer in network.layers),
        ),
        "parameters": n_used_parameters(network),
        "samples": rows.total,
        "solver": estimator.solver_,
        "dof": dof,
        "noise": noise,
        "log_evidence": evidence,
        "score_name": "training R^2" if loss.is_square else "explained loss",
        "score": None if lowest <= 0.0 else 1.0 - value / lowest,
        "loss": estimator.loss_,
    }
    names = input_names(estimator)
    edges = _edge_lines(network, propagated(state.activity)[0], degrees, names, estimator)
    return Summary(
        type(estimator).__name__, facts, edges, terms, _pair_lines(network, rows, names), max_rows
    )


def _edge_lines(
    network: Network,
    scores: Sequence[FloatArray],
    degrees: Sequence[FloatArray] | None,
    inputs: Sequence[str],
    estimator: Any,
) -> list[EdgeLine]:
    """Return all active edges, the strongest first."""
    outputs = output_names(estimator)
    lines = []
    last = len(network.layers) - 1
    for depth, (layer, score) in enumerate(zip(network.layers, scores, strict=True)):
        owner = np.repeat(np.arange(layer.n_out), layer.arities)
        for i, j in np.argwhere(layer.active).tolist():
            node = int(owner[j])
            edge = layer.symbols.get((i, j))
            lines.append(
                EdgeLine(
                    depth,
                    inputs[i] if depth == 0 else _hidden(depth, i),
                    outputs[node] if depth == last else _hidden(depth + 1, node),
                    "spline" if edge is None else edge.function.name,
                    float(score[i, j]),
                    None if degrees is None else float(degrees[depth][i, j]),
                )
            )
    return sorted(lines, key=lambda own: -own.score)


def _hidden(depth: int, node: int) -> str:
    return f"node {node} of layer {depth}"


def _pair_lines(
    network: Network, rows: WeightedRows, names: Sequence[str]
) -> list[InteractionLine]:
    """Return the pairs of columns that act together."""
    rng = np.random.default_rng(0)
    share = rows.weight / rows.total
    few = (
        rows
        if len(rows) <= PAIR_ROWS
        else rows.taken(np.sort(rng.choice(len(rows), PAIR_ROWS, p=share)))
    )
    inputs = network.scaling.inputs(few.X)
    found = interactions(network, inputs, inputs[rng.permutation(len(inputs))])
    pairs = [
        InteractionLine((names[a], names[b]), float(found[a, b]))
        for a, b in np.argwhere(np.triu(found) > LEAST_SHARE).tolist()
    ]
    return sorted(pairs, key=lambda own: -own.share)
