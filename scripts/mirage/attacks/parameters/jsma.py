"""Parameters of the Jacobian-based saliency map attack."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from mirage.attacks.parameters import AttackParameters, Clip, Kind


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("it must not be 0")
    return value


class Parameters(AttackParameters):
    """Parameters of `mirage.attacks.jsma`."""

    kind: ClassVar[Kind] = "minimal"
    counts_iterations: ClassVar[bool] = True

    method: Literal["jsma"] = "jsma"
    theta: Annotated[float, AfterValidator(_not_zero)] = Field(
        1.0,
        ge=-1,
        le=1,
        json_schema_extra={"not": {"const": 0}},
        description="Change of a pixel in one step; negative to darken. The paper takes +1 and -1",
    )
    gamma: float = Field(
        0.145, gt=0, le=1, description="Largest share of pixels changed; the paper's is 14.5 %"
    )
    target: Literal["untargeted", "next", "random", "least_likely"] = Field(
        "untargeted",
        description=(
            "Class aimed at: none, the label + 1, any other, or that of the smallest logit at the "
            "clean image"
        ),
    )
    pairs: bool = Field(
        True,
        description=(
            "Search all pairs of pixels, as in the paper; else take the two pixels that raise the "
            "target most"
        ),
    )
    clip: Clip | None = (0.0, 1.0)
