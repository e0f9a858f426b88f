"""Architectures of models that others published as weights alone, as `mirage audit` takes them."""

import keras

layers = keras.layers


def joshuacn():
    """JoshuaCN/Input-Significance-Indicator-based-Attack, models/mnist.h5; pixels in -1 to 1."""
    parts = [keras.Input((28, 28, 1)), layers.ZeroPadding2D(2)]
    for filters, size in ((10, 5), (25, 5), (100, 4)):
        parts += [layers.Conv2D(filters, size, activation="relu"), layers.MaxPooling2D(2)]
    return keras.Sequential([*parts, layers.Flatten(), layers.Dense(10)])


def _lenet(filters, *hidden):
    """deepxplore's LeNets, peikexin9/deepxplore."""
    parts = [keras.Input((28, 28, 1))]
    for count in filters:
        convolution = layers.Conv2D(count, 5, padding="same", activation="relu")
        parts += [convolution, layers.MaxPooling2D(2)]
    parts += [layers.Flatten(), *(layers.Dense(width, activation="relu") for width in hidden)]
    return keras.Sequential([*parts, layers.Dense(10), layers.Activation("softmax")])


def lenet1():
    """LeNet-1, MNIST/Model1.py."""
    return _lenet((4, 12))


def lenet4():
    """LeNet-4, MNIST/Model2.py."""
    return _lenet((6, 16), 84)


def lenet5():
    """LeNet-5, MNIST/Model3.py."""
    return _lenet((6, 16), 120, 84)


def auto_attack():
    """fra31/auto-attack, autoattack/examples/tf_model.weight.h5."""
    parts = [keras.Input((28, 28, 1))]
    for _ in range(2):
        parts += [layers.Conv2D(16, 3, padding="same", activation="relu") for _ in range(2)]
        parts.append(layers.MaxPooling2D(2))
    parts += [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(10)]
    return keras.Sequential(parts)
