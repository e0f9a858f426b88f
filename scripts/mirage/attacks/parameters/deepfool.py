"""Parameters of DeepFool."""

from typing import ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import AttackParameters, Clip, Count, Kind, Norm


class Parameters(AttackParameters):
    """Parameters of `mirage.attacks.deepfool`."""

    kind: ClassVar[Kind] = "minimal"
    counts_iterations: ClassVar[bool] = True

    method: Literal["deepfool"] = "deepfool"
    norm: Norm = Field("l2", description="Norm that is made small")
    binary: bool = Field(
        False,
        description=(
            "Algorithm 1, for a binary classifier: only the class of the clean image and its "
            "runner-up count"
        ),
    )
    overshoot: float = Field(
        0.02, ge=0, description="Share by which a step goes beyond the boundary (eta, section 2.2)"
    )
    iterations: Count = Field(
        50, description="The most steps; an image that still has its class keeps the point reached"
    )
    candidates: int = Field(
        10,
        ge=2,
        description=(
            "Classes considered, those with the largest logits at the clean image, its own among "
            "them; more than there are means all"
        ),
    )
    scale: float = Field(
        1.0, gt=0, description="Factor of the perturbation found (the paper's figure 7)"
    )
    clip: Clip | None = None
