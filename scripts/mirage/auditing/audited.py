"""The audit of a classifier: what was asked, what was found, and the verdict."""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from mirage.auditing import measuring, provenance
from mirage.auditing.attempts import QUERIES
from mirage.auditing.data import Data, of_arrays, read
from mirage.auditing.errors import AuditError
from mirage.auditing.findings import Findings, as_json
from mirage.auditing.network import check_model, classes_of, prepare
from mirage.auditing.opening import open_model
from mirage.auditing.provenance import Provenance
from mirage.auditing.range import Range
from mirage.auditing.record import VERSION, About
from mirage.auditing.verdict import Verdict, decide
from mirage.models import networks
from mirage.runtime import device


@dataclass(frozen=True, eq=False)
class Audit:
    """A verdict, and all that it rests on.

    Attributes:
        about: What was audited.
        decision: The verdict with its sentence and reasons.
        findings: All that was measured.
        provenance: What it was made with.
    """

    about: About
    decision: Verdict
    findings: Findings
    provenance: Provenance

    @property
    def verdict(self) -> str:
        """The verdict's name, a key of `mirage.auditing.verdict.EXIT_CODES`."""
        return self.decision.name

    @property
    def sentence(self) -> str:
        """The numbers that decided."""
        return self.decision.sentence

    @property
    def exit_code(self) -> int:
        """0 not masked, 3 masked, 4 not converged or not decidable."""
        return self.decision.exit_code

    def as_json(self) -> dict:
        """What `audit.json` holds: all but what is one for each image or pixel."""
        return {
            "version": VERSION,
            "verdict": {**as_json(self.decision), "exit_code": self.exit_code},
            "about": as_json(self.about),
            "findings": as_json(self.findings),
            "provenance": as_json(self.provenance),
        }

    def rows(self) -> Iterator[dict[str, object]]:
        """A row for each image, as `mirage.auditing.findings.Findings.rows` gives it."""
        return self.findings.rows()

    def save(self, folder: str | Path) -> list[Path]:
        """Write `audit.html`, `audit.json` and `images.csv` into a folder; return their paths.

        Raises:
            WriteError: One cannot be written.
        """
        from mirage.auditing import written  # which needs this class

        return written.save(self, folder)

    def __str__(self) -> str:
        """The verdict, and a table of at most 20 lines."""
        from mirage.auditing import text  # as above

        return text.of(self)


def audit(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float | Sequence[float] = 0.1,
    norm: str = "linf",
    range: Range | None = None,
    quick: bool = False,
    queries: int = QUERIES,
    seed: int = 0,
    tell: Callable[[str], object] = lambda text: None,
) -> Audit:
    """Tell whether a classifier is robust, or its gradient is masked.

    Args:
        model: Keras model, Sequential or Functional, from images to logits or probabilities.
        images: Shape (n, ...): bytes 0 to 255, or floats in the range that the model takes;
            channels first or last, or flat.
        labels: True classes, shape (n,), integers from 0 on, or one-hot, shape (n, classes).
        epsilon: Size of the perturbation, or several, above 0, as a share of the range of pixels:
            0.1 is a tenth of white minus black.
        norm: `linf` or `l2`.
        range: The pixels that the model takes, (black, white); needed where it cannot be told.
        quick: Whether to look at gradients and one step only; then no model is called robust.
        queries: Of the Square Attack.
        seed: Of all that is drawn at random, at least 0.
        tell: Is called with a few words before each part.

    Returns:
        The verdict and all that was found.

    Raises:
        AuditError: The model is no classifier of images, the data do not fit it, or its range of
            pixels cannot be told.

    Example:
        >>> training, test = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> rows = mirage.train(network, training, test, epochs=5, learning_rate=0.01)
        >>> mirage.audit(network, *test, epsilon=0.1, range=(0, 1), quick=True).verdict
        'not robust, and not masked'
    """
    check_model(model)
    data = of_arrays(images, labels, model.input_shape[1:], classes_of(model), given=range)
    epsilons = np.atleast_1d(epsilon).tolist()
    asked = {"epsilons": epsilons, "norm": norm, "quick": quick, "queries": queries, "seed": seed}
    return _audit(model, data, range, asked, tell)


def audit_files(
    model: str | Path,
    data: str | Path,
    *,
    architecture: str | Path | None = None,
    allow_code: bool = False,
    folder: str | Path | None = None,
    images: int | None = 1_000,
    epsilon: Sequence[float] = (0.1,),
    norm: str = "linf",
    range: Range | None = None,
    quick: bool = False,
    queries: int = QUERIES,
    seed: int = 0,
    tell: Callable[[str], object] = lambda text: None,
) -> Audit:
    """Audit a model of a file on images of a file.

    Args:
        model: As `mirage.auditing.opening.open_model` takes it.
        data: As `mirage.auditing.data.read` takes it.
        architecture: For a file with weights alone, as `open_model` takes it.
        allow_code: Whether code that is stored in the model's file may run.
        folder: Of a data set that is named.
        images: How many, the first; None for all.
        epsilon, norm, range, quick, queries, seed, tell: As in `audit`.

    Raises:
        AuditError: The model cannot be opened, or as in `audit`.
    """
    tell("opening the model")
    opened = open_model(model, architecture, allow_code)
    check_model(opened)
    given = read(data, opened.input_shape[1:], classes_of(opened), folder, range)
    given = replace(given, images=given.images[:images], labels=given.labels[:images])
    asked = {"epsilons": epsilon, "norm": norm, "quick": quick, "queries": queries, "seed": seed}
    files = {"model": model, "data": data, "architecture": architecture}
    files |= {"folder": folder, "allow_code": allow_code, "images": images}
    return _audit(opened, given, range, asked, tell, files)


def _audit(
    model: keras.Model,
    data: Data,
    range: Range | None,
    asked: Mapping[str, object],
    tell: Callable[[str], object],
    files: Mapping[str, object] | None = None,
) -> Audit:
    """The audit of a model and data that are there, of files where these are named."""
    files = files or {}
    for name, least in (("seed", 0), ("queries", 1), ("images", 1)):
        given = {**files, **asked}.get(name)
        if given is not None and given < least:
            raise AuditError(f"{name} {given}: it must be at least {least}.")
    device.keep_operations_apart()  # as the workflow's jobs compute
    _check_call(model, data.images[:1])
    subject = prepare(model, data.images, data.labels, range, data.stated)
    made_with = provenance.of(
        {**files, "range": range, **asked},
        [files.get(name) for name in ("model", "data", "architecture")],
        model.get_weights(),
        (data.images, data.labels),
    )
    found = measuring.find(subject, **asked, tell=tell)
    about = About(
        model=str(files.get("model", model.name)),
        data=str(files.get("data", "arrays")),
        shape=subject.shape,
        classes=subject.classes,
        weights=model.count_params(),
        dtype=networks.dtype_of(subject.network),
        output=subject.output.kind,
        recovered=subject.output.recovered,
        low=subject.range.low,
        high=subject.range.high,
        notes=(*data.notes, *subject.warnings),
    )
    return Audit(about, decide(found), found, made_with)


def _check_call(model: keras.Model, images: np.ndarray) -> None:
    """Refuse a model that raises an error where it is called, as a layer of the user's may."""
    try:
        model(images, training=False)
    except Exception as error:
        said = re.sub(r"\x1b\[\d+m", "", str(error))  # Keras writes in bold
        raise AuditError(
            f"model {model.name!r}: it cannot be computed on the images ({type(error).__name__}: "
            f"{textwrap.shorten(said, 200, placeholder=' ...')})."
        ) from error
