"""Small networks of which it is known whether, and by what, their gradient is masked."""

import keras
import numpy as np
from architectures import mlp

from mirage.audit.network import prepare
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


def times_1000(network):
    """Logits times 1,000: the same answers, and a gradient that underflows."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    last = copy.layers[-1]
    last.set_weights([1_000 * one for one in last.get_weights()])
    return copy


def quantised(network, levels=8):
    """Pixels rounded: a staircase, whose gradient is None."""
    return behind(network, lambda pixels: keras.ops.round(pixels * levels) / levels)


def stopped(network):
    """No gradient passes to the image."""
    return behind(network, keras.ops.stop_gradient)


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


def one_step(digits, epsilon=0.2):
    """Trained on a mixture with FGSM examples (Goodfellow et al. 2014)."""
    objective = {"name": "fgsm_mixed", "clean_weight": 0.5, "epsilon": str(epsilon)}
    return trained(digits, epochs=60, rate=0.002, objective=objective)
