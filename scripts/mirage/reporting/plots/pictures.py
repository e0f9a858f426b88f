"""Pictures: images of each class, or before and after attacks, or behind filters."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mirage.data.columns import BARE
from mirage.data.images import CLASSES
from mirage.reporting.plots import layout

Arrays = dict[str, np.ndarray]

ROWS_OF_DIGITS = 5
GAP = 2  # pixels between digits
ROWS_OF_EXAMPLES = 4
PARTS = ["original", "perturbation", "adversarial"]
NONE = "none"  # the column of a series that has no image, beside others that have
NONE_MISLED = "The attack misled the network on no image."
ROWS_OF_FILTERED = 3
ALIKE = 0.99  # share of pixels: on another machine, a gradient near 0 may have another sign


def draw(figure: dict, data: list[Arrays], published: pd.DataFrame | None = None) -> Figure:
    """Draw what `figure["show"]` names: `digits`, `examples` or `filtered`.

    `data` holds the arrays of each series, see there; of attacked images only those of the class
    `figure["digit"]` are drawn, where it is named. `published` is not used.
    Raises ValueError where the series of `filtered` do not show the same adversarial images.
    """
    if "digit" in figure:
        data = [_take(one, np.flatnonzero(one["labels"] == figure["digit"])) for one in data]
    show = {"digits": digits, "examples": examples, "filtered": filtered}[figure["show"]]
    drawing = show(figure, data)
    layout.set_title(drawing, figure["title"])
    return drawing


def digits(figure: dict, data: list[Arrays]) -> Figure:
    """Draw the first five images of each class, a column for each class.

    `data` has one item: `images` (n, 28, 28), uint8, and `labels` (n,), 0..9, as a prepared split
    does. A class with fewer images leaves its places empty.
    """
    images, labels = data[0]["images"], data[0]["labels"]
    side = images.shape[1] + GAP
    # NaN is left blank.
    sheet = np.full((ROWS_OF_DIGITS * side - GAP, CLASSES * side - GAP), np.nan)
    for digit in range(CLASSES):
        for row, image in enumerate(images[labels == digit][:ROWS_OF_DIGITS]):
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
    return drawing


def examples(figure: dict, data: list[Arrays]) -> Figure:
    """Draw original, perturbation and adversarial image of the first examples, a row for each.

    `data` has for each series `images` and `adversarial` (k, 28, 28) with pixels in 0..1 (an attack
    that does not clip may leave that range), `labels`, `predictions` and `adversarial_predictions`
    (k,), and `epsilon`, a text, empty for a minimal attack; where there are several series, the
    `indices` (k,) of the images in the data set as well: the images that all series have are
    shown, with each series' perturbation and adversarial image beside one original; where there
    are none, each series shows its own, and its originals. All images share one grey scale, all
    perturbations one scale that is symmetric about zero. Without an example, the figure says so.
    """
    misled = [number for number, one in enumerate(data) if len(one["images"])]
    if not misled:
        return _nothing(NONE_MISLED)
    shown = [data[number] for number in misled]
    positions = _shared(shown) if len(shown) > 1 else [[]]
    same = len(positions[0]) > 0
    if not same:
        positions = [list(range(len(one["images"]))) for one in shown]
    shown = {
        number: _take(one, chosen[:ROWS_OF_EXAMPLES])
        for number, one, chosen in zip(misled, shown, positions, strict=True)
    }

    pixels = [one[name] for one in shown.values() for name in ("images", "adversarial")]
    grey = _grey_scale(*pixels)
    largest = max(np.abs(one["adversarial"] - one["images"]).max() for one in shown.values())
    diverging = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}

    columns = [
        (number, kind)
        for number in range(len(data))
        for kind in (PARTS if number in shown else [NONE])
        if kind != "original" or number == misled[0] or not same
    ]
    width, height = (2.87, 2.75) if len(data) == 1 else (2.5, 3.15)
    count = max(len(one["images"]) for one in shown.values())
    drawing, grid = _grid(count, len(columns), width, height)
    below = {"location": "bottom", "shrink": 0.85, "aspect": 16, "fraction": 0.03, "pad": 0.01}
    for panels, (number, kind) in zip(grid.T, columns, strict=True):
        series = figure["series"][number]
        name = series.get("label", series.get("attack", "")) if len(data) > 1 else ""
        name = _wrapped(name, width)
        used = 0 if kind == NONE else len(shown[number]["images"])
        for panel in panels[used:]:
            panel.set_axis_off()
        if kind == NONE:
            _say(panels[0], f"{name}:\nno image misled")
            continue
        for row, panel in enumerate(panels[:used]):
            scale = diverging if kind == "perturbation" else grey
            image = panel.imshow(_pixels(shown[number], row, kind), **scale)
            panel.set_title(_title(shown[number], row, kind, name))
        label = "Change of intensity" if kind == "perturbation" else "Pixel intensity"
        drawing.colorbar(image, ax=panels, label=label, **below)
    return drawing


def _pixels(one: Arrays, row: int, kind: str) -> np.ndarray:
    """Return what one panel shows (28, 28)."""
    before, after = one["images"][row], one["adversarial"][row]
    return {"original": before, "perturbation": after - before, "adversarial": after}[kind]


def _title(one: Arrays, row: int, kind: str, name: str) -> str:
    """Return the title of one panel; `name` is the series', empty where there is but one."""
    if kind == "original":
        between = ",\n" if name else ", "
        return f"label {one['labels'][row]}{between}classified as {one['predictions'][row]}"
    if kind == "adversarial":
        after = f"classified as {one['adversarial_predictions'][row]}"
        return f"{name}\n{after}" if name else after
    size = f"ε = {one['epsilon']}" if str(one["epsilon"]) else ""
    if size and not name:
        return f"perturbation, {size}"
    norms = [np.linalg.norm(_pixels(one, row, what)) for what in ("perturbation", "original")]
    first = f"{name}, {size}" if size else name or "perturbation"
    return f"{first}\n‖r‖₂ / ‖x‖₂ = {norms[0] / norms[1]:.2g}"


def filtered(figure: dict, data: list[Arrays]) -> Figure:
    """Draw digits, a row for each: original, adversarial, and what each defence makes of it.

    `data` has for each series (a defence) the arrays of a figure of examples with the `indices`
    (k,) of the images in the data set and `seen` (k, 28, 28), the adversarial image after the
    filter; `adversarial_predictions` (k,) are the defended network's. A series of the bare
    network gives the class below the unfiltered image, and no column. All images share one grey
    scale. Without an image that all series have, the figure says so.
    Raises ValueError where the series' adversarial images differ: then there is not one that
    all filters are put to, as under an adaptive attack.
    """
    several = [
        _take(one, positions[:ROWS_OF_FILTERED])
        for one, positions in zip(data, _shared(data), strict=True)
    ]
    first = several[0]
    if len(first["images"]) == 0:
        return _nothing("There is no image that all series show.")
    if not all(_alike(one["adversarial"], first["adversarial"]) for one in several):
        raise ValueError(
            "The adversarial images of the figure's series differ, so one column cannot show them "
            "before the filter: let all series name one attack that does not adapt to the defence."
        )

    named = list(zip(figure["series"], several, strict=True))
    bare = [one for series, one in named if series["defence"] == BARE]
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
        if series["defence"] != BARE
    ]
    grey = _grey_scale(*(images for _, images, _ in columns))
    width, height = 2.4, 2.75
    drawing, grid = _grid(len(first["images"]), len(columns), width, height)
    for column, (name, images, classes) in enumerate(columns):
        for row, panel in enumerate(grid[:, column]):
            shown = panel.imshow(images[row], **grey)
            title = f"{name}, label {first['labels'][row]}" if column == 0 else name
            below = "" if classes is None else f"\nclassified as {classes[row]}"
            panel.set_title(_wrapped(title, width) + below)
    drawing.colorbar(shown, ax=grid, label="Pixel intensity", fraction=0.02, pad=0.01, aspect=40)
    return drawing


def _alike(images: np.ndarray, others: np.ndarray) -> bool:
    """Return whether two arrays of adversarial images are those of one attack."""
    return np.isclose(images, others, atol=1e-3).mean() >= ALIKE


def _shared(several: list[Arrays]) -> list[list[int]]:
    """Return for each series the positions of the images that all have, in one order.

    Images are the same if their `indices` (k,), numbers in the data set, are. The order is that
    of the first series; the lists are empty where no image is in all.
    """
    numbers = [one["indices"].tolist() for one in several]
    in_all = [number for number in numbers[0] if all(number in some for some in numbers)]
    return [[some.index(number) for number in in_all] for some in numbers]


def _take(one: Arrays, positions: Sequence[int]) -> Arrays:
    """Return the arrays of the images at `positions`; what is not per image stays as it is."""
    return {name: array[positions] if array.ndim else array for name, array in one.items()}


def _grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes (rows, columns), each panel `width` by `height` inches."""
    drawing, axes = layout.panels(rows * columns, columns=columns)
    drawing.set_size_inches(width * columns, height * rows + 0.6)
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
    return drawing, np.reshape(axes, (rows, columns))


def _wrapped(text: str, width: float) -> str:
    """Return a title's text in lines that fit a panel `width` inches wide."""
    return textwrap.fill(text, int(width / (1.1 * layout.LETTER)))


def _grey_scale(*images: np.ndarray) -> dict:
    """Return the keywords of one grey scale for all `images`: 0..1, and wider if they are."""
    return {
        "cmap": "gray",
        "vmin": min(0, *(one.min() for one in images)),
        "vmax": max(1, *(one.max() for one in images)),
    }


def _nothing(text: str) -> Figure:
    """Return a figure that says why there is no image: a robust network is a result, no error."""
    drawing, (panel,) = layout.panels(1)
    _say(panel, text)
    return drawing


def _say(panel: Axes, text: str) -> None:
    """Put a text in the place of an image."""
    panel.set_axis_off()
    panel.text(0.5, 0.5, text, ha="center", va="center", transform=panel.transAxes)
