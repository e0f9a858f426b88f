"""What a configuration, or a study of its own, may say."""

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Literal, get_args

from pydantic import Field, create_model

from mirage.attacks.parameters import Gradient, methods, parameters_of
from mirage.data.register import SIZES
from mirage.models.architectures import ARCHITECTURES, INITIAL_WEIGHTS, GlorotUniform
from mirage.study.model_audits import Audit, AuditName
from mirage.study.model_claims import Claim
from mirage.study.model_probes import PROBES, Checkpoints
from mirage.study.model_shown import Epoch, Epsilon, Figure, Measured, Share, Summary, Table
from mirage.study.typed import Several, Some, Typed, Unique, by, either

Positive = Annotated[float, Field(gt=0)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[
    str,
    Field(
        pattern="^[a-z0-9][a-z0-9_-]*$",
        max_length=100,
        description=("A name of lower-case letters, digits, _ and -, the first a letter or digit."),
    ),
]
FilterName = Annotated[
    str,
    Field(
        pattern="^[a-z][a-z0-9_.-]*$",
        max_length=100,
        description=('A name of lower-case letters, digits, "_", "-" and ".", the first a letter.'),
    ),
]


# --- Runs -----------------------------------------------------------------------------------------


class Adam(Typed):
    """Adam, see keras.optimizers.Adam."""

    name: Literal["adam"]
    beta_1: Momentum = 0.9
    beta_2: Momentum = 0.999
    epsilon: Positive = 1e-8


class Sgd(Typed):
    """Gradient descent, see keras.optimizers.SGD."""

    name: Literal["sgd"]
    momentum: Momentum = 0.0


class Rmsprop(Typed):
    """RMSprop, see keras.optimizers.RMSprop."""

    name: Literal["rmsprop"]
    rho: Momentum = 0.9
    epsilon: Positive = 1e-7


class Decay(Typed):
    """A learning rate of initial / (epochs done / decay_epochs + 1)."""

    initial: Positive
    decay_epochs: Positive


class CrossEntropy(Typed):
    """Cross-entropy on the images."""

    name: Literal["cross_entropy"]
    temperature: Positive = 1.0
    """What logits are divided by in training."""


class FgsmMixed(Typed):
    """Cross-entropy on the images and on FGSM's answers to them."""

    name: Literal["fgsm_mixed"]
    clean_weight: Share
    epsilon: Epsilon
    gradient: Gradient = "cross_entropy_mean"
    """Loss whose gradient is taken; exact_sign never underflows."""


class Pgd(Typed):
    """Cross-entropy on PGD's answers to the images."""

    name: Literal["pgd"]
    epsilon: Epsilon
    steps: Annotated[int, Field(ge=1, le=1000)]
    relative_step: Annotated[float, Field(gt=0, le=2)]
    """Step as a share of epsilon; two cross the whole ball."""
    gradient: Gradient = "exact_sign"
    """Loss whose gradient is taken; exact_sign never underflows."""


class Distilled(Typed):
    """Cross-entropy against the answers of a teacher, at a temperature."""

    name: Literal["distilled"]
    temperature: Positive
    """What the logits of both are divided by in training."""


class Parseval(Typed):
    """Cross-entropy, and a penalty on dense layers that are no isometry."""

    name: Literal["parseval"]
    beta: Positive
    """Weight of half the sum over dense layers of ||W^T W - I||^2."""


class Sizes(Typed):
    """How many of the training images are trained on and validated on."""

    train: Count
    """Training images."""
    validation: Annotated[int, Field(ge=0)]
    """Validation images, the first ones; with 0 the losses on them are not known."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = None
    """Draw the images at random with this seed, in place of taking them in their order."""


class Start(Typed):
    """A checkpoint of another run."""

    run: str
    epoch: Epoch


class PerturbedBy(Typed):
    """An attack whose answers are trained on."""

    attack: str
    epsilon: Epsilon = None


class Run(Typed):
    """What is trained."""

    network: by("name", *ARCHITECTURES.values()) = None
    """Architecture: mlp, cnn, lenet or rbf, and its sizes."""
    initial_weights: by("name", *INITIAL_WEIGHTS.values()) = GlorotUniform(name="glorot_uniform")
    """What the weights and biases are before training."""
    dtype: Literal["float32", "float64"] = "float32"
    """Floating-point type of weights and arithmetic in training."""
    optimizer: by("name", Adam, Sgd, Rmsprop) = Adam(name="adam")
    """Keras optimizer and its arguments."""
    learning_rate: either(Positive, Decay) = 0.001
    """A constant, or {initial, decay_epochs} for initial / (epochs done / decay_epochs + 1)."""
    batch_size: Count = 100
    """Images of a training step; the incomplete last batch is dropped."""
    l2: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the sum over layers of 0.5 * ||W||^2 in the loss."""
    objective: by("name", CrossEntropy, FgsmMixed, Pgd, Distilled, Parseval) = CrossEntropy(
        name="cross_entropy"
    )
    """Training objective and its parameters."""
    teacher: Start = None
    """Of the objective distilled: the checkpoint, of the same seed, whose answers are learnt."""
    split: Sizes = None
    """As at the top, which is taken where this is left out."""
    start: Start = None
    """Fine-tuning: the checkpoint, of the same seed, whose weights the run begins with."""
    perturbed_by: PerturbedBy = None
    """Fine-tuning: train on the answers of an attack on the run it starts from, made once for all
    training images, in place of the images."""
    epochs: Some[Annotated[int, Field(ge=1, le=1_000_000)]] = None
    """Epochs after which a checkpoint is kept, ascending."""
    images: either(Count, dict[str, Count]) = None
    """How many images of a split are attacked, from the first on; all where this is left out. A
    number, or a number for each attack."""
    seeds: Several[Annotated[int, Field(ge=0, le=2**32 - 1)]] = [1, 2, 3]
    """Seeds of weights and image order; each is trained anew."""


# --- Attacks and defences -------------------------------------------------------------------------


def _attack(method: str) -> type[Typed]:
    """An attack of a configuration: the parameters of its method, and which network it looks at."""
    parameters = parameters_of(method)
    fields = parameters.model_fields
    keys = {"method": (Literal[method], ...)}
    for name, field in fields.items():
        if NoneType in get_args(field.annotation):  # it may be the default, but nobody writes it
            keys[name] = (get_args(field.annotation)[0], field.default)
    keys["checkpoints"] = (Checkpoints, "all")
    images = "How many images of a split it attacks at most, from the first on."
    keys["images"] = (Count, Field(None, description=images))
    if parameters.uses_network:
        source = "Transfer: the run whose network of the same seed and epoch gives the gradient."
        adaptive = "Attack through the defence where there is one, else on the bare network."
        keys["source"] = (str, Field(None, description=source))
        keys["adaptive"] = (bool, Field(False, description=adaptive))
    if parameters.uses_gradient:
        exact = "The attack, with the exact-sign gradient, for the second verdict on a claim."
        keys["exact"] = (str, Field(None, description=exact))
    return create_model(f"attack_{method}", __base__=parameters, __doc__=parameters.__doc__, **keys)


class GaussianSmoothing(Typed):
    """A Gaussian filter."""

    method: Literal["gaussian_smoothing"]
    sigma: Annotated[float, Field(gt=0, le=28)]
    """Standard deviation in pixels, of at most an image's side."""


class HighPass(Typed):
    """A filter that keeps high frequencies."""

    method: Literal["high_pass"]
    cutoff: Annotated[float, Field(gt=0, le=19)]
    """Lowest frequency that passes, in cycles per image; at 20 nothing is left of 28x28 pixels."""


class BitDepth(Typed):
    """Rounds pixels to 2^bits levels."""

    method: Literal["bit_depth"]
    bits: Annotated[int, Field(ge=1, le=8)]
    """Bits of a pixel; the images have 8, with which nothing changes."""


# --- The whole ------------------------------------------------------------------------------------


class Configuration(Typed):
    """Configuration of mirage, and a study of its own."""

    title: Annotated[str, Field(pattern=r"^\w[\w -]*$")] = None
    """Of a study; its section of the report. Letters, digits, spaces and "-"."""
    studies: Unique[str] = None
    """Studies that are built, by the names of their folders in studies/."""
    uses: Unique[str] = None
    """Of a study; others whose runs, attacks, defences and grids it names."""
    dataset: Literal[*SIZES] = None
    """Data set of every run."""
    folder: Name = None
    """Folder under results/; named like the data set where this is left out."""
    data_folder: Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")] = ""
    """Local folder with the four IDX files (gzipped or not) instead of a download, or with the six
    files of CIFAR-10's binary version, which is not downloaded; the environment variable MNIST_DIR
    is used where this is empty. No line breaks or other control characters."""
    models_folder: Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")] = ""
    """Local folder that the files of audited models are seen from; the environment variable
    MIRAGE_MODELS is used where this is empty, and else the working folder."""
    split: Sizes = None
    """How many of the training images are trained on and validated on."""
    max_seeds: Count = None
    """At most so many seeds of each run, from the first on; all where this is left out."""
    max_images: Count = None
    """At most so many images of a split are attacked by any evaluation, from the first on; all that
    it asks for where this is left out."""
    runs: dict[Name, Run] = {}
    """What is trained; one entry for each run, its key being its name. An entry of the name of a
    run of a study that is named in `studies` changes some of its keys."""
    attacks: dict[Name, by("method", *map(_attack, methods()))] = {}
    """Attacks by name; one method may stand here several times with other parameters. Each is a
    method, which is a file in scripts/mirage/attacks, and its parameters."""
    probes: dict[Name, by("method", *PROBES.values())] = {}
    """Measurements that are no attack, by name. Each is a method, which is a file in
    scripts/mirage/evaluation/probes, and its parameters."""
    defences: dict[FilterName, by("method", GaussianSmoothing, HighPass, BitDepth)] = {}
    """Filters that may stand before any network."""
    grids: dict[Name, Several[Epsilon]] = {}
    """Lists of epsilons by name."""
    also: list[Measured] = []
    """What is measured though no figure, table or claim shows it."""
    figures: dict[Name, Figure] = {}
    """Figures by name; each depends only on what it selects."""
    tables: dict[Name, Table] = {}
    """Tables by name. A cell selects rows of the attack table by what `common`, its row and its
    column say together, and shows the mean over seeds."""
    audits: dict[AuditName, Audit] = {}
    """Audits by name: is a classifier robust, or is its gradient gone? Each is of checkpoints, or
    of models that others made."""
    claims: list[Claim] = []
    """Claims of your own, as in the claims.yaml of a study."""
    summary: Summary = None
    """The short table that ends a run."""


class Whole(Configuration):
    """A configuration with the studies that it names; what these show is called STUDY/NAME."""

    figures: dict[str, Figure] = {}
    tables: dict[str, Table] = {}
    audits: dict[str, Audit] = {}


def completed(content: Mapping) -> dict:
    """A configuration with its defaults.

    Args:
        content: A configuration without faults, with the studies that it names.

    Returns:
        Plain data, the same whether or not a default was given. Keys of attacks that have their
        default are left out: the job of an attack fills them in.
    """
    whole = Whole.model_validate(content)
    plain = whole.model_dump(mode="json", exclude_none=True, exclude={"attacks", "claims"})
    attacks = whole.attacks.items()
    plain["attacks"] = {
        name: attack.model_dump(mode="json", exclude_defaults=True) for name, attack in attacks
    }
    return plain
