"""Some images of a data set, by class."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import layout, pictures

READS = ("images", "labels")
ROWS = 5
CLASSES = 10
GAP = 2  # pixels between images


def draw(figure: dict, data: pictures.Arrays, published: pd.DataFrame | None = None) -> Figure:
    """Draw the first five images of each class, a column for each class.

    `data` holds `images` (n, 28, 28), uint8, and `labels` (n,), 0..9, as a prepared split does. A
    class with fewer images leaves its places empty. `published` is not used.
    """
    images, labels = data["images"], data["labels"]
    side = images.shape[1] + GAP
    sheet = np.full((ROWS * side - GAP, CLASSES * side - GAP), np.nan)  # NaN is left blank
    for digit in range(CLASSES):
        for row, image in enumerate(images[labels == digit][:ROWS]):
            top, left = row * side, digit * side
            sheet[top : top + side - GAP, left : left + side - GAP] = image

    drawing, (panel,) = layout.panels(1)
    drawing.set_size_inches(8.6, 4.35)
    shown = panel.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    centres = np.arange(CLASSES) * side + (side - GAP) / 2 - 0.5
    panel.set(xticks=centres, yticks=[], xlabel=figure.get("x_label", "Label"))
    panel.set_xticklabels(range(CLASSES))
    panel.grid(False)
    for spine in panel.spines.values():
        spine.set_visible(False)
    drawing.colorbar(shown, ax=panel, label="Pixel intensity (0–255)", fraction=0.024, pad=0.01)
    layout.set_title(drawing, figure["title"])
    return drawing
