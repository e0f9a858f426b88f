"""Small networks of which it is known whether, and by what, their gradient is masked."""

from dataclasses import dataclass

import keras
import numpy as np
from architectures import mlp

import mirage
from mirage.auditing.network import prepare
from mirage.auditing.verdict import ARITHMETIC, MODEL, NOT_ROBUST, ROBUST
from mirage.models import networks
from mirage.training.fit import train

HIDDEN = (64, 32)


def trained(digits, *, hidden=HIDDEN, epochs=10, rate=0.005, seed=5, **more):
    """A float32 network from flat images to logits, trained on the digits."""
    network = networks.build(mlp(*hidden), "float32", seed)
    none = digits[1][0][:0], digits[1][1][:0]
    train(network, digits[0], none, epochs=epochs, learning_rate=rate, seed=seed, **more)
    return network


def subject(network, digits, count=200):
    """What the audit looks at: the first test images."""
    images, labels = digits[1]
    flat = images[:count].reshape(count, -1).astype(np.float32) / 255
    return prepare(network, flat, labels[:count].astype(int), given=(0, 1))


def behind(network, *first):
    """A network behind functions of flat images, each a layer or an operation."""
    pixels = values = keras.Input(network.input_shape[1:])
    for one in first:
        values = one(values)
    return keras.Model(pixels, network(values))


def times(network, factor):
    """A copy with logits times a factor: the same answers, a gradient that underflows sooner."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    last = copy.layers[-1]
    last.set_weights([factor * one for one in last.get_weights()])
    return copy


def times_1000(network):
    """All that float32 has of the gradient is gone."""
    return times(network, 1_000)


def quantised(network, levels=8):
    """Pixels rounded: a staircase, whose gradient is None."""
    return behind(network, lambda pixels: keras.ops.round(pixels * levels) / levels)


def stopped(network):
    """No gradient passes to the image."""
    return behind(network, keras.ops.stop_gradient)


def hidden(network):
    """Probabilities behind an operation of two tensors: the logits are found nowhere."""
    found = keras.ops.softmax(network.outputs[0])
    return keras.Model(network.inputs, found / keras.ops.sum(found, axis=1, keepdims=True))


def hidden_1000(network):
    """The same of logits times 1,000: probabilities of 0 and 1."""
    return hidden(times_1000(network))


class Noise(keras.layers.Layer):
    """Gaussian noise, whatever the training flag says."""

    def __init__(self, size, **options):
        super().__init__(**options)
        self.size, self.draws = size, keras.random.SeedGenerator(1)

    def call(self, pixels):
        return pixels + self.size * keras.random.normal(
            keras.ops.shape(pixels), dtype=pixels.dtype, seed=self.draws
        )

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def noisy(network, size=0.3):
    """Noise is added to the pixels, also where it is not trained."""
    return behind(network, Noise(size))


def saturated(digits, factor=300):
    """One hidden layer of sigmoids, its weights enlarged until it gives 0 and 1 alone."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(64, "sigmoid"), keras.layers.Dense(10)]
    network = keras.Sequential([keras.Input((784,)), *layers])
    none = digits[1][0][:0], digits[1][1][:0]
    train(network, digits[0], none, epochs=20, learning_rate=0.01, seed=5)
    first = network.layers[0]
    first.set_weights([factor * one for one in first.get_weights()])
    # The last layer learns to live with it.
    first.trainable = False
    train(network, digits[0], none, epochs=5, learning_rate=0.002, seed=5)
    return network


def distilled(digits, temperature=100):
    """Papernot et al. 2015: teacher and student at a high temperature, attacked at 1."""
    warm = {"objective": {"name": "cross_entropy", "temperature": temperature}}
    teacher = trained(digits, epochs=30, **warm)
    student = {"objective": {"name": "distilled", "temperature": temperature}}
    return trained(digits, epochs=60, seed=6, teacher=teacher, **student)


def adversarial(digits, epsilon=0.1):
    """Trained on PGD examples (Madry et al. 2017)."""
    objective = {"name": "pgd", "epsilon": epsilon, "steps": 10, "relative_step": 0.25}
    return trained(digits, epochs=15, objective=objective)


def overfitted(digits, l2=0.0):
    """Trained until its float32 gradient is largely wrong; with L2 its logits stay small."""
    return trained(digits, hidden=(50, 40), epochs=60, rate=0.01, seed=3, l2=l2)


def regularised(digits):
    """The overfitted one, with L2."""
    return overfitted(digits, l2=0.001)


def pooled(digits):
    """A small convolutional network whose max pooling meets ties on a black background."""
    keras.utils.set_random_seed(5)
    layers = [
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(8, 5, activation="relu"),
        keras.layers.MaxPooling2D(4),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    network = keras.Sequential([keras.Input((784,)), *layers])
    none = digits[1][0][:0], digits[1][1][:0]
    train(network, digits[0], none, epochs=10, learning_rate=0.005, seed=5)
    return network


def straight_through(network, levels=8):
    """Pixels rounded, and a gradient as if they were not (Bengio et al. 2013)."""

    def rounded(pixels):
        return pixels + keras.ops.stop_gradient(keras.ops.round(pixels * levels) / levels - pixels)

    return behind(network, rounded)


def shrunk(network, factor=1e-5):
    """Logits times a small factor: the same answers and the same signs of the gradient."""
    return keras.Model(network.inputs, network.outputs[0] * factor)


def one_step(digits, epsilon=0.2):
    """Trained on a mixture with FGSM examples (Goodfellow et al. 2014)."""
    objective = {"name": "fgsm_mixed", "clean_weight": 0.5, "epsilon": str(epsilon)}
    return trained(digits, epochs=60, rate=0.002, objective=objective)


@dataclass(frozen=True)
class Known:
    """A control, and what an audit of it must say.

    Attributes:
        name: Of a function here; of the sound network where `of_sound`.
        masked: Whether its gradient hides anything.
        verdicts: Those that are right; a processor trains each network a little otherwise.
        epsilon: That it is audited at.
        of_sound: Whether the function takes the sound network, and not the digits.
    """

    name: str
    masked: bool
    verdicts: tuple[str, ...]
    epsilon: float = 0.1
    of_sound: bool = False

    def made(self, digits):
        given = trained(digits) if self.of_sound else digits
        return globals()[self.name](given)


KNOWN = (
    Known("trained", False, (NOT_ROBUST,)),
    Known("pooled", False, (NOT_ROBUST,)),
    Known("regularised", False, (NOT_ROBUST,)),
    Known("adversarial", False, (ROBUST, NOT_ROBUST)),
    Known("one_step", False, (NOT_ROBUST,), 0.2),
    Known("straight_through", False, (NOT_ROBUST,), of_sound=True),
    Known("shrunk", False, (NOT_ROBUST,), of_sound=True),
    Known("overfitted", True, (ARITHMETIC,)),
    Known("times_1000", True, (ARITHMETIC,), of_sound=True),
    Known("distilled", True, (ARITHMETIC,)),
    Known("quantised", True, (MODEL,), of_sound=True),
    Known("stopped", True, (MODEL,), of_sound=True),
    Known("noisy", True, (MODEL,), of_sound=True),
    Known("saturated", True, (MODEL,)),
)


def audited(known, digits, **more):
    """The whole audit of a control on the test images of the digits."""
    return mirage.audit(known.made(digits), *digits[1], epsilon=known.epsilon, range=(0, 1), **more)
