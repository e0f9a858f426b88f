"""Parameters of Auto-PGD on the difference of logits ratio."""

from typing import Literal

from mirage.attacks.parameters._apgd import AutoPgdParameters


class Parameters(AutoPgdParameters):
    """Parameters of `mirage.attacks.apgd_dlr`."""

    method: Literal["apgd_dlr"] = "apgd_dlr"
