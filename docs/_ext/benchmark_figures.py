"""Sphinx extension: plots and a table of benchmarks/results/*.csv, made before every build."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results"
TARGET = DOCS / "_generated"
OURS = ("KAN", "skkan")


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of results."""
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def distinct(table: list[dict[str, str]], column: str) -> list[str]:
    """Return the values of a column in the order in which they first occur."""
    return list(dict.fromkeys(row[column] for row in table))


@contextmanager
def picture(name: str, size: tuple[float, float]) -> Iterator[Figure]:
    """Open a figure that is saved as SVG."""
    figure = Figure(figsize=size, layout="constrained")
    yield figure
    # No date, so that unchanged results give unchanged files.
    with mpl.rc_context({"svg.hashsalt": "skkan"}):
        figure.savefig(TARGET / f"{name}.svg", metadata={"Date": None})


def dots(axis: Any, table: list[dict[str, str]], group: str, kind: str, value: str) -> None:
    """Draw one row of dots for every group, a colour for every kind."""
    groups = distinct(table, group)
    others = iter(("C0", "C1", "C2", "C4"))
    for name in distinct(table, kind):
        own = [row for row in table if row[kind] == name]
        axis.plot(
            [float(row[value]) for row in own],
            [groups.index(row[group]) for row in own],
            "D" if name in OURS else "o",
            color="C3" if name in OURS else next(others),
            markersize=9 if name in OURS else 7,
            label=name,
        )
    axis.set_yticks(range(len(groups)), groups)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)


def draw_tabular() -> None:
    """Draw the scores on small tables."""
    table = rows("tabular")
    with picture("tabular", (9.0, 3.2)) as figure:
        axes = figure.subplots(1, 2)
        for axis, (score, label, better) in zip(
            axes, [("R2", "R²", "more"), ("log-loss", "log-loss", "less")], strict=True
        ):
            dots(
                axis, [row for row in table if row["score"] == score], "task", "estimator", "value"
            )
            axis.set_xlabel(f"{label} ({better} is better)")
        axes[0].set_xlim(left=0.15)
        axes[1].legend()


def draw_fit_times() -> None:
    """Draw the times of fits on small tables."""
    with picture("fit_times", (7.0, 3.2)) as figure:
        axis = figure.subplots()
        dots(axis, rows("fit_times"), "task", "estimator", "seconds")
        axis.set(xscale="log", xlabel="median seconds of a fit")
        axis.legend()


def draw_peers() -> None:
    """Draw error over time beside pykan."""
    table = rows("peers")
    with picture("peers", (6.5, 3.8)) as figure:
        axis = figure.subplots()
        for package, color in (("pykan", "C0"), ("skkan", "C3")):
            for shape, marker in zip(distinct(table, "shape"), "oD", strict=True):
                own = [row for row in table if (row["package"], row["shape"]) == (package, shape)]
                axis.plot(
                    [float(row["seconds"]) for row in own],
                    [float(row["rmse"]) for row in own],
                    marker,
                    color=color,
                    markerfacecolor=color if marker == "o" else "none",
                    label=f"{package}, {shape}",
                )
        axis.set(xscale="log", yscale="log", xlabel="seconds of processor time", ylabel="test RMSE")
        axis.grid(alpha=0.3)
        axis.legend()


def draw_speed() -> None:
    """Draw the time of evaluations."""
    with picture("speed", (9.0, 2.4)) as figure:
        axis = figure.subplots()
        dots(axis, rows("speed"), "what", "package", "seconds")
        axis.set(xscale="log", xlabel="seconds")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def write_table() -> None:
    """Write the table of the front page."""
    table = rows("tabular")
    estimators = distinct(table, "estimator")
    lines = ["| task | " + " | ".join(estimators) + " |", "| --- |" + " --- |" * len(estimators)]
    for task in distinct(table, "task"):
        own = {row["estimator"]: float(row["value"]) for row in table if row["task"] == task}
        score = next(row["score"] for row in table if row["task"] == task)
        best = max(own.values()) if score == "R2" else min(own.values())
        cells = [
            f"**{own[name]:.3f}**" if own[name] == best else f"{own[name]:.3f}"
            for name in estimators
        ]
        name = "R²" if score == "R2" else score
        lines.append(f"| {task} ({name}) | " + " | ".join(cells) + " |")
    (TARGET / "peers.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make(_app: Any = None) -> None:
    """Make all files."""
    TARGET.mkdir(exist_ok=True)
    for draw in (draw_tabular, draw_fit_times, draw_peers, draw_speed, write_table):
        draw()


def setup(app: Any) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", lambda app, _config: make(app))
    return {"parallel_read_safe": True}
