"""The peers' attacks on our network, each called as its documentation says, all in float32.

A peer that is not installed, or cannot be, is reported by `compare` as failed: its import stands
inside the function that is timed, and is done in the untimed round.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import gradients, lbfgs

Attack = Callable[[np.ndarray, np.ndarray], np.ndarray]


def art(network: keras.Model, name: str, **parameters: object) -> Attack:
    """An attack of the Adversarial Robustness Toolbox through its TensorFlowV2Classifier."""

    def attack(images, labels):
        from art.attacks import evasion
        from art.estimators.classification import TensorFlowV2Classifier

        classifier = TensorFlowV2Classifier(
            model=network,
            nb_classes=10,
            input_shape=images.shape[1:],
            loss_object=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            clip_values=(0.0, 1.0),
        )
        quiet = {} if name == "FastGradientMethod" else {"verbose": False}
        return getattr(evasion, name)(classifier, **parameters, **quiet).generate(images, labels)

    return attack


def foolbox(
    network: keras.Model,
    name: str,
    epsilons: list[float] | float | None,
    *,
    misled: bool = False,
    batch: int = 10_000,
    **parameters: object,
) -> Attack:
    """An attack of Foolbox through its TensorFlowModel; gives images, or whether each misleads.

    Foolbox takes what it is given at once: `batch` images at a time are given to it.
    """

    def attack(images, labels):
        import foolbox

        wrapped = foolbox.TensorFlowModel(network, bounds=(0.0, 1.0))
        method = getattr(foolbox.attacks, name)(**parameters)
        found = []
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            pixels, classes = tf.constant(images[part]), tf.constant(labels[part])
            _, moved, success = method(wrapped, pixels, classes, epsilons=epsilons)
            found.append(success.numpy() if misled else moved)
        return np.concatenate(found, axis=-1) if misled else found

    return attack


def cleverhans(network: keras.Model, name: str, **parameters: object) -> Attack:
    """An attack of CleverHans 4 for TensorFlow 2."""

    def attack(images, labels):
        import importlib

        method = getattr(importlib.import_module(f"cleverhans.tf2.attacks.{name}"), name)
        return method(
            network,
            tf.constant(images),
            norm=np.inf,
            clip_min=0.0,
            clip_max=1.0,
            y=tf.constant(labels),
            **parameters,
        )

    return attack


def scipy(network: keras.Model) -> Attack:
    """The search of `mirage.attacks.lbfgs`, each minimum by SciPy's L-BFGS-B, image by image."""

    def attack(images, labels):
        from scipy.optimize import minimize

        @tf.function(autograph=False)
        def objective(point, clean, weight, goal):
            with tf.GradientTape() as tape:
                tape.watch(point)
                logits = network(tf.cast(point, tf.float32)[tf.newaxis], training=False)
                value = weight * tf.reduce_sum((point - clean) ** 2)
                loss = gradients.cross_entropy(logits, goal[tf.newaxis])
                value += tf.cast(loss[0], tf.float64)
            return value, tape.gradient(value, point)

        found = images.copy()
        for number, clean in enumerate(images.astype(np.float64)):
            logits = gradients.logits(network, images[number : number + 1])[0]
            goal = tf.constant(np.argsort(-logits, kind="stable")[1], tf.int32)
            weight, misleading, harmless = 1.0, 0.0, np.inf
            point, shortest = clean, np.inf
            for _ in range(10):

                def value_and_slope(at, weight=weight, clean=clean, goal=goal):
                    found = objective(
                        *(tf.constant(part, tf.float64) for part in (at, clean, weight)), goal
                    )
                    return [tensor.numpy() for tensor in found]

                point = minimize(
                    *(value_and_slope, point),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=[(0.0, 1.0)] * len(clean),
                    options={"maxiter": 50, "maxcor": lbfgs.HISTORY, "ftol": lbfgs.TOLERANCE},
                ).x
                rounded = point.astype(np.float32)
                misled = gradients.logits(network, rounded[np.newaxis]).argmax() == int(goal)
                length = np.linalg.norm(rounded - clean)
                if misled and length < shortest:
                    shortest, found[number] = length, rounded
                if misled:
                    misleading = max(misleading, weight)
                else:
                    harmless = min(harmless, weight)
                if np.isinf(harmless):
                    weight = misleading * lbfgs.WIDENING
                elif misleading == 0:
                    weight = harmless / lbfgs.WIDENING
                else:
                    weight = float(np.sqrt(misleading * harmless))
        return found

    return attack
