"""What plots that show images share: choosing them, their grid and their grey scale."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mirage.reporting.plots import layout

Arrays = dict[str, np.ndarray]
# What a file of examples holds, and more where there are several.
ARRAYS = ["images", "adversarial", "labels", "predictions", "adversarial_predictions", "epsilon"]


def listed(data: Arrays | list[Arrays]) -> list[Arrays]:
    """Return the arrays of each series, where those of a single one come without a list."""
    return data if isinstance(data, list) else [data]


def shared(several: list[Arrays]) -> list[list[int]]:
    """Return for each series the positions of the images that all have, in one order.

    Images are the same if their `indices` (k,), numbers in the data set, are. The order is that
    of the first series; the lists are empty where no image is in all.
    """
    numbers = [one["indices"].tolist() for one in several]
    in_all = [number for number in numbers[0] if all(number in some for some in numbers)]
    return [[some.index(number) for number in in_all] for some in numbers]


def take(one: Arrays, positions: list[int]) -> Arrays:
    """Return the arrays of the images at `positions`; what is not per image stays as it is."""
    return {name: array[positions] if array.ndim else array for name, array in one.items()}


def grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes (rows, columns), each panel `width` by `height` inches."""
    drawing, axes = layout.panels(rows * columns, columns=columns)
    drawing.set_size_inches(width * columns, height * rows + 0.6)
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
    return drawing, np.reshape(axes, (rows, columns))


def wrapped(text: str, width: float) -> str:
    """Return a title's text in lines that fit a panel `width` inches wide."""
    return textwrap.fill(text, int(width / (1.1 * layout.LETTER)))


def grey_scale(*images: np.ndarray) -> dict:
    """Return the keywords of one grey scale for all `images`: 0..1, and wider if they are."""
    return {
        "cmap": "gray",
        "vmin": min(0, *(one.min() for one in images)),
        "vmax": max(1, *(one.max() for one in images)),
    }


def nothing(figure: dict, text: str) -> Figure:
    """Return a figure that says why there is no image: a robust network is a result, no error."""
    drawing, (panel,) = layout.panels(1)
    say(panel, text)
    layout.set_title(drawing, figure["title"])
    return drawing


def say(panel: Axes, text: str) -> None:
    """Put a text in the place of an image."""
    panel.set_axis_off()
    panel.text(0.5, 0.5, text, ha="center", va="center", transform=panel.transAxes)
