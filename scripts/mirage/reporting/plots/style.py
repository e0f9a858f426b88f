"""One look for every figure: colours, markers and fonts, and how a figure is saved."""

import itertools
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

# Okabe and Ito's colour-blind safe colours, without the yellow, which is lost on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
NEUTRAL = "#4D4D4D"
# Lists of 7 colours, 9 markers and 5 dashes: together they repeat only after 315 lines.
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">"]
DASHES = ["", (5, 1.5), (1.5, 1.2), (5, 1.5, 1.5, 1.5), (8, 2, 2, 2, 2, 2)]
PUBLISHED = {"linestyle": (0, (4, 2)), "linewidth": 1.5, "markerfacecolor": "white"}  # hollow
# What a band over seeds shows: seaborn's name -> the legend's.
BANDS = {"sd": "±1 SD", ("pi", 100): "range"}
SPREAD, RANGE = BANDS
CLEAN = {"linestyle": (0, (1, 1.5)), "linewidth": 1.5}
PUBLISHED_CLEAN = PUBLISHED | {"linestyle": (0, (4, 1.5, 1, 1.5)), "markersize": 4.5}
FONT_SIZE = 13

matplotlib.rcdefaults()  # whatever a matplotlibrc says, here or in the home folder
matplotlib.use("Agg")  # figures are files: no display is needed, even where there is one
sns.set_theme(
    style="whitegrid",
    font="DejaVu Sans",  # comes with matplotlib, so that the bytes are the same everywhere
    rc={
        "axes.edgecolor": "0.3",
        "axes.labelsize": FONT_SIZE,
        "axes.titlesize": FONT_SIZE + 0.5,
        "figure.titlesize": FONT_SIZE + 2,
        "figure.titleweight": "bold",
        "grid.color": "0.88",
        "legend.borderaxespad": 0.1,
        "legend.borderpad": 0.2,
        "legend.fontsize": FONT_SIZE - 0.5,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "lines.markersize": 7,
        "savefig.dpi": 150,
        "svg.hashsalt": "mirage",  # identifiers in an SVG are random without a fixed salt
        "xtick.labelsize": FONT_SIZE - 0.5,
        "ytick.labelsize": FONT_SIZE - 0.5,
    },
)


def line_styles(labels: list[str], colours: dict[str, str] | None = None) -> dict[str, dict]:
    """Return palette, markers and dashes of each label, as seaborn's lineplot takes them.

    `colours` (label -> colour) takes precedence over the palette.
    """
    return {
        "palette": dict(zip(labels, itertools.cycle(COLOURS), strict=False)) | (colours or {}),
        "markers": dict(zip(labels, itertools.cycle(MARKERS), strict=False)),
        "dashes": dict(zip(labels, itertools.cycle(DASHES), strict=False)),
    }


def mean_lines(
    axes: Axes, rows: pd.DataFrame, y: str, looks: dict[str, dict], band: str | tuple = SPREAD
) -> None:
    """Draw the mean of `y` over `x` of each `line` of `rows`, with a band over seeds.

    `looks` comes from `line_styles`, `band` is SPREAD or RANGE.
    """
    # One by one: seaborn draws no lines with and without markers together.
    for line, some in rows.groupby("line", sort=False):
        sns.lineplot(
            some,
            x="x",
            y=y,
            hue="line",
            style="line",
            errorbar=band,
            err_kws={"alpha": 0.2, "linewidth": 0},
            legend=False,
            ax=axes,
            **{name: {line: of_lines[line]} for name, of_lines in looks.items()},
        )


def handle(line: str, looks: dict[str, dict]) -> Line2D:
    """Return the legend handle of a line drawn by `mean_lines`."""
    dashes = looks["dashes"][line]
    return Line2D(
        [],
        [],
        color=looks["palette"][line],
        marker=looks["markers"][line],
        markeredgecolor="white",
        linestyle=(0, dashes) if dashes else "-",
    )


def published_line(axes: Axes, points: pd.DataFrame, **look) -> None:
    """Draw published points (columns x, value); one at no stated x is a level across the panel.

    `look` is PUBLISHED or PUBLISHED_CLEAN with a colour and a marker.
    """
    placed = points.dropna(subset="x").sort_values("x")
    # The ends of a series that is not published between them are not joined.
    joined = {} if len(placed) > 2 else {"linestyle": "none"}
    axes.plot(placed["x"], placed["value"], **look | joined)
    for level in points.loc[points["x"].isna(), "value"]:
        axes.axhline(level, **look | {"marker": None})


def measured_entry(
    rows: pd.DataFrame, band: str | tuple = SPREAD
) -> tuple[tuple[Patch, Line2D] | Line2D, str]:
    """Return handle and text of the legend entry on the lines of `rows` (panel, line, seed)."""
    seeds = rows.groupby(["panel", "line"])["seed"].nunique()
    line = Line2D([], [], color=NEUTRAL)
    if seeds.max() == 1:
        return line, "measured (1 seed)"
    numbers = "–".join(str(number) for number in sorted({seeds.min(), seeds.max()}))
    patch = Patch(facecolor=NEUTRAL, alpha=0.25, linewidth=0)
    return (patch, line), f"measured (mean of {numbers} seeds, band = {BANDS[band]})"


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as `path` (.png or .svg), with the same bytes for the same figure."""
    metadata = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    figure.savefig(path, metadata=metadata[Path(path).suffix])
