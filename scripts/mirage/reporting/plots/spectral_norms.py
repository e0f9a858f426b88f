"""Spectral norm of each layer's weights by epoch."""

import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import comparison

READS = "measures"
NORM = "spectral_norm"


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None) -> Figure:
    """Draw the largest singular value of each layer's weights by epoch, a line per layer.

    `data` holds the measures of the runs that `figure["series"]` names (run, label, panel,
    published); in `published`, a layer's norm is the quantity "spectral_norm:<layer>".
    Raises ValueError where a series, measured or published, has no rows.
    """
    norms = data[data["measure"] == NORM].rename(columns={"value": NORM})
    if published is not None:
        parts = published["quantity"].str.split(":", expand=True).reindex(columns=[0, 1])
        published = published.assign(quantity=parts[0], item=parts[1])
    return comparison.draw_lines(
        figure | {"y": NORM}, norms, published, x="epoch", x_label="Epoch of training", key="item"
    )
