"""Parameters of Gaussian noise."""

from typing import ClassVar, Literal

from mirage.attacks.parameters import AttackParameters, Clip, Kind


class Parameters(AttackParameters):
    """Parameters of `mirage.attacks.noise`."""

    kind: ClassVar[Kind] = "sweep"
    uses_network: ClassVar[bool] = False
    bounded: ClassVar[bool] = False

    method: Literal["noise"] = "noise"
    clip: Clip | None = None
