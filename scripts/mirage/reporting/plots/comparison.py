"""Measured lines beside published points: what several kinds of plot share."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mirage.reporting.plots import layout, series, style

Y_LABELS = {
    "accuracy": "Accuracy under attack (0–1)",
    "clean_accuracy": "Accuracy without an attack (0–1)",
    "success": "Success rate of the attack (0–1)",
    "rho_l2": "Mean relative size of the perturbation, ‖r‖₂ / ‖x‖₂",
    "rho_linf": "Mean relative size of the perturbation, ‖r‖∞ / ‖x‖∞",
    "median_l2": "Median size of the perturbation, ‖r‖₂ (pixel intensity)",
    "changed_share": "Mean share of pixels changed (0–1)",
    "iterations": "Mean number of iterations of the attack",
    "zero_share": "Share of zero gradient entries (0–1)",
    "zero_image_share": "Share of images whose gradient is all zero (0–1)",
    "sign_disagreement": "Share of gradient signs unlike the exact sign (0–1)",
    "mean_abs_gradient": "Mean absolute gradient (loss per unit of pixel intensity)",
    "spectral_norm": "Spectral norm (largest singular value of the weights)",
}
# All others lie in 0..1.
UNBOUNDED = (
    *("rho_l2", "rho_linf", "median_l2", "iterations"),
    *("mean_abs_gradient", "spectral_norm"),
)


def draw_lines(
    figure: dict,
    data: pd.DataFrame,
    published: pd.DataFrame | None,
    *,
    x: str,
    x_label: str,
    key: str,
    prefix: str = "",
) -> Figure:
    """Draw the columns `figure["y"]` of `data` over the column `x`, a line per value of `key`.

    The column "x" is the number that each series gives as its `x`. Lines are means over seeds,
    bands one standard deviation either side; `prefix` stands before the value of `key` in a
    line's name. Raises ValueError where a series, measured or published, has no rows, or a line
    has no values or several at one place.
    """
    columns = figure.get("y", "accuracy")
    columns = [columns] if isinstance(columns, str) else columns
    rows = series.measured_lines(figure, data, key, prefix)
    points = series.published_lines(figure, published, rows, columns, key, prefix)
    rows, points = (table.assign(x=table[x].astype(float)) for table in (rows, points))
    _check(rows, columns, x)
    clean_points = points[points["quantity"] == series.CLEAN]
    if series.CLEAN in columns:  # then it is a line, not what lines are held against
        clean_points = clean_points.iloc[:0]
    points = points.drop(clean_points.index)
    numbers = zip(series.entries(figure), figure["series"], strict=True)
    clean = [entry for entry, one in numbers if one.get("clean")]
    clean = rows[rows["entry"].isin(clean)] if "accuracy" in columns else rows.iloc[:0]
    measured = list(dict.fromkeys(rows["line"]))
    alone = [line for line in dict.fromkeys(points["line"]) if line not in measured]

    looks = style.line_styles(measured + alone, figure.get("colours"))
    looks["palette"] |= dict.fromkeys(alone, style.NEUTRAL)
    if len(points) or len(clean):
        # Dashes then tell published from measured; markers alone tell the lines apart.
        looks["dashes"] = dict.fromkeys(measured, "")

    titles = list(dict.fromkeys(rows["panel"]))
    cells = [(column, title) for column in columns for title in titles]
    both_ways = len(columns) > 1 and len(titles) > 1
    drawing, axes = layout.panels(
        len(cells),
        columns=len(titles) if both_ways else None,
        share_y="row" if both_ways else len(columns) == 1,
    )
    for panel, (column, title) in zip(axes, cells, strict=True):
        style.mean_lines(panel, rows[rows["panel"] == title], "x", column, "line", looks)
        there = points[(points["panel"] == title) & (points["quantity"] == column)]
        for (_, line), group in there.groupby(["entry", "line"], sort=False):
            look = {"color": looks["palette"][line], "marker": looks["markers"][line]}
            style.published_line(panel, group, **look, **style.PUBLISHED)
        if column == "accuracy":
            # All epsilons of a series have the same clean accuracy: one line serves them.
            by = ["entry"] if key == "epsilon" else ["entry", "line"]
            here = list(clean[clean["panel"] == title].groupby(by))
            for _, group in here:
                _draw_clean(panel, group, looks["palette"], alone=len(here) == 1)
            for _, group in clean_points[clean_points["panel"] == title].groupby(by):
                style.published_line(
                    panel, group, color=style.NEUTRAL, marker="o", **style.PUBLISHED_CLEAN
                )
    for column in columns:
        same = [panel for panel, cell in zip(axes, cells, strict=True) if cell[0] == column]
        if column in UNBOUNDED:
            layout.scale_by_range(same)
        else:
            same[0].set(ylim=(-0.03, 1.03), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    layout.label_axes(
        axes,
        figure.get("x_label", x_label),
        [figure.get("y_label", Y_LABELS[column]) for column, _ in cells],
        ["" if both_ways and column != columns[0] else title for column, title in cells],
        whole_x=x != "epsilon" and bool((rows["x"] % 1 == 0).all()),  # epochs, layers, units
    )
    if figure.get("log_x"):
        layout.log_x(axes, pd.concat([rows["x"], points["x"]]))

    lines = [(style.handle(line, looks), line) for line in measured]
    lines += [(_handle(style.PUBLISHED, looks["markers"][line]), line) for line in alone]
    notes = [style.measured_entry(rows), *_published_notes(points, x)]
    if len(clean):
        notes.append((_handle(style.CLEAN), "clean accuracy (no attack)"))
    if len(clean_points):
        text = f"clean accuracy, published ({_sources(clean_points)})"
        notes.append((_handle(style.PUBLISHED_CLEAN, "o"), text))
    layout.set_title(drawing, figure["title"])
    layout.set_legend(drawing, lines, notes)
    return drawing


def _check(rows: pd.DataFrame, columns: list[str], x: str) -> None:
    """Refuse lines that would be empty, or that would be means of more than seeds."""
    for line, group in rows.groupby("line", sort=False):
        empty = [name for name in columns if group[name].isna().all()]
        if empty or group["x"].isna().any():
            lacking = empty or [x]
            raise ValueError(f"The figure's line {line!r} cannot be drawn: no values of {lacking}.")
    place = ["panel", "line", "seed", "x"]
    twice = rows[rows.duplicated(place)]
    if len(twice):
        panel, line, seed, at = twice[place].iloc[0]
        raise ValueError(
            f"The figure's line {line!r} (panel {panel!r}) has several values for seed {seed} at "
            f"{x} {at:g}: its series must name one run, attack, dtype and split, no place twice."
        )


def _draw_clean(panel: Axes, rows: pd.DataFrame, palette: dict[str, str], *, alone: bool) -> None:
    """Draw the mean clean accuracy of `rows`, in the colour of the first of their lines.

    One that stands `alone` in its panel and for several lines is grey.
    """
    lines = rows["line"].unique()
    means = rows.groupby("x")[series.CLEAN].mean()
    color = style.NEUTRAL if alone and len(lines) > 1 else palette[lines[0]]
    panel.plot(means.index, means, color=color, **style.CLEAN)


def _published_notes(points: pd.DataFrame, x: str) -> list[tuple[Line2D, str]]:
    """Return the legend entries on published points, with a place on the x axis and without."""
    placed = points["x"].notna()
    notes = []
    if placed.any():
        text = f"published ({_sources(points[placed])})"
        notes.append((_handle(style.PUBLISHED, "o"), text))
    if not placed.all():
        text = f"published, {x} not stated ({_sources(points[~placed])})"
        notes.append((_handle(style.PUBLISHED), text))
    return notes


def _handle(look: dict, marker: str | None = None) -> Line2D:
    """Return the legend handle of a look that lines of several colours share."""
    return Line2D([], [], color=style.NEUTRAL, marker=marker, **look)


def _sources(points: pd.DataFrame) -> str:
    """Return the sources of the points and their places there, such as figures."""
    places = points.groupby("source", sort=False)["place"].unique()
    return "; ".join(f"{source}, {', '.join(found)}" for source, found in places.items())
