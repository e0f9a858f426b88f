"""Accuracy under attack, or a measure of it, by a number that each series gives.

Such as the width of a smoothing kernel, or the number of hidden units.
"""

import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import comparison


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None) -> Figure:
    """Draw one line per label and epsilon over the series' `x`, beside the published points.

    Series with the same label (and panel) are points of the same lines; `figure["x_label"]`
    names the axis and `figure["log_x"]` makes it logarithmic. `data` holds the rows of the
    figure's attacks (epsilon as text), `published` the table of published series, whose points
    stand at the `x` of the series that names them. Accuracies and shares are in 0..1.
    Raises ValueError where the axis has no name or a series no `x`, where a series, measured or
    published, has no rows, and where a line has several values at one place.
    """
    if "x_label" not in figure:
        raise ValueError("A figure by value needs `x_label`, the name of its x axis.")
    for series in figure["series"]:
        if "x" not in series:
            raise ValueError(f"The figure's series {series} lacks its place on the x axis, `x`.")
    return comparison.draw_lines(
        figure, data, published, x="x", x_label=figure["x_label"], key="epsilon", prefix="ε = "
    )
