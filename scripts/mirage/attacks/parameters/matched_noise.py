"""Parameters of Gaussian noise with the moments of FGSM's perturbation."""

from typing import ClassVar, Literal

from mirage.attacks.parameters import Clip, GradientParameters, Kind


class Parameters(GradientParameters):
    """Parameters of `mirage.attacks.matched_noise`; the gradient is FGSM's."""

    kind: ClassVar[Kind] = "sweep"
    bounded: ClassVar[bool] = False
    of_batch: ClassVar[bool] = True

    method: Literal["matched_noise"] = "matched_noise"
    clip: Clip | None = None
