"""Images before and after an attack, and the perturbation between them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mirage.plots import layout

MOST_ROWS = 4


def draw(
    figure: dict, data: dict[str, np.ndarray], published: pd.DataFrame | None = None
) -> Figure:
    """Draw original, perturbation and adversarial image of the first examples, a row for each.

    `data` holds `images` and `adversarial` (k, 28, 28) with pixels in 0..1 (an attack that does
    not clip may leave that range), `labels`, `predictions` and `adversarial_predictions` (k,),
    and `epsilon`, a text. All images share one grey scale, all perturbations one scale that is
    symmetric about zero. Without an example, the figure says so. `published` is not used.
    """
    images, adversarial = data["images"][:MOST_ROWS], data["adversarial"][:MOST_ROWS]
    if len(images) == 0:  # a robust network is a result, not an error
        drawing, (panel,) = layout.panels(1)
        panel.set_axis_off()
        panel.text(0.5, 0.5, "The attack misled the network on no image.", ha="center")
        layout.set_title(drawing, figure["title"])
        return drawing
    perturbations = adversarial - images
    grey = {
        "cmap": "gray",
        "vmin": min(0, images.min(), adversarial.min()),
        "vmax": max(1, images.max(), adversarial.max()),
    }
    largest = np.abs(perturbations).max()
    diverging = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}

    drawing, axes = layout.panels(3 * len(images), columns=3)
    width = drawing.get_size_inches()[0] * 0.75
    drawing.set_size_inches(width, 2.75 * len(images) + 0.6)
    grid = np.reshape(axes, (-1, 3))
    for row, panels in enumerate(grid):
        shown = panels[0].imshow(images[row], **grey)
        change = panels[1].imshow(perturbations[row], **diverging)
        panels[2].imshow(adversarial[row], **grey)
        panels[0].set_title(
            f"label {data['labels'][row]}, classified as {data['predictions'][row]}"
        )
        panels[1].set_title(f"perturbation, ε = {data['epsilon']}")
        panels[2].set_title(f"classified as {data['adversarial_predictions'][row]}")
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
    below = {"location": "bottom", "shrink": 0.85, "aspect": 16, "fraction": 0.03, "pad": 0.01}
    drawing.colorbar(shown, ax=grid[:, [0]], label="Pixel intensity", **below)
    drawing.colorbar(change, ax=grid[:, [1]], label="Change of intensity", **below)
    drawing.colorbar(shown, ax=grid[:, [2]], label="Pixel intensity", **below)
    layout.set_title(drawing, figure["title"])
    return drawing
