"""What an audit takes: checkpoints of runs, or models that others made, and what is asked of it."""

from typing import Annotated, Literal

from pydantic import Field

from mirage.study.model_shown import Epoch, Epsilon, Grid, OneOrMany, Split
from mirage.study.typed import Several, Typed, either

Count = Annotated[int, Field(ge=1)]
# A list is taken for a tuple: YAML has no other.
Range = Annotated[tuple[float, float], Field(strict=False)]
AuditName = Annotated[
    str,
    Field(
        pattern="^[a-z0-9][a-z0-9_.-]*$",
        max_length=100,
        description='A name of lower-case letters, digits, "_", "-" and ".".',
    ),
]


class Model(Typed):
    """A model that others made."""

    file: str
    """Model in a .keras or .h5 file, or weights; seen from models_folder."""
    architecture: str = None
    """Of weights alone: a .json file, or FILE.py:FUNCTION; seen from models_folder, and in a
    study's folder FILE.py from there."""
    range: Range = None
    """Smallest and largest pixel that the model takes, such as [0, 1]; where this is left out, it
    is told by the model, and the audit fails where that cannot be."""
    allow_code: bool = False
    """Run code that is stored in the file."""


class Audit(Typed):
    """An audit of checkpoints of runs, or of models that others made; a job for each."""

    run: OneOrMany = None
    """A run, or several; each seed is audited."""
    epoch: Epoch = None
    """Of the checkpoints; the last where this and epochs are left out."""
    epochs: Several[Epoch] = None
    """Several, each audited by itself."""
    models: Annotated[dict[AuditName, Model], Field(min_length=1)] = None
    """In place of runs, models that others made, by name."""
    data: str = None
    """Of models: an .npz file with images and labels, seen from models_folder; where this is left
    out, the images of dataset."""
    split: Split = None
    """Which images of the data set; test where this is left out."""
    epsilon: Epsilon = None
    epsilons: Grid = None
    """Several, all in one audit; the name of a grid, or a list."""
    norm: Literal["linf", "l2"] = "linf"
    """Of the perturbation."""
    images: either(Count, Literal["all"]) = 1000
    """At most so many images, from the first on; or all."""
    quick: bool = False
    """Gradients and one step only: it can say masked, never robust."""
    queries: Count = 500
    """Of the Square Attack, for each image."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Of all that is drawn at random."""
