"""Whether an attack from many random starts ends at the same loss (Madry et al. 2017, figure 2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from mirage.reporting.plots import layout, series, style

BINS = 100
HEIGHT = 0.8  # of the tallest bar in a row; rows are one apart
RATIO = 10  # of greatest to least loss, above which the axis is logarithmic


def draw(figure: dict, data: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Draw a histogram of the final losses per image, in a panel per series, one network each.

    `data` holds a row per image and restart: run, seed, epoch, attack, epsilon (as text), image
    (its index in the data set), restart, start_loss and loss (cross-entropy in nats, before and
    after the attack). Where there are several seeds, the least one is drawn, as the figure says.
    Beside each image stands the standard deviation over restarts divided by the mean, of the
    losses at the random starts and at the ends. `published` is not used.
    Raises ValueError where a series has no rows, or those of several checkpoints or epsilons.
    """
    parts = [_one_network(data, one) for one in figure["series"]]
    titles = [
        one.get("panel", one.get("label", one["run"] if len(parts) > 1 else ""))
        for one in figure["series"]
    ]
    losses = np.concatenate([part["loss"] for part in parts])
    logarithmic = losses.min() > 0 and losses.max() > RATIO * losses.min()
    if logarithmic:
        bins = np.geomspace(losses.min(), losses.max(), BINS + 1)
    else:
        bins = np.histogram_bin_edges(losses, BINS)
    images = sorted(set(np.concatenate([part["image"] for part in parts])))
    looks = style.line_styles(images)

    # One above the other, so that the losses of two networks are compared along one axis.
    drawing, axes = layout.panels(len(parts), columns=1)
    drawing.set_size_inches(drawing.get_figwidth(), (0.55 * len(images) + 0.7) * len(parts) + 0.5)
    for panel, part in zip(axes, parts, strict=True):
        for row, image in enumerate(images):
            here = part[part["image"] == image]
            if len(here):
                _histogram(panel, here["loss"], bins, row, looks["palette"][image])
                beside = f"{_ratio(here['start_loss'])} → {_ratio(here['loss'])}"
                panel.text(1.02, row, beside, va="bottom", **_beside(panel))
        panel.text(1.02, -1, "SD / mean,\nstart → end", va="bottom", **_beside(panel))
        panel.set_yticks(range(len(images)), [f"image {image}" for image in images])
        panel.grid(False, axis="y")
    axes[0].set_ylim(len(images) - 0.75, -1)  # the first image on top
    layout.label_axes(
        axes,
        figure.get("x_label", "Final loss (cross-entropy, nats)"),
        [figure.get("y_label", "")] * len(axes),
        titles,
        whole_x=False,
    )
    if logarithmic:
        axes[0].set_xscale("log")
        few = losses.max() < 1000 * losses.min()
        axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
        axes[0].xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes[0].xaxis.set_minor_formatter(NullFormatter())
    layout.set_title(drawing, figure["title"])
    layout.set_legend(drawing, [], [(Patch(facecolor=style.NEUTRAL, alpha=0.8), _note(parts))])
    return drawing


def _one_network(data: pd.DataFrame, one: dict) -> pd.DataFrame:
    """Return the rows of a series, those of the least seed; refuse those of several attacks."""
    rows = series.select(data, one)
    for column in ("epoch", "epsilon", "attack", "dtype", "split"):
        values = sorted(rows[column].dropna().unique())
        if len(values) > 1:
            raise ValueError(
                f"The figure's series {one} names several networks or attacks: {column} {values}; "
                "a panel of restarts shows one."
            )
    return rows[rows["seed"] == rows["seed"].min()]


def _histogram(panel: Axes, losses: pd.Series, bins: np.ndarray, row: int, colour: str) -> None:
    """Draw the histogram of one image upward from its row."""
    counts, _ = np.histogram(losses, bins)
    tall = -HEIGHT * counts / counts.max()  # upward: the first row is on top
    panel.bar(bins[:-1], tall, np.diff(bins), row, align="edge", color=colour, linewidth=0)
    panel.axhline(row, color=colour, linewidth=0.8)


def _ratio(losses: pd.Series) -> str:
    """Return the standard deviation of the losses divided by their mean, as text."""
    return f"{losses.std() / losses.mean():#.2g}".rstrip(".") if len(losses) > 1 else "–"


def _beside(panel: Axes) -> dict:
    """Return the keywords of a text at the right of a panel, in the panel's rows."""
    return {"transform": panel.get_yaxis_transform(), "fontsize": style.FONT_SIZE - 1.5}


def _note(parts: list[pd.DataFrame]) -> str:
    """Say what a bar is, and of how many restarts and which seed."""
    counts = {n for part in parts for n in part.groupby("image").size()}
    seeds = {seed for part in parts for seed in part["seed"]}
    numbers = "–".join(str(n) for n in sorted({min(counts), max(counts)}))
    return (
        f"{numbers} restarts per image, seed {', '.join(map(str, sorted(seeds)))}; "
        "each image's tallest bar has the same height"
    )
