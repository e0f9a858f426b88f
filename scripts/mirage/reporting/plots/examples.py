"""Images before and after one attack or several, and the perturbations between them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mirage.reporting.plots import layout, pictures

READS = pictures.ARRAYS
MOST_ROWS = 4
KINDS = ["original", "perturbation", "adversarial"]
NONE = "none"  # the column of a series that has no image, beside others that have
NONE_MISLED = "The attack misled the network on no image."


def draw(
    figure: dict,
    data: pictures.Arrays | list[pictures.Arrays],
    published: pd.DataFrame | None = None,
) -> Figure:
    """Draw original, perturbation and adversarial image of the first examples, a row for each.

    `data` holds `images` and `adversarial` (k, 28, 28) with pixels in 0..1 (an attack that does
    not clip may leave that range), `labels`, `predictions` and `adversarial_predictions` (k,),
    and `epsilon`, a text, empty for a minimal attack. For several series it is a list with, in
    each, the `indices` (k,) of the images in the data set as well: the images that all series
    have are shown, with each series' perturbation and adversarial image beside one original;
    where there are none, each series shows its own, and its originals. All images share one grey
    scale, all perturbations one scale that is symmetric about zero. Without an example, the
    figure says so. `published` is not used.
    """
    several = pictures.listed(data)
    misled = [number for number, one in enumerate(several) if len(one["images"])]
    if not misled:
        return pictures.nothing(figure, NONE_MISLED)
    shown = [several[number] for number in misled]
    positions = pictures.shared(shown) if len(shown) > 1 else [[]]
    same = len(positions[0]) > 0
    if not same:
        positions = [list(range(len(one["images"]))) for one in shown]
    shown = {
        number: pictures.take(one, chosen[:MOST_ROWS])
        for number, one, chosen in zip(misled, shown, positions, strict=True)
    }

    pixels = [one[name] for one in shown.values() for name in ("images", "adversarial")]
    grey = pictures.grey_scale(*pixels)
    largest = max(np.abs(one["adversarial"] - one["images"]).max() for one in shown.values())
    diverging = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}

    columns = [
        (number, kind)
        for number in range(len(several))
        for kind in (KINDS if number in shown else [NONE])
        if kind != "original" or number == misled[0] or not same
    ]
    width, height = (2.87, 2.75) if len(several) == 1 else (2.5, 3.15)
    count = max(len(one["images"]) for one in shown.values())
    drawing, grid = pictures.grid(count, len(columns), width, height)
    below = {"location": "bottom", "shrink": 0.85, "aspect": 16, "fraction": 0.03, "pad": 0.01}
    for panels, (number, kind) in zip(grid.T, columns, strict=True):
        series = figure["series"][number]
        name = series.get("label", series.get("attack", "")) if len(several) > 1 else ""
        name = pictures.wrapped(name, width)
        used = 0 if kind == NONE else len(shown[number]["images"])
        for panel in panels[used:]:
            panel.set_axis_off()
        if kind == NONE:
            pictures.say(panels[0], f"{name}:\nno image misled")
            continue
        for row, panel in enumerate(panels[:used]):
            scale = diverging if kind == "perturbation" else grey
            image = panel.imshow(_pixels(shown[number], row, kind), **scale)
            panel.set_title(_title(shown[number], row, kind, name))
        label = "Change of intensity" if kind == "perturbation" else "Pixel intensity"
        drawing.colorbar(image, ax=panels, label=label, **below)
    layout.set_title(drawing, figure["title"])
    return drawing


def _pixels(one: pictures.Arrays, row: int, kind: str) -> np.ndarray:
    """Return what one panel shows (28, 28)."""
    before, after = one["images"][row], one["adversarial"][row]
    return {"original": before, "perturbation": after - before, "adversarial": after}[kind]


def _title(one: pictures.Arrays, row: int, kind: str, name: str) -> str:
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
