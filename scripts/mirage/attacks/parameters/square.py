"""Parameters of the Square Attack."""

from typing import ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import AttackParameters, Clip, Count, Kind


class Parameters(AttackParameters):
    """Parameters of `mirage.attacks.square`."""

    kind: ClassVar[Kind] = "iterative"
    counts_iterations: ClassVar[bool] = True

    method: Literal["square"] = "square"
    queries: Count = Field(
        5000,
        description=(
            "The most times that the network is asked about an image; as many as in AutoAttack"
        ),
    )
    p: float = Field(
        0.8,
        gt=0,
        le=1,
        description=(
            "Share of the pixels that the first squares cover. AutoAttack has 0.8, as the authors "
            "have for an adversarially trained network on MNIST; for ImageNet they take 0.05"
        ),
    )
    clip: Clip | None = (0.0, 1.0)
