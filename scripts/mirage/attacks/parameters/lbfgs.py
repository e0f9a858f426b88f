"""Parameters of box-constrained L-BFGS."""

from typing import ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import AttackParameters, Clip, Count, Kind


class Parameters(AttackParameters):
    """Parameters of `mirage.attacks.lbfgs`."""

    kind: ClassVar[Kind] = "minimal"
    counts_iterations: ClassVar[bool] = True

    method: Literal["lbfgs"] = "lbfgs"
    target: Literal["runner_up", "least_likely"] = Field(
        "runner_up",
        description=(
            "Class aimed at, by the logits of the clean image: the second largest, which comes "
            "close to an untargeted attack, or the smallest"
        ),
    )
    search_steps: Count = Field(
        10, description="How many weights are tried, each from where the last one ended"
    )
    iterations: Count = Field(50, description="The most steps towards the minimum at one weight")
    initial_weight: float = Field(
        1.0, gt=0, description="Weight of the perturbation's size that is tried first"
    )
    clip: Clip | None = (0.0, 1.0)
