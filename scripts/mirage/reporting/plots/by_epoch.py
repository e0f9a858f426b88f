"""Accuracy under attack, or a measure of the gradient, by epoch of training."""

import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import comparison


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None) -> Figure:
    """Draw one line per series and epsilon over the epoch, beside the published points.

    `figure` is the figure's entry in the config, `data` the rows of its attacks (epsilon as
    text), `published` the table of published series. Accuracies and shares are in 0..1.
    Raises ValueError where a series, measured or published, has no rows.
    """
    return comparison.draw_lines(
        figure,
        data,
        published,
        x="epoch",
        x_label="Epoch of training",
        key="epsilon",
        prefix="ε = ",
    )
