"""What the two attacks by Auto-PGD have in common."""

from typing import ClassVar

from pydantic import Field

from mirage.attacks.parameters import AttackParameters, Clip, Count, Kind, Norm


class AutoPgdParameters(AttackParameters):
    """Parameters of Auto-PGD, whatever the loss; the defaults are the authors' (section 3)."""

    kind: ClassVar[Kind] = "iterative"

    norm: Norm = Field(
        "linf",
        description="Norm of the ball: linf steps along the sign, l2 along the gradient itself",
    )
    iterations: Count = Field(100, description="Number of steps")
    rho: float = Field(
        0.75,
        gt=0,
        le=1,
        description=(
            "The step is halved where the loss rose in a smaller share of the steps since the last "
            "checkpoint"
        ),
    )
    random_start: bool = Field(
        True, description="Start at a uniformly random point of the ball, else at the image"
    )
    restarts: Count = Field(
        1,
        description=(
            "How often to begin, the second time with the images that are still classified rightly"
        ),
    )
    clip: Clip | None = (0.0, 1.0)
