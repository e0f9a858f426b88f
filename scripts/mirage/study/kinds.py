"""Kinds of figures: the table that each is drawn from, and the keys that it takes.

A plan needs them, but no matplotlib: `mirage.reporting.plots` has a module for each `plot`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mirage.data.columns import MASKING

# What a figure says where a configuration leaves it out.
DEFAULTS = {
    "lines": {"x": "epoch", "y": "accuracy"},
    "pictures": {"show": "examples"},
    "restarts": {},
    "ladder": {},
}
OF_EVERY_FIGURE = ("plot", "title", "caption", "category", "select")
OF_THE_PLAN = ("reads", "series")
LINES = ("x", "y", "x_label", "y_label", "colours", "log_x")
CURVES = ("run", "epochs", "label", "panel", "published")
CHECKPOINT = ("run", "attack", "dtype", "split", "defence", "epsilons", "epochs", "label")


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes:
        plot: The module that draws it.
        reads: The table that it is drawn from: a kind of rows, or of arrays.
        figure: Keys of the figure, beside those of every figure.
        series: Keys of each of its series.
        where: Keys and values that make a figure of this plot one of this kind; of several values
            one is enough.
    """

    plot: str
    reads: str
    figure: tuple[str, ...]
    series: tuple[str, ...]
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        """The kind as a configuration says it."""
        return self.plot + "".join(
            f" with {key}: {' or '.join(_several(value))}" for key, value in self.where.items()
        )


# The first that fits is a figure's kind.
KINDS = (
    Kind("lines", "history", LINES, CURVES, {"y": "loss"}),
    Kind("lines", "measures", LINES, CURVES, {"y": "spectral_norm"}),
    Kind(
        *("lines", "gradients", LINES),
        (
            "run",
            "gradient",
            "dtype",
            "split",
            "defence",
            "epochs",
            "label",
            "panel",
            "published",
            "x",
        ),
        {"y": MASKING},
    ),
    Kind("lines", "attacks", LINES, (*CHECKPOINT, "panel", "published", "clean", "x")),
    Kind("pictures", "images", ("show", "x_label"), ("run", "split"), {"show": "digits"}),
    Kind("pictures", "examples", ("show", "digit"), CHECKPOINT),
    Kind("restarts", "restarts", ("x_label", "y_label"), (*CHECKPOINT, "panel")),
    # And measures, of the series that name one.
    Kind(
        *("ladder", "attacks", ("x_label", "colours")),
        (*CHECKPOINT, "measure", "item", "panel", "row", "clean"),
    ),
)


def kind(figure: Mapping) -> Kind:
    """The kind of a figure that has its `DEFAULTS`."""
    return next(
        one
        for one in KINDS
        if one.plot == figure["plot"]
        and all(
            _several(figure[key]).keys() & _several(value).keys()
            for key, value in one.where.items()
        )
    )


def _several(value: str | Iterable[str]) -> dict[str, None]:
    """One value, or several, in their order."""
    return dict.fromkeys([value] if isinstance(value, str) else value)
