"""What a network sees of adversarial images after the filter that defends it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mirage.data.columns import BARE
from mirage.reporting.plots import layout, pictures

READS = pictures.ARRAYS
MOST_ROWS = 3
ALIKE = 0.99  # share of pixels: on another machine, a gradient near 0 may have another sign


def draw(
    figure: dict,
    data: pictures.Arrays | list[pictures.Arrays],
    published: pd.DataFrame | None = None,
) -> Figure:
    """Draw digits, a row for each: original, adversarial, and what each defence makes of it.

    `data` has for each series (a defence) the arrays of a figure of examples with the `indices`
    (k,) of the images in the data set and `seen` (k, 28, 28), the adversarial image after the
    filter; `adversarial_predictions` (k,) are the defended network's. A series of the bare
    network gives the class below the unfiltered image, and no column. All images share one grey
    scale. Without an image that all series have, the figure says so. `published` is not used.
    Raises ValueError where the series' adversarial images differ: then there is not one that
    all filters are put to, as under an adaptive attack.
    """
    several = pictures.listed(data)
    several = [
        pictures.take(one, positions[:MOST_ROWS])
        for one, positions in zip(several, pictures.shared(several), strict=True)
    ]
    first = several[0]
    if len(first["images"]) == 0:
        return pictures.nothing(figure, "There is no image that all series show.")
    if not all(_alike(one["adversarial"], first["adversarial"]) for one in several):
        raise ValueError(
            "The adversarial images of the figure's series differ, so one column cannot show them "
            "before the filter: let all series name one attack that does not adapt to the defence."
        )

    named = list(zip(figure["series"], several, strict=True))
    bare = [one for series, one in named if series.get("defence", BARE) == BARE]
    size = f", ε = {first['epsilon']}" if str(first["epsilon"]) else ""
    columns = [
        ("original", first["images"], bare[0]["predictions"] if bare else None),
        (
            f"adversarial{size}",
            first["adversarial"],
            bare[0]["adversarial_predictions"] if bare else None,
        ),
    ]
    columns += [
        (series.get("label", series["defence"]), one["seen"], one["adversarial_predictions"])
        for series, one in named
        if series.get("defence", BARE) != BARE
    ]
    grey = pictures.grey_scale(*(images for _, images, _ in columns))
    width, height = 2.4, 2.75
    drawing, grid = pictures.grid(len(first["images"]), len(columns), width, height)
    for column, (name, images, classes) in enumerate(columns):
        for row, panel in enumerate(grid[:, column]):
            shown = panel.imshow(images[row], **grey)
            title = f"{name}, label {first['labels'][row]}" if column == 0 else name
            below = "" if classes is None else f"\nclassified as {classes[row]}"
            panel.set_title(pictures.wrapped(title, width) + below)
    drawing.colorbar(shown, ax=grid, label="Pixel intensity", fraction=0.02, pad=0.01, aspect=40)
    layout.set_title(drawing, figure["title"])
    return drawing


def _alike(images: np.ndarray, others: np.ndarray) -> bool:
    """Return whether two arrays of adversarial images are those of one attack."""
    return np.isclose(images, others, atol=1e-3).mean() >= ALIKE
