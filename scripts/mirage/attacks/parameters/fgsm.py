"""Parameters of the Fast Gradient Sign Method."""

from typing import ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import Clip, GradientParameters, Kind


class Parameters(GradientParameters):
    """Parameters of `mirage.attacks.fgsm`."""

    kind: ClassVar[Kind] = "sweep"

    method: Literal["fgsm"] = "fgsm"
    clip: Clip | None = None
    fill_zeros: bool = Field(
        False,
        description="Step by a random -1 or +1 where the gradient is zero (yue2017, appendix A)",
    )
