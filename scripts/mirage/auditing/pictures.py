"""Pictures of an audit, each an address that holds all of it (`data:`).

The same findings give the same bytes. Colours are Okabe and Ito's, which the colour-blind tell
apart, and shapes say the same.
"""

import base64
import contextlib
import io
from collections.abc import Iterator, Sequence

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import PercentFormatter

from mirage.auditing.findings import Curve, Headline, Margins, Share, Signs
from mirage.models.defences import image_shape
from mirage.models.networks import NetworkError

PLAIN = {"color": "#0072B2", "marker": "o"}
EXACT = {"color": "#D55E00", "marker": "s"}
GREY = "#6B6B6B"
WIDTH = 5.4  # inches, of a picture that a phone shows without loss
LARGEST = 96  # pixels of a side of an example; of a larger image every second, third ... is shown
_LOOK = {
    **sns.axes_style("whitegrid"),
    "axes.edgecolor": "0.3",
    "axes.labelsize": 11,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10.5,
    "grid.color": "0.88",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "svg.hashsalt": "mirage",  # identifiers in an SVG are random without a fixed salt
}


@contextlib.contextmanager
def _look() -> Iterator[None]:
    """Draw as here, whatever the one who calls has set, and leave that as it is."""
    with matplotlib.style.context(_LOOK, after_reset=True):
        yield


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _saved(figure: Figure) -> str:
    buffer = io.BytesIO()
    # At 150 dots per inch where a part of it is an image.
    figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None})
    return _address(buffer.getvalue(), "svg+xml")


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


@_look()
def headlines(found: Sequence[Headline], clean: Share) -> str:
    """Accuracy under each attack, plain and exact, a line each, with intervals.

    Args:
        found: The headlines, at least one.
        clean: Accuracy without an attack.
    """
    figure, axes = _axes(1.3 + 0.5 * len(found))
    for place, one in enumerate(found):
        axes.barh(place, one.loss, 0.62, one.exact.value, color="0.9", zorder=1)
        for share, look, shift in ((one.plain, PLAIN, -0.13), (one.exact, EXACT, 0.13)):
            ends = [[share.value - share.low], [share.high - share.value]]
            label = {-0.13: "plain gradient", 0.13: "exact gradient"}[shift]
            axes.errorbar(
                *(share.value, place + shift),
                xerr=ends,
                capsize=3,
                label=label if place == 0 else None,
                **look,
            )
    axes.axvline(clean.value, color=GREY, linestyle=":", label="without attack")
    names = [f"{one.attack.upper()} at {one.epsilon:g}" for one in found]
    axes.set_yticks(range(len(found)), names)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("accuracy")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handletextpad=0.5)
    return _saved(figure)


@_look()
def curve(found: Curve, epsilons: Sequence[float]) -> str:
    """Accuracy by epsilon, plain and exact, with intervals and where each is halved.

    Args:
        found: The curve.
        epsilons: That were asked for; each is marked.
    """
    figure, axes = _axes(3.9)
    places = [one.epsilon for one in found.points]
    for kind, half, look, width in (
        # Where both are the same, the wider line is seen below the other.
        ("plain", found.half_plain, PLAIN, 4.0),
        ("exact", found.half_exact, EXACT, 1.8),
    ):
        shares = [getattr(one, kind) for one in found.points]
        where = "not halved" if half is None else f"halved at {half:.3g}"
        colour = look["color"]
        axes.fill_between(
            *(places, [one.low for one in shares], [one.high for one in shares]),
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(
            *(places, [one.value for one in shares]),
            linewidth=width,
            label=f"{kind} gradient: {where}",
            markeredgecolor="white",
            **look,
        )
        if half is not None:
            axes.vlines(
                half, 0, found.points[0].plain.value / 2, colour, "dashed", linewidth=width / 1.4
            )
    for place, one in enumerate(epsilons):
        label = "audited" if place == 0 else None
        axes.axvline(one, color=GREY, linestyle=":", linewidth=1.2, label=label, zorder=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(f"epsilon ({'L2' if found.norm == 'l2' else 'share of the range of pixels'})")
    axes.set_ylabel("accuracy under one step")
    figure.legend(loc="outside upper center", ncols=1, handletextpad=0.5)
    return _saved(figure)


@_look()
def margins(found: Margins) -> str:
    """Histogram of the margins, with the thresholds of the model's type and of float64."""
    figure, axes = _axes(3.7)
    values = found.values[np.isfinite(found.values)]
    drawn = dict.fromkeys((found.dtype, "float32", "float64"))
    thresholds = {name: found.thresholds[name] for name in drawn if name in found.thresholds}
    highest = 1.08 * max(thresholds.values())
    # Of margins far beyond a threshold the logarithm is shown.
    far = len(values) and values.max() > 8 * highest
    if far:
        axes.set_xscale("symlog", linthresh=10)
        values = np.sign(values) * np.log10(1 + np.abs(values))
        lowest, top = min(values.min(), 0), values.max()
        edges = np.linspace(lowest, top, 41)
        edges, values = (np.sign(one) * (10 ** np.abs(one) - 1) for one in (edges, values))
    else:
        lowest = min(values.min(initial=0), 0)
        edges = np.linspace(lowest, max(highest, values.max(initial=0)), 41)
    axes.hist(values, edges, color=PLAIN["color"], alpha=0.75, edgecolor="white", linewidth=0.5)
    looks = dict(zip(thresholds, ("dashed", "dashdot", "dotted"), strict=False))
    for name, most in thresholds.items():
        beyond = f"{found.beyond[name]:.1%}"
        axes.axvline(
            *(most,),
            color=EXACT["color"] if name == found.dtype else "black",
            linestyle=looks[name],
            label=f"{most:g}, {name}: {beyond} beyond",
        )
    axes.set_xlabel("logit margin; below 0 the image is classified wrongly")
    axes.set_ylabel("images")
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2, handletextpad=0.5)
    return _saved(figure)


@_look()
def signs(found: Signs) -> str | None:
    """Share of the images whose sign is wrong, by pixel; None where images are no pictures."""
    picture = as_picture(found.by_pixel)
    if picture is None:
        return None
    channels = [picture] if picture.ndim == 2 else list(np.moveaxis(picture, -1, 0))
    height = 3.7 if len(channels) == 1 else 2.3
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, len(channels), squeeze=False)[0]
    # Below 5 % a difference is none that counts, and shall not look like one.
    most = max(0.05, float(picture.max()))
    for panel, channel, name in zip(panels, channels, ("red", "green", "blue"), strict=False):
        shown = panel.imshow(channel, cmap="rocket_r", vmin=0, vmax=most, interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        if len(channels) > 1:
            panel.set_title(name, fontsize=10.5)
    bar = figure.colorbar(shown, ax=panels, shrink=0.9, format=PercentFormatter(1, decimals=0))
    bar.set_label("images with a wrong sign")
    return _saved(figure)


def image(values: np.ndarray) -> str | None:
    """An image in 0 to 1 as a PNG, a pixel of which is one of the image; None where it is none."""
    picture = as_picture(values)
    if picture is None:
        return None
    step = -(-max(picture.shape[:2]) // LARGEST)
    pixels = np.clip(np.nan_to_num(picture[::step, ::step].astype(np.float64)), 0, 1)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    buffer = io.BytesIO()
    imsave(
        buffer, np.rint(255 * pixels).astype(np.uint8), format="png", metadata={"Software": None}
    )
    return _address(buffer.getvalue(), "png")


def as_picture(values: np.ndarray) -> np.ndarray | None:
    """What can be shown of an image: shape (h, w) or (h, w, 3); None where it is no picture.

    Args:
        values: Shape (h, w), (h, w, 1), (1, h, w), (h, w, 3), (3, h, w), or flat: then of a square,
            in grey or with colours last.
    """
    if values.ndim == 1:
        try:
            values = values.reshape(image_shape(values.size))
        except NetworkError:
            return None
    if values.ndim == 3 and values.shape[-1] not in (1, 3) and values.shape[0] in (1, 3):
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    shown = values.ndim == 2 or (values.ndim == 3 and values.shape[-1] == 3)
    return values if shown and min(values.shape[:2]) > 1 else None
