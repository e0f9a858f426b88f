"""Lines: a column of a table over epochs, epsilons or a number that each series gives.

Measured lines stand beside published points.
"""

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
    "rho_l2_centred": "Mean relative size of the perturbation, ‖r‖₂ / ‖x − mean image‖₂",
    "median_l2": "Median size of the perturbation, ‖r‖₂ (pixel intensity)",
    "changed_share": "Mean share of pixels changed (0–1)",
    "changed_share_success": "Mean share of pixels changed where the attack succeeded (0–1)",
    "iterations": "Mean number of iterations of the attack",
    "zero_share": "Share of zero gradient entries (0–1)",
    "zero_image_share": "Share of images whose gradient is all zero (0–1)",
    "sign_disagreement": "Share of gradient signs unlike the exact sign (0–1)",
    "mean_abs_gradient": "Mean absolute gradient (loss per unit of pixel intensity)",
    "spectral_norm": "Spectral norm (largest singular value of the weights)",
    "loss": "Loss (nats per image)",
}
X_LABELS = {
    "epoch": "Epoch of training",
    "epsilon": "Perturbation size ε (pixel intensity, 0–1)",
}
# All others lie in 0..1.
UNBOUNDED = (
    *("rho_l2", "rho_linf", "rho_l2_centred", "median_l2", "iterations"),
    *("mean_abs_gradient", "spectral_norm", "loss"),
)
LOSSES = {"loss": "training loss", "validation_loss": "validation loss"}
MOST_MARKERS = 40  # of a line that can be told apart
LEAST = {"linestyle": ":", "linewidth": 1.8}


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Draw the columns `figure["y"]` of `data` over `figure["x"]`, a line per series and key.

    The key is the epsilon; over epsilon it is the epoch. Lines are means over seeds, bands one
    standard deviation either side. What is drawn depends on the table that the figure reads:

    - `attacks` (epsilon as text): accuracies and shares in 0..1, or another column. x is `epoch`,
      `epsilon` or `value`, the number that each series gives as its `x`: there, series of one
      label and panel are points of the same lines.
    - `measures`: the spectral norm, a line per layer.
    - `history`: the loss (nats per image), a line for training, known of the epochs that are kept
      as checkpoints, and one for validation. Bands are the range over seeds. A vertical line,
      with its epoch above the panel, marks the least mean validation loss of each series.

    `published` is the table of published series, whose points stand beside the lines of the series
    that name them. Raises ValueError where a series, measured or published, has no rows, or a line
    has no values or several at one place.
    """
    columns = [figure["y"]] if isinstance(figure["y"], str) else figure["y"]
    at = "x" if figure["x"] == "value" else figure["x"]
    losses = figure["reads"] == "history"
    # One SD below a mean loss may be negative, which a logarithmic axis cannot show.
    band = style.RANGE if losses else style.SPREAD
    rows, points, key = _arranged(figure, columns, data, published)
    rows, points = (table.assign(x=table[at].astype(float)) for table in (rows, points))
    _check(rows, columns, at)
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
    if losses:
        epochs = rows.groupby("line")["epoch"].nunique()
        looks["markers"] |= dict.fromkeys(epochs.index[epochs > MOST_MARKERS], "")

    titles = list(dict.fromkeys(rows["panel"]))
    cells = [(column, title) for column in columns for title in titles]
    both_ways = len(columns) > 1 and len(titles) > 1
    drawing, axes = layout.panels(
        len(cells),
        columns=len(titles) if both_ways else None,
        share_y="row" if both_ways else len(columns) == 1,
    )
    for panel, (column, title) in zip(axes, cells, strict=True):
        style.mean_lines(panel, rows[rows["panel"] == title], column, looks, band)
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
        figure.get("x_label", X_LABELS.get(at)),
        [figure.get("y_label", Y_LABELS[column]) for column, _ in cells],
        ["" if both_ways and column != columns[0] else title for column, title in cells],
        whole_x=at != "epsilon" and bool((rows["x"] % 1 == 0).all()),  # epochs, layers, units
    )
    if figure.get("log_x"):
        layout.log_x(axes, pd.concat([rows["x"], points["x"]]))
    if losses:
        _mark_least(axes, titles, rows, looks["palette"])

    lines = [(style.handle(line, looks), line) for line in measured]
    lines += [(_handle(style.PUBLISHED, looks["markers"][line]), line) for line in alone]
    notes = [style.measured_entry(rows, band), *_published_notes(points, at)]
    if losses:
        notes.insert(0, (_handle(LEAST), "least mean validation loss"))
    if len(clean):
        notes.append((_handle(style.CLEAN), "clean accuracy (no attack)"))
    if len(clean_points):
        text = f"clean accuracy, published ({_sources(clean_points)})"
        notes.append((_handle(style.PUBLISHED_CLEAN, "o"), text))
    layout.set_title(drawing, figure["title"])
    layout.set_legend(drawing, lines, notes)
    return drawing


def _arranged(
    figure: dict, columns: list[str], data: pd.DataFrame, published: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the rows of all lines, the published points, and the column that tells lines apart."""
    key, prefix = "epsilon", "ε = "
    if figure["reads"] == "history":
        key, prefix = "item", ""
        data = data.rename(columns=LOSSES)
        data = data.melt(["run", "seed", "epoch"], [*LOSSES.values()], key, "loss")
        data = data.dropna(subset="loss")
    elif figure["reads"] == "measures":
        key, prefix = "item", ""
        data = data[data["measure"] == figure["y"]].rename(columns={"value": figure["y"]})
    elif figure["x"] == "epsilon":
        key, prefix = "epoch", "epoch "
        if published is not None:
            # At epsilon 0 there is no attack: a clean accuracy is the accuracy there.
            clean = published["quantity"] == series.CLEAN
            at_zero = published[clean].assign(quantity="accuracy", epsilon="0")
            published = pd.concat([published[~clean], at_zero])
    rows = series.measured_lines(figure, data, key, prefix)
    return rows, series.published_lines(figure, published, rows, columns, key, prefix), key


def _mark_least(
    axes: list[Axes], titles: list[str], rows: pd.DataFrame, palette: dict[str, str]
) -> None:
    """Mark the epoch of the least mean validation loss of each line in its panel."""
    validation = rows[rows["item"] == LOSSES["validation_loss"]]
    for panel, title in zip(axes, titles, strict=True):
        here = validation[validation["panel"] == title]
        least = here.pivot_table("loss", "epoch", "line").idxmin()  # line -> epoch
        for line, epoch in least.items():
            panel.axvline(epoch, color=palette[line], **LEAST)
        panel.secondary_xaxis("top").set_xticks(least, [f"epoch {epoch}" for epoch in least])


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
