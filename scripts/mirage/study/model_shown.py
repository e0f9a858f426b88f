"""What figures, tables and the summary may say."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from mirage.attacks.parameters import DECIMAL, Gradient
from mirage.study.typed import Several, Some, Typed, either

Epsilon = Annotated[
    str,
    Field(
        max_length=20,
        pattern=DECIMAL,
        description=(
            "Size in units of the pixel range, in the attack's norm (L-infinity if not stated), a "
            'quoted decimal number in its shortest form ("0", "0.05", "0.1"), since YAML would '
            "change 0.10 or 1e-5; at most 1, and more in L2 and for noise."
        ),
    ),
]
Dtype = Literal["float16", "bfloat16", "float32", "float64"]
Split = Literal["train", "validation", "test"]
Epoch = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Dimension = Literal[
    *("run", "attack", "gradient", "measure", "item"),
    *("dtype", "split", "defence", "epsilon", "epoch"),
]
Category = Annotated[str, Field(pattern=r"^(\w[\w -]*)?$")]
# Columns of the tables of attacks and gradients that a figure may draw, and those of a cell.
Column = Literal[
    "accuracy",
    "success",
    "zero_share",
    "zero_image_share",
    "sign_disagreement",
    "mean_abs_gradient",
    "rho_l2",
    "rho_linf",
    "rho_l2_centred",
    "median_l2",
    "changed_share",
    "changed_share_success",
    "iterations",
]
Value = Literal[
    "accuracy",
    "clean_accuracy",
    "clean_error",
    "success",
    "rho_l2",
    "rho_linf",
    "rho_l2_centred",
    "median_l2",
    "changed_share",
    "changed_share_success",
    "iterations",
    "zero_share",
    "zero_image_share",
    "sign_disagreement",
    "mean_abs_gradient",
    "seconds_per_image",
    "epsilon",
]
OneOrMany = Annotated[
    either(str, Several[str]), Field(description="A name, or a list of names to be crossed.")
]
Grid = Annotated[
    either(str, Several[Epsilon]),
    Field(description="Epsilons together; the name of a grid, or a list."),
]
Text = Annotated[
    either(str, dict[Dimension, dict[str, str]]),
    Field(
        description=(
            "Text; a dimension, such as run, whose value it is; or a text for each value of a "
            "dimension, such as {run: {base: base, l2: L2 0.001}}."
        )
    ),
]
Clean = Annotated[
    either(bool, dict[Dimension, OneOrMany]),
    Field(description="Draw the clean accuracy as well; true, or where, such as {attack: fgsm}."),
]


class Measured(Typed):
    """What is measured; lists are crossed."""

    run: OneOrMany
    attack: OneOrMany = None
    gradient: either(Gradient, Several[Gradient]) = None
    """In place of an attack, the loss whose gradient is measured; or a list to be crossed."""
    measure: OneOrMany = None
    """In place of an attack, a probe by its name; or a list to be crossed."""
    dtype: either(Dtype, Several[Dtype]) = None
    """Type of the gradient; the run's own where this is left out."""
    split: either(Split, Several[Split]) = None
    """Data that is attacked; test where this is left out."""
    defence: OneOrMany = None
    epsilon: either(Epsilon, Several[Epsilon]) = None
    """An epsilon, or a list to be crossed."""
    epsilons: Grid = None


class Selected(Measured):
    """What is shown; a list in it is crossed with the others."""

    item: OneOrMany = None
    """Of a probe, what is shown, such as the epsilon of a bound; or a list to be crossed."""
    epoch: either(Epoch, Several[Epoch]) = None
    """An epoch, or a list to be crossed."""
    epochs: Some[Epoch] = None
    """Epochs together."""
    label: Text = None
    panel: Text = None
    row: Text = None
    """Of a ladder."""
    published: Text = None
    clean: Clean = None
    x: float = None
    """Place on the x axis of a figure by value."""


class Figure(Typed):
    """A figure; it depends only on what it selects."""

    plot: Literal["lines", "pictures", "restarts", "ladder"]
    """Lines, pictures of images, where the restarts of PGD end, or the rungs from a plain attack
    over stronger ones to a bound."""
    show: Literal["digits", "examples", "filtered"] = None
    """Of pictures: digits of each class, examples before and after an attack, or one adversarial
    image filtered by defences."""
    digit: Annotated[int, Field(ge=0, le=9)] = None
    """Of pictures of attacked images: only those of this class."""
    title: str
    caption: str = ""
    """Text beside the figure in the report."""
    category: Category = None
    """Section of the report; letters, digits, spaces and "-"."""
    x: either(Literal["epoch", "epsilon", "value"], dict[Dimension, dict[str, float]]) = None
    """Of lines: epoch, epsilon, or a number for each value of a dimension, such as
    {run: {width16: 16, width64: 64}}; epoch where this is left out."""
    y: either(Literal["loss", "spectral_norm", *get_args(Column)], Some[Column]) = None
    """Of lines: a column or columns of the table of attacks, or of that of gradients, loss (of
    training and validation), or spectral_norm (of each layer)."""
    x_label: str = None
    log_x: bool = None
    """A logarithmic x axis."""
    y_label: str = None
    colours: dict[str, str] = None
    """Colour by label of the line, in place of the palette's."""
    select: either(Selected, Some[Selected])
    """What is shown: a selection, or a list of them. Lists within a selection are crossed."""
    label: Text = None
    panel: Text = None
    row: Text = None
    """Of a ladder: the name of a row, that of the run where this is left out."""
    published: Text = None
    clean: Clean = None


class EpsilonWhere(Typed):
    """The epsilon at which the accuracy of a sweep falls to this, for each seed its own.

    Of the cell's own selection, or what is changed of it here.
    """

    accuracy: Share
    run: str = None
    attack: str = None
    dtype: Dtype = None
    split: Split = None
    defence: str = None


class Cells(Typed):
    """What some cells of a table have in common."""

    run: str = None
    attack: str = None
    gradient: Gradient = None
    """In place of an attack."""
    dtype: Dtype = None
    split: Split = None
    defence: str = None
    epsilon: Epsilon = None
    epsilons: Grid = None
    """Where epsilon_where looks; a grid by its name, or a list."""
    epsilon_where: EpsilonWhere = None
    """The epsilon at which the accuracy of a sweep falls to this, for each seed its own; of the
    cell's own selection, or what is changed of it here."""
    epoch: Epoch = None
    """The last where this is left out."""
    value: Value = None
    """Column of the table of attacks or gradients; clean_error is 1 - clean_accuracy."""
    missing: str = None
    """Why there is no value."""


class Labelled(Cells):
    """A row or a column of a table."""

    key: str = None
    """Of a published value: TABLE/ROW/COLUMN in published.csv."""
    label: str


class Table(Typed):
    """A table, each cell the mean over seeds.

    A cell selects rows of attacks, or of a gradient, by what `common`, its row and its column say
    together.
    """

    title: str
    caption: str = ""
    """Text beside the table in the report."""
    category: Category = None
    """Section of the report; letters, digits, spaces and "-"."""
    published: str = None
    """Where the keys of its published cells begin, such as rana/table1; its own name where this
    is left out."""
    common: Cells = Cells()
    rows: Some[Labelled]
    columns: Some[Labelled]


class SummaryColumn(Typed):
    """An attacked accuracy."""

    label: str
    attack: str
    dtype: Dtype


class Summary(Typed):
    """The short table that ends a run."""

    runs: Several[str]
    split: Split = "test"
    epsilon: Epsilon
    columns: Some[SummaryColumn]
    """Attacked accuracies, the first one's zero share and sign disagreement following them."""
