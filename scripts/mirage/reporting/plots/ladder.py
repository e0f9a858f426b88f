"""From the plain attack over stronger ones down to a bound: a row of dots for each network."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter

from mirage.reporting.plots import layout, series, style

CLEAN = "no attack"
SPACE = 0.8  # that the dots of a row share; rows are one apart
HEIGHT = 0.27  # inches of a dot


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Draw accuracies in 0..1 along x, a panel for each `panel` and a row for each `row`.

    Series of one panel, row and label are one dot of each seed: the least of them, as the strongest
    of several attacks leaves it. `data` holds rows of attacks (accuracy) and, for series that name
    a `measure` and its `item`, of measures (value). A large dot is the mean over seeds, its line
    one standard deviation either side. Small dots are the seeds, those of one seed joined by a
    line. `clean` adds the accuracy without an attack. `published` is not used.
    Raises ValueError where a series has no rows.
    """
    dots = pd.concat([_dots(one, data) for one in figure["series"]], ignore_index=True)
    names = ["panel", "row", "label", "seed"]
    dots = dots.groupby(names, sort=False, as_index=False)["value"].min()
    labels = sorted(dict.fromkeys(dots["label"]), key=lambda label: label != CLEAN)
    looks = style.line_styles(labels, figure.get("colours"))
    rows, titles = (list(dict.fromkeys(dots[name])) for name in ("row", "panel"))

    drawing, axes = layout.panels(len(titles), columns=len(titles))
    tall = max(2.0, HEIGHT * len(labels) * len(rows)) + 1.2
    drawing.set_size_inches(drawing.get_figwidth(), tall)
    for panel, title in zip(axes, titles, strict=True):
        here = dots[dots["panel"] == title]
        for (row, label), found in here.groupby(["row", "label"], sort=False)["value"]:
            _dot(panel, found, rows.index(row) + _step(label, labels), label, looks)
        for row, found in here.groupby("row", sort=False):
            _paths(panel, found, rows.index(row), labels)
        for line in np.arange(1, len(rows)) - 0.5:
            panel.axhline(line, color="0.8", linewidth=0.8)
        panel.set(xlim=(-0.03, 1.03), ylim=(len(rows) - 0.5, -0.5))
        panel.set_yticks(range(len(rows)), rows)
        panel.grid(False, axis="y")
    x_label = figure.get("x_label", "Accuracy (0–1)")
    layout.label_axes(axes, x_label, [""] * len(axes), titles, whole_x=False)
    for panel in axes:  # short, so that the ends of two panels do not touch
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    layout.set_title(drawing, figure["title"])
    lines = [(_handle(label, looks), label) for label in labels]
    layout.set_legend(drawing, lines, _notes(dots))
    return drawing


def _dots(one: dict, data: pd.DataFrame) -> pd.DataFrame:
    """Return panel, row, label, seed and value of one series, and of what is clean there."""
    rows = series.select(data, one)
    name = one.get("attack") or one["measure"]
    column = "accuracy" if "attack" in one else "value"
    parts = [rows.assign(label=one.get("label", name), value=rows[column])]
    if one.get("clean"):
        parts.append(rows.assign(label=CLEAN, value=rows[series.CLEAN]))
    where = {"panel": one.get("panel", ""), "row": one.get("row", one["run"])}
    return pd.concat(parts).assign(**where)[["panel", "row", "label", "seed", "value"]]


def _step(label: str, labels: list[str]) -> float:
    """Return the place of a label's dots beside the middle of their row."""
    return SPACE * (labels.index(label) / max(1, len(labels) - 1) - 0.5)


def _paths(panel, found: pd.DataFrame, row: int, labels: list[str]) -> None:
    """Join each seed's dots of a row: lines that cross are seeds that change their order."""
    if found["seed"].nunique() > 1:
        for _, path in found.groupby("seed"):
            path = path.sort_values("label", key=lambda column: column.map(labels.index))
            places = [row + _step(label, labels) for label in path["label"]]
            panel.plot(path["value"], places, color="0.75", linewidth=0.6, zorder=1)


def _dot(panel, found: pd.Series, y: float, label: str, looks: dict) -> None:
    """Draw the mean and the spread of the seeds' values, and each of them."""
    colour = looks["palette"][label]
    if len(found) > 1:
        panel.scatter(found, np.full(len(found), y), s=14, color=colour, alpha=0.35, linewidth=0)
        low, high = np.clip(found.mean() + found.std() * np.array([-1, 1]), 0, 1)
        panel.plot([low, high], [y, y], color=colour, linewidth=1.5)
    panel.scatter(
        *([found.mean()], [y]),
        s=50,
        color=colour,
        marker=looks["markers"][label],
        edgecolor="white",
        linewidth=0.8,
        zorder=3,
    )


def _handle(label: str, looks: dict) -> Line2D:
    """Return the legend handle of a label."""
    return Line2D(
        [],
        [],
        color=looks["palette"][label],
        marker=looks["markers"][label],
        markeredgecolor="white",
        linestyle="none",
    )


def _notes(dots: pd.DataFrame) -> list[tuple[Line2D, str]]:
    """Return the legend entries on seeds."""
    seeds = dots.groupby(["panel", "row", "label"])["seed"].nunique()
    numbers = "–".join(str(number) for number in sorted({seeds.min(), seeds.max()}))
    if seeds.max() == 1:
        return [(Line2D([], [], linestyle="none"), "1 seed")]
    small = Line2D([], [], color=style.NEUTRAL, marker=".", alpha=0.5, linestyle="none")
    line = Line2D([], [], color=style.NEUTRAL, linewidth=1.5)
    return [(line, f"mean of {numbers} seeds, line = {style.BANDS['sd']}"), (small, "each seed")]
