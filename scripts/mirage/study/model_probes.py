"""What a probe takes; `mirage.evaluation.probes` has a module for each method."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mirage.attacks.parameters import Clip
from mirage.study.model_shown import Epsilon, Share
from mirage.study.typed import Several, Typed

Checkpoints = Annotated[
    Literal["all", "last"], Field(description="Of all checkpoints of a run, or of the last alone.")
]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Probe(Typed):
    """What all probes take. Each says by `items()` what its rows are of, in their order.

    Attributes:
        networks: Names of the architectures that it knows; None for all.
    """

    networks: ClassVar[tuple[str, ...] | None] = None

    images: Count = None
    """How many of the test images, from the first on; all where this is left out."""
    checkpoints: Checkpoints = "all"


class Bounds(Probe):
    """Certified accuracy: a lower bound of the accuracy under every attack."""

    networks: ClassVar[tuple[str, ...]] = ("mlp",)

    method: Literal["bounds"]
    epsilons: Several[Epsilon]
    """Radii in L-infinity; each is an item."""
    clip: Clip = None

    def items(self) -> list[str]:
        """Its epsilons, and the largest at which it says something."""
        return [*self.epsilons, "largest"]


class Contiguity(Probe):
    """Share of the points around an adversarial image that are adversarial, too."""

    method: Literal["contiguity"]
    epsilon: Epsilon
    """Size of the adversarial perturbation in L-infinity."""
    points: Annotated[int, Field(ge=2, multiple_of=2)] = 40
    """Points on the line through an image and its adversarial one, to twice the distance; even."""
    mixed: Several[Share] = [0.1, 0.25, 0.5, 1.0]
    """Shares of the entries in whose place random signs are put."""
    directions: Count = 10
    """Random choices of these for each share and image."""

    def items(self) -> list[str]:
        """Of the images, of the line, and of each share of random signs."""
        shares = [f"mixed {share:g}" for share in self.mixed]
        return ["misled", "segment", "beyond", "same class", *shares]


class Danskin(Probe):
    """Finite differences of the worst-case loss beside the gradient at the maximizer."""

    method: Literal["danskin"]
    epsilon: Epsilon
    """Radius in L-infinity."""
    steps: Count = 40
    """Steps of PGD, each of a tenth of the radius."""
    restarts: Count = 5
    """Restarts of PGD."""
    directions: Count = 5
    """Random directions in weights, beside the gradient's own."""
    change: Annotated[float, Field(gt=0, le=0.1)] = 1e-4
    """Change of the weights to either side, as a share of their length."""

    def items(self) -> list[str]:
        """Along the gradient, and over all directions."""
        return ["derivative", "difference", "relative error", "cosine"]


class Linearity(Probe):
    """How straight the margin between two logits is along the direction of FGSM."""

    method: Literal["linearity"]
    epsilon: Epsilon = "0.3"
    """Largest size in L-infinity, to either side."""
    points: Annotated[int, Field(ge=3)] = 61
    """Points of the line."""

    def items(self) -> list[str]:
        """Over both ways, and over the way of the attack."""
        return ["mean", "q0.05", "q0.5", "q0.95", "attacked"]


PROBES = {"bounds": Bounds, "contiguity": Contiguity, "danskin": Danskin, "linearity": Linearity}
