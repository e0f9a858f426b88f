"""Where things stand in a figure: panels, their labels and scales, title and legend."""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from mirage.reporting.plots import style

WIDTHS = {1: 8.0, 2: 10.0, 3: 11.5}  # inches, by panels in a row
BESIDE_TEXT = 0.85  # inches of a legend's column that its handle and the gaps take
MOST_TICKS = 8
LETTER = style.FONT_SIZE / 130  # inches that a letter takes, on average and on the wide side


def panels(
    count: int, *, columns: int | None = None, share_y: bool | str = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure and `count` axes; four panels stand two by two unless `columns` is given.

    `share_y` is matplotlib's `sharey`: True, False or "row".
    """
    columns = columns or (count if count <= 3 else 2 if count == 4 else 3)
    rows = math.ceil(count / columns)
    figure = Figure(
        figsize=(WIDTHS.get(columns, 3.8 * columns), (3.9 if columns > 1 else 4.4) * rows),
        layout="constrained",
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False).flat
    for axes in grid[count:]:
        axes.remove()
    return figure, list(grid[:count])


def label_axes(
    axes: list[Axes], x_label: str, y_labels: list[str], titles: list[str], *, whole_x: bool
) -> None:
    """Title each panel; name x below the lowest panels, and y where it is not the left one's.

    `whole_x` leaves whole numbers alone on the x axis, as for epochs.
    """
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    letters = int(axes[0].figure.get_figwidth() / columns / (1.1 * LETTER))
    for index, panel in enumerate(axes):
        panel.set_title(textwrap.fill(titles[index], letters))
        lowest = index + columns >= len(axes)
        panel.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=whole_x))
        panel.set_xlabel(textwrap.fill(x_label, letters) if lowest else "")
        panel.tick_params(labelbottom=lowest)
        same_as_left = index % columns and y_labels[index] == y_labels[index - 1]
        panel.set_ylabel("" if same_as_left else textwrap.fill(y_labels[index], 36))


def log_x(axes: list[Axes], values: pd.Series) -> None:
    """Make the shared x axis logarithmic, with its ticks at the `values` if they are few.

    Raises ValueError where a value is not positive.
    """
    places = sorted(set(values.dropna()))
    if places[0] <= 0:
        raise ValueError(f"A logarithmic x axis cannot show {places[0]:g}: leave log_x out.")
    axes[0].set_xscale("log")
    if len(places) <= MOST_TICKS:
        for panel in axes:  # each formats its own ticks, though their places are shared
            panel.set_xticks(places, [f"{place:g}" for place in places])
            panel.set_xticks([], minor=True)


def scale_by_range(axes: list[Axes]) -> None:
    """Let y start at 0 in panels that share it, or be logarithmic over more than two decades."""
    drawn = np.concatenate([line.get_ydata() for panel in axes for line in panel.lines])
    lowest, highest = np.nanmin(drawn), np.nanmax(drawn)
    if lowest > 0 and highest > 100 * lowest:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_locator(LogLocator(numticks=8))
        axes[0].yaxis.set_minor_formatter(NullFormatter())
        axes[0].set_ylim(lowest / 1.5, highest * 1.5)
    else:
        axes[0].set_ylim(bottom=0)


def set_title(figure: Figure, title: str) -> None:
    """Put the wrapped title above the panels and make room for it."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(title, int(width / (1.25 * LETTER)))
    figure.suptitle("\n".join(lines))
    figure.set_size_inches(width, height + 0.26 * len(lines))


def set_legend(figure: Figure, lines: list[tuple], notes: list[tuple]) -> None:
    """Put the legend below the panels, in as few rows as fit, and make room for it.

    `lines` and `notes`, on what all lines have in common, are pairs of a handle and its text;
    they stand in columns of their own.
    """
    width, height = figure.get_size_inches()
    for rows in range(1, max(len(lines), len(notes)) + 1):
        columns = [
            group[start : start + rows]
            for group in (lines, notes)
            for start in range(0, len(group), rows)
        ]
        longest = [max(_text_width(text) for _, text in column) for column in columns]
        if sum(longest) + len(columns) * BESIDE_TEXT < width:
            break
    else:
        columns, rows = [lines + notes], len(lines + notes)
    blank = (Line2D([], [], linestyle="none"), "")  # matplotlib fills column by column
    entries = [one for column in columns for one in column + [blank] * (rows - len(column))]
    figure.legend(*zip(*entries, strict=True), loc="outside lower center", ncols=len(columns))
    figure.set_size_inches(width, height + 0.27 * rows + 0.1)


def _text_width(text: str) -> float:
    """Return the width in inches of a text of the legend."""
    return TextPath((0, 0), text, size=rcParams["legend.fontsize"]).get_extents().width / 72
