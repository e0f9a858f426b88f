"""Training and validation loss by epoch, and where overfitting sets in."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mirage.reporting.plots import layout, series, style

READS = "history"
LOSSES = {"loss": "training loss", "validation_loss": "validation loss"}
MOST_MARKERS = 40  # of a line that can be told apart
MARK = {"linestyle": ":", "linewidth": 1.8}


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Draw the mean loss (nats per image) by epoch; the band is the range over seeds.

    The training loss is known of the epochs that are kept as checkpoints. `data` holds the
    histories of the runs that `figure["series"]` names (run, label, panel). A vertical line, with
    its epoch above the panel, marks the least mean validation loss of each series. `published` is
    not used. Raises ValueError where a series has no rows.
    """
    data = data.rename(columns=LOSSES).melt(
        ["run", "seed", "epoch"], [*LOSSES.values()], "kind", "nats"
    )
    data = data.dropna(subset="nats")
    rows = series.measured_lines(figure, data, "kind")
    lines = list(dict.fromkeys(rows["line"]))
    looks = style.line_styles(lines, figure.get("colours"))
    epochs = rows.groupby("line")["epoch"].nunique()
    looks["markers"] |= dict.fromkeys(epochs.index[epochs > MOST_MARKERS], "")

    titles = list(dict.fromkeys(rows["panel"]))
    drawing, axes = layout.panels(len(titles))
    for panel, title in zip(axes, titles, strict=True):
        here = rows[rows["panel"] == title]
        # One by one: seaborn draws no lines with and without markers together.
        for line, some in here.groupby("line", sort=False):
            own = {name: {line: of_lines[line]} for name, of_lines in looks.items()}
            # One SD below a mean loss may be negative, which a logarithmic axis cannot show.
            style.mean_lines(panel, some, "epoch", "nats", "line", own, band=style.RANGE)
    layout.scale_by_range(axes)
    for panel, title in zip(axes, titles, strict=True):
        validation = rows[(rows["panel"] == title) & (rows["kind"] == LOSSES["validation_loss"])]
        least = validation.pivot_table("nats", "epoch", "line").idxmin()  # line -> epoch
        for line, epoch in least.items():
            panel.axvline(epoch, color=looks["palette"][line], **MARK)
        above = panel.secondary_xaxis("top")
        above.set_xticks(least, [f"epoch {epoch}" for epoch in least])
    layout.label_axes(
        axes,
        figure.get("x_label", "Epoch of training"),
        [figure.get("y_label", "Loss (nats per image)")] * len(axes),
        titles,
        whole_x=True,
    )
    notes = [
        (Line2D([], [], color=style.NEUTRAL, **MARK), "least mean validation loss"),
        style.measured_entry(rows, style.RANGE),
    ]
    layout.set_title(drawing, figure["title"])
    layout.set_legend(drawing, [(style.handle(line, looks), line) for line in lines], notes)
    return drawing
