"""The attacks of an audit, each with its budget."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import apgd, apgd_dlr, ball, gradients, pgd, square
from mirage.attacks.parameters import apgd as apgd_parameters
from mirage.attacks.parameters import pgd as pgd_parameters
from mirage.attacks.parameters import square as square_parameters
from mirage.auditing import slopes
from mirage.auditing.known import remembered
from mirage.auditing.network import Subject
from mirage.models.networks import NetworkError
from mirage.training.fit import train

STEPS = 20  # of projected gradient descent
ITERATIONS = 40  # of Auto-PGD
CORNERS = 50
QUERIES = 500
# The network that examples are transferred from, and how long it is trained.
HIDDEN, UPDATES = 200, 300


@dataclass(frozen=True)
class Attack:
    """An attack, and what it may spend.

    Attributes:
        title: What a table calls it.
        budget: Steps, restarts or queries, in words.
        make: Subject, images (n, d), labels (n,), epsilon, norm, seed -> adversarial images.
        norms: In which it is there.
        blind: Whether it looks at no gradient of the model.
    """

    title: str
    budget: str
    make: Callable[..., np.ndarray]
    norms: tuple[str, ...] = ("linf", "l2")
    blind: bool = False


def _fgsm(kind: str) -> Callable[..., np.ndarray]:
    def make(subject, images, labels, epsilon, norm, seed):
        way = slopes.direction(subject, images, labels, kind, norm)
        return slopes.moved(images, way, epsilon)

    return make


def _pgd(kind: str) -> Callable[..., np.ndarray]:
    def make(subject, images, labels, epsilon, norm, seed):
        parameters = pgd_parameters.Parameters(
            gradient=slopes.LOSSES[kind], norm=norm, steps=STEPS, clip=(0, 1)
        )
        exact = kind == slopes.EXACT
        network = slopes.climbing(subject) if exact else slopes.network_of(subject, kind)
        return _by_batch(subject, pgd.attack, network, images, labels, parameters, epsilon, seed)

    return make


def _apgd(each: Callable, iterations: int, restarts: int) -> Callable[..., np.ndarray]:
    def make(subject, images, labels, epsilon, norm, seed):
        if each is apgd_dlr.dlr and subject.classes < 3:
            return images
        parameters = apgd_parameters.Parameters(
            gradient="exact_sign", norm=norm, iterations=iterations, restarts=restarts
        )

        def climb(network, *given, epsilon, seed):
            judge = apgd.judging(network, each)
            return apgd.AttackResult(apgd.ascend(judge, *given, epsilon=epsilon, seed=seed))

        network = slopes.climbing(subject)
        return _by_batch(subject, climb, network, images, labels, parameters, epsilon, seed)

    return make


def _by_batch(subject, attack, network, images, labels, parameters, epsilon, seed):
    parts = [
        attack(
            *(network, images[part], labels[part], parameters),
            epsilon=epsilon,
            seed=(seed, part.start),
        ).images
        for part in slopes.batches(subject, len(images))
    ]
    return np.concatenate(parts)


def margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The largest other logit minus the true one, shape (n,) (Carlini and Wagner 2017, f_6)."""
    true = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    others = tf.where(true, tf.constant(-np.inf, logits.dtype), logits)
    return tf.reduce_max(others, axis=-1) - tf.gather(logits, labels, axis=-1, batch_dims=1)


def _corners(subject, images, labels, epsilon, norm, seed):
    """Of random corners of the ball (in L2 points of the sphere) the first that misleads."""
    found, left = images.copy(), np.arange(len(images))
    for number in range(CORNERS):
        # Drawn for all images, so that no answer depends on which are left.
        generator = np.random.default_rng((seed, number))
        if norm == "linf":
            way = 2 * generator.integers(0, 2, images.shape, np.int8)[left] - 1
        else:
            drawn = generator.normal(size=images.shape)[left]
            way = ball.steepest(tf.constant(drawn), norm).numpy()
        tried = slopes.moved(images[left], way, epsilon)
        misled = ~slopes.right(subject, tried, labels[left])
        found[left[misled]] = tried[misled]
        left = left[~misled]
        if not len(left):
            break
    return found


def _square(queries: int) -> Attack:
    def make(subject, images, labels, epsilon, norm, seed):
        if not square_fits(subject):
            return images
        parameters = square_parameters.Parameters(queries=queries)
        network = subject.network
        return _by_batch(subject, square.attack, network, images, labels, parameters, epsilon, seed)

    return Attack("Square", f"{queries} queries", make, ("linf",), blind=True)


def square_fits(subject: Subject) -> bool:
    """Whether the height and width of images are known, as the Square Attack needs them."""
    try:
        square.shape_of(subject.network, subject.images.shape[1])
    except NetworkError:
        return False
    return True


@remembered
def substitute(subject: Subject, seed: int) -> keras.Model:
    """A network of ours that learns the model's answers to the audited images.

    As in Papernot et al. 2017 (arXiv 1602.02697), without their synthetic images: uniform noise is
    added to the given ones. One hidden layer of `HIDDEN` units.
    """
    layers = [
        keras.layers.Dense(units, activation, kernel_initializer=keras.initializers.HeNormal(seed))
        for units, activation in ((HIDDEN, "relu"), (subject.classes, None))
    ]
    network = keras.Sequential([keras.Input((subject.images.shape[1],)), *layers], name="ours")
    images = subject.images[:5_000].astype(np.float32)
    answers = slopes.logits(subject, images).argmax(axis=1)
    generator = np.random.default_rng(seed)
    noisy = np.clip(images + generator.uniform(-0.2, 0.2, images.shape).astype(np.float32), 0, 1)
    images, answers = np.concatenate([images, noisy]), np.concatenate([answers] * 2)
    size = min(100, len(images))
    epochs = max(1, UPDATES * size // len(images))
    none = images[:0], answers[:0]
    train(network, (images, answers), none, epochs=epochs, batch_size=size, seed=seed)
    return network


def _transfer(subject, images, labels, epsilon, norm, seed):
    parameters = pgd_parameters.Parameters(
        gradient="exact_sign", norm=norm, steps=STEPS, clip=(0, 1)
    )
    network = substitute(subject, seed)
    return _by_batch(subject, pgd.attack, network, images, labels, parameters, epsilon, seed)


_ODDS = gradients.log_odds
_CLIMB = f"{ITERATIONS} steps"
ATTACKS = {
    "fgsm_plain": Attack("FGSM, plain", "1 step", _fgsm(slopes.PLAIN)),
    "fgsm_exact": Attack("FGSM, exact", "1 step", _fgsm(slopes.EXACT)),
    "pgd_plain": Attack("PGD, plain", f"{STEPS} steps", _pgd(slopes.PLAIN)),
    "pgd_exact": Attack("PGD, exact", f"{STEPS} steps", _pgd(slopes.EXACT)),
    "apgd_exact": Attack("Auto-PGD, exact", _CLIMB, _apgd(_ODDS, ITERATIONS, 1)),
    "apgd_margin": Attack("Auto-PGD, margin", _CLIMB, _apgd(margin, ITERATIONS, 1)),
    "apgd_dlr": Attack("Auto-PGD, DLR", _CLIMB, _apgd(apgd_dlr.dlr, ITERATIONS, 1)),
    "corners": Attack("random corners", f"{CORNERS} draws", _corners, blind=True),
    "transfer": Attack(
        *("transfer from a network of ours", f"{STEPS} steps", _transfer), blind=True
    ),
    "square": _square(QUERIES),
    "doubled": Attack(
        "Auto-PGD, exact, doubled",
        f"{2 * ITERATIONS} steps, 2 starts",
        _apgd(_ODDS, 2 * ITERATIONS, 2),
    ),
}


def with_queries(queries: int) -> dict[str, Attack]:
    """`ATTACKS`, the Square Attack with another number of queries."""
    return {**ATTACKS, "square": _square(queries)}


@remembered
def survivors(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    attack: str,
    epsilon: float,
    norm: str,
    seed: int,
) -> np.ndarray:
    """Whether the model classifies each image rightly after an attack, shape (n,), bool.

    Args:
        subject: What is audited.
        images: Shape (n, d), in 0 to 1.
        labels: Shape (n,), integers.
        attack: A name in `ATTACKS`.
        epsilon: Size in `norm`.
        norm: `linf` or `l2`.
        seed: Of what is drawn at random.
    """
    made = ATTACKS[attack].make(subject, images, labels, epsilon, norm, seed)
    return slopes.right(subject, made, labels)
