"""Parameters of projected gradient descent."""

from typing import ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import Clip, Count, GradientParameters, Kind, Labels, Norm


class Parameters(GradientParameters):
    """Parameters of `mirage.attacks.pgd`."""

    kind: ClassVar[Kind] = "iterative"

    method: Literal["pgd"] = "pgd"
    norm: Norm = Field(
        "linf",
        description="Norm of the ball: linf steps along the sign, l2 along the gradient itself",
    )
    steps: Count = Field(40, description="Number of steps")
    relative_step: float = Field(
        0.1, gt=0, le=2, description="Step as a share of epsilon; two cross the whole ball"
    )
    random_start: bool = Field(
        True,
        description=(
            "Start at a uniformly random point of the ball, else at the image. Without it this is "
            "the basic iterative method (Kurakin et al. 2016, arXiv 1607.02533)"
        ),
    )
    restarts: Count = Field(
        1,
        description=(
            "How often to begin, the second time with the images that are still classified rightly"
        ),
    )
    clip: Clip | None = None
    labels: Labels = "given"
