"""What each attack takes, as a typed model in a file of its own.

`mirage.attacks.parameters.METHOD` belongs to `mirage.attacks.METHOD` and is imported by it alone.
So an edit reruns this attack's jobs and no other's. Nothing here imports TensorFlow or NumPy, since
a study is planned with these models.

An attack of a configuration may have further keys (`source`, `adaptive`, `exact`, `images`). They
are no parameters of its method and no fields of these models. `clip: None` means no clipping.
"""

import importlib
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["sweep", "iterative", "minimal"]

# The keys of `mirage.attacks.gradients.LOSSES`.
Gradient = Literal["cross_entropy_sum", "cross_entropy_mean", "exact_sign"]
GRADIENTS = get_args(Gradient)
EXACT = "exact_sign"
Norm = Literal["linf", "l2"]
# How an epsilon is written: a decimal number in its shortest form.
DECIMAL = r"^(0|[1-9][0-9]*|(0|[1-9][0-9]*)\.[0-9]*[1-9])$"
Labels = Annotated[
    Literal["given", "predicted"],
    Field(
        description=(
            "Labels of the loss: those given, or the classes that the network itself gives the "
            "clean images (cleverhans without labels)"
        )
    ),
]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# A list is taken for a tuple: YAML and JSON have no other.
Clip = Annotated[
    tuple[Annotated[float, Field(ge=-1, le=0)], Annotated[float, Field(ge=1, le=2)]],
    Field(
        strict=False,
        description=(
            "Smallest and largest pixel allowed in an adversarial image: [0, 1], the range of "
            "pixels, or at most as much again on either side"
        ),
    ),
]


class AttackParameters(BaseModel):
    """What the parameters of every attack have in common.

    Attributes:
        kind: Of the jobs of the attack: `sweep` where one job serves all epsilons, `iterative`
            where every epsilon is a job of its own, `minimal` where the attack takes no epsilon
            but looks for the smallest perturbation itself.
        uses_network: Whether the attack looks at the network. Else it can neither be transferred
            from another network nor adapt to a defence.
        uses_gradient: Whether the attack follows the gradient of a loss that `gradient` names.
        counts_iterations: Whether its result says how many iterations each image took.
        bounded: Whether no perturbation is larger than epsilon, in `norm` or else in L-infinity.
        of_batch: Whether the answer to an image depends on the other images of its batch.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    kind: ClassVar[Kind]
    uses_network: ClassVar[bool] = True
    uses_gradient: ClassVar[bool] = False
    counts_iterations: ClassVar[bool] = False
    bounded: ClassVar[bool] = True
    of_batch: ClassVar[bool] = False

    method: str


class GradientParameters(AttackParameters):
    """Of an attack that follows the gradient of a loss."""

    uses_gradient: ClassVar[bool] = True

    gradient: Gradient = Field(
        description="Loss whose gradient is taken; exact_sign never underflows"
    )


def methods() -> list[str]:
    """The names of all attacks, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def parameters_of(method: str) -> type[AttackParameters]:
    """The model of an attack's parameters; the file of no other attack is read.

    Args:
        method: A name in `methods()`.

    Raises:
        ModuleNotFoundError: There is no such attack.
    """
    return importlib.import_module(f"{__name__}.{method}").Parameters
