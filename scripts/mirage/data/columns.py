"""Rows of tidy tables as CSV, and what their columns are."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mirage.runtime.errors import MirageError
from mirage.runtime.files import atomic

# How much of a gradient is gone or wrong: what `mirage.attacks.gradients.masking` gives.
MASKING = ("zero_share", "zero_image_share", "sign_disagreement", "mean_abs_gradient")
# What every checkpoint is measured by, in the column measure; the others are names of probes.
MEASURES = ("spectral_norm", "logit_margin", "class_accuracy", "accuracy")
# The columns of each kind of rows, those that tell one row from another first.
COLUMNS = {
    "attacks": (
        *("dataset", "run", "seed", "epoch", "split", "attack", "defence", "gradient", "dtype"),
        *("epsilon", "n", "clean_accuracy", "accuracy", "success", "rho_l2", "rho_linf"),
        *("rho_l2_centred", "median_l2", "changed_share", "changed_share_success"),
        *("iterations", "seconds"),
    ),
    "gradients": (
        *("dataset", "run", "seed", "epoch", "split", "defence", "gradient", "dtype", "n"),
        *MASKING,
    ),
    "measures": ("dataset", "run", "seed", "epoch", "split", "measure", "item", "value"),
    "history": (
        *("dataset", "run", "seed", "epoch", "learning_rate", "objective", "loss", "accuracy"),
        *("validation_loss", "validation_accuracy", "seconds"),
    ),
    "restarts": (
        *("dataset", "run", "seed", "epoch", "split", "attack", "defence", "dtype", "epsilon"),
        *("image", "restart", "start_loss", "loss"),
    ),
}

# In the column defence: the network without one.
BARE = "bare"


class RowsError(MirageError, ValueError):
    """A CSV file that does not hold the rows it should; the message names it and says why."""


def write_rows(rows: Sequence[Mapping], path: Path) -> None:
    """Write rows of equal keys as CSV, floats to their last digit; whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def check(paths: Iterable[Path | str], kind: str) -> None:
    """Refuse files that were cut off, or written by a version with other columns.

    pandas would fill with empty values what is not there.

    Args:
        paths: CSV files written by `write_rows`, or several of them together.
        kind: A key of `COLUMNS`.

    Raises:
        RowsError: A column is missing, or a value of a row; the message names the file.
    """
    for path in paths:
        try:
            text = Path(path).read_bytes().decode()
            if not text.endswith("\n") or "\0" in text:
                raise ValueError("it is cut off" if text else "it is empty")
            header, *rows = csv.reader(text.splitlines(keepends=True))
        except (ValueError, csv.Error) as error:
            raise RowsError(f"{path}: not a table of {kind} ({error}). {_REMEDY}") from None
        missing = [column for column in COLUMNS[kind] if column not in header]
        if missing:
            unknown = [column for column in header if column not in COLUMNS[kind]]
            raise RowsError(
                f"{path}: the table of {kind} lacks the column {', '.join(missing)}"
                + (f", and has {', '.join(unknown)}, which is not known" if unknown else "")
                + f". Another version of mirage may have written it. {_REMEDY}"
            )
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise RowsError(
                    f"{path}: line {number} has {len(row)} values for {len(header)} columns. "
                    f"{_REMEDY}"
                )


_REMEDY = "Delete it and run again: it is made anew."
