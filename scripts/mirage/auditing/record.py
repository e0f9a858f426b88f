"""What an audit writes as `audit.json`, and its JSON Schema.

The schema is made of the dataclasses that hold what was found, and of their docstrings, so that it
is never another one.
"""

import functools
import inspect
import re
from dataclasses import dataclass, is_dataclass
from types import UnionType
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from mirage.auditing.findings import Findings
from mirage.auditing.provenance import Provenance
from mirage.auditing.verdict import EXIT_CODES, Verdict

# Another number where a field goes or changes its meaning.
VERSION = 1


@dataclass(frozen=True)
class About:
    """What was audited.

    Attributes:
        model: Its file, or the name that it has in memory.
        data: Where the images come from.
        shape: Of one image, as the model takes it.
        classes: Number of classes.
        weights: Number of weights.
        dtype: Type that the model computes in.
        output: What its output is, as in `mirage.models.output.Output`.
        recovered: Whether the logits are those of the layer before the output.
        low: Value of black that the model takes.
        high: Value of white.
        notes: How the data were read, and what a reader must know, a sentence each.
    """

    model: str
    data: str
    shape: tuple[int, ...]
    classes: int
    weights: int
    dtype: str
    output: str
    recovered: bool
    low: float
    high: float
    notes: tuple[str, ...]


@functools.cache
def model() -> type[BaseModel]:
    """The model of `audit.json`."""
    verdict = create_model(
        "Verdict",
        __base__=_model(Verdict),
        name=(Literal[tuple(EXIT_CODES)], Field(description="What is said of the model.")),
        exit_code=(
            Literal[tuple(sorted(set(EXIT_CODES.values())))],
            Field(description="0 not masked, 3 masked, 4 not known."),
        ),
    )
    return create_model(
        "Audit",
        __config__=_CONFIG,
        __doc__="A verdict, and all that it rests on.",
        version=(Literal[VERSION], Field(description="Of this format.")),
        verdict=(verdict, ...),
        about=(_model(About), ...),
        findings=(_model(Findings), ...),
        provenance=(_model(Provenance), ...),
    )


_CONFIG = ConfigDict(extra="forbid")


@functools.cache
def _model(kind: type) -> type[BaseModel]:
    """The model of a dataclass, without its arrays."""
    summary, _, rest = inspect.getdoc(kind).partition("Attributes:\n")
    # Each begins with its name, and goes on in lines that are further in.
    texts = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", rest, re.M))
    chosen = {
        name: (_type(hint), Field(description=" ".join(texts[name].split())))
        for name, hint in get_type_hints(kind).items()
        if hint is not np.ndarray
    }
    return create_model(
        kind.__name__, __config__=_CONFIG, __doc__=" ".join(summary.split()), **chosen
    )


def _type(hint: object) -> object:
    """A type with models in the place of dataclasses."""
    if is_dataclass(hint):
        return _model(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        return list[_type(inner[0])]
    if origin is UnionType:
        return functools.reduce(lambda one, other: one | other, map(_type, inner))
    return hint
