"""Accuracy under attack, or a measure of the gradient, by size of the perturbation."""

import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import comparison


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None) -> Figure:
    """Draw one line per series and epoch over epsilon, beside the published points.

    `figure` is the figure's entry in the config, `data` the rows of its attacks (epsilon as
    text), `published` the table of published series. Accuracies and shares are in 0..1.
    Raises ValueError where a series, measured or published, has no rows.
    """
    if published is not None:
        # At epsilon 0 there is no attack: a clean accuracy is the accuracy there.
        clean = published["quantity"] == "clean_accuracy"
        at_zero = published[clean].assign(quantity="accuracy", epsilon="0")
        published = pd.concat([published[~clean], at_zero])
    return comparison.draw_lines(
        figure,
        data,
        published,
        x="epsilon",
        x_label="Perturbation size ε (pixel intensity, 0–1)",
        key="epoch",
        prefix="epoch ",
    )
