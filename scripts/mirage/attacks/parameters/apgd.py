"""Parameters of Auto-PGD on the cross-entropy."""

from typing import Literal

from mirage.attacks.parameters import GradientParameters
from mirage.attacks.parameters._apgd import AutoPgdParameters


class Parameters(AutoPgdParameters, GradientParameters):
    """Parameters of `mirage.attacks.apgd`."""

    method: Literal["apgd"] = "apgd"
