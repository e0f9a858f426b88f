"""Parameters of the Fast Gradient Sign Method."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from mirage.attacks.parameters import DECIMAL, Clip, GradientParameters, Kind


class Mixed(BaseModel):
    """The loss a * J(x) + (1 - a) * J(x + epsilon * sign(grad J(x))) of yue2017, figure 10."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    clean_weight: float = Field(gt=0, lt=1, description="a, the weight of the clean loss")
    epsilon: str = Field(
        pattern=DECIMAL,
        max_length=20,
        description="Size of the perturbation in the loss, in pixel units; quoted",
    )


Labels = Annotated[
    Literal["given", "predicted", "least_likely"],
    Field(
        description=(
            "Labels of the loss: those given; the classes that the network itself gives the clean "
            "images (cleverhans without labels); or those that it finds least likely, whose loss "
            "is stepped down (Kurakin et al. 2016)"
        )
    ),
]
Follow = Annotated[
    Mixed,
    Field(description="Follow the gradient of this training loss, J being that of `gradient`"),
]


class Parameters(GradientParameters):
    """Parameters of `mirage.attacks.fgsm`."""

    kind: ClassVar[Kind] = "sweep"

    method: Literal["fgsm"] = "fgsm"
    clip: Clip | None = None
    fill_zeros: bool = Field(
        False,
        description="Step by a random -1 or +1 where the gradient is zero (yue2017, appendix A)",
    )
    labels: Labels = "given"
    mixed: Follow | None = None
