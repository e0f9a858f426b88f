"""What networks can be built, and from which weights, as typed models.

TensorFlow is not imported: a plan asks, too.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Units = Annotated[int, Field(ge=1, le=1_000_000)]


class Part(BaseModel):
    """A choice by its name and its values."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Architecture(Part):
    """A network by its name and its sizes."""


class Mlp(Architecture):
    """Fully connected, ReLU between its layers: hidden [200, 300] is 784-200-300-10.

    Source: yue2017, section 4.1 and appendix C.
    """

    name: Literal["mlp"]
    hidden: list[Units]
    """Units of each hidden layer; [] is a linear network."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the units of each hidden layer that is dropped in training."""
    pool: Annotated[int, Field(ge=1, le=32)] = 1
    """Side of the squares of pixels whose means the network sees; it divides an image's side."""


class Cnn(Architecture):
    """Convolutions 5x5, each with ReLU and max-pooling by 2, and a dense layer with ReLU.

    Images keep their size in a convolution. Source: hao, section 5, filters [32, 64], dense 1024,
    dropout 0.4.
    """

    name: Literal["cnn"]
    filters: Annotated[list[Units], Field(min_length=1, max_length=4)]
    """Filters of each convolution."""
    dense: Units
    """Units of the dense layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of its units that is dropped in training."""


class Lenet(Architecture):
    """Convolutions 5x5 of 20 and 50 filters without padding, each with ReLU and max-pooling by 2.

    A layer of 500 with ReLU follows. Source: LeCun et al. 1998, as it comes with Caffe and
    MatConvNet; Moosavi-Dezfooli et al. 2016, table 1.
    """

    name: Literal["lenet"]


class Rbf(Architecture):
    """Gaussian units exp(-||x - c||^2 / (2 width^2)) with trained centres c, then linear logits.

    Centres start at training images drawn at random. Source: Goodfellow et al. 2014, section 6.
    """

    name: Literal["rbf"]
    units: Units
    """How many Gaussian units."""
    width: Annotated[float, Field(gt=0, le=100)]
    """Distance in L2, pixels lying in 0 to 1, at which a unit gives exp(-1/2)."""


ARCHITECTURES = {"mlp": Mlp, "cnn": Cnn, "lenet": Lenet, "rbf": Rbf}


class GlorotUniform(Part):
    """Uniform in +-sqrt(6 / (inputs + outputs)) of each layer; biases are zero.

    Source: Glorot and Bengio 2010, equation 16.
    """

    name: Literal["glorot_uniform"]
    one_seed: bool = False
    """Draw each layer anew from one random stream, TensorFlow 1's of graph seed 0 and the run's
    seed, as yue2017's public code does: each layer begins with the numbers of the one before."""


class Normal(Part):
    """All weights and biases from a normal distribution around 0."""

    name: Literal["normal"]
    deviation: Annotated[float, Field(gt=0, le=100)]
    """Standard deviation; 1 in aymericdamien/TensorFlow-Examples."""


INITIAL_WEIGHTS = {"glorot_uniform": GlorotUniform, "normal": Normal}
