"""Through whose eyes: what the audit says that other packages report, and what they do report."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mirage.auditing import eyes, slopes
from mirage.auditing.network import prepare

EPSILON = 0.1


@pytest.fixture(scope="module")
def subject(digits, overfitted):
    """An overfitted network that ends in a softmax, and the test images."""
    images, labels = digits[1]
    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    outputs = keras.layers.Softmax()(overfitted.outputs[0])
    model = keras.Model(overfitted.inputs[0], outputs)
    return prepare(model, flat, labels.astype(np.int64), given=(0, 1))


@pytest.fixture(scope="module")
def seen(subject):
    found = eyes.measure(subject, subject.images, subject.labels, epsilon=EPSILON)
    return {one.name: one.accuracy.value for one in found}


def right(subject, images):
    return slopes.right(subject, images, subject.labels).mean()


@pytest.mark.parametrize("given", ["logits", "probabilities"])
def test_foolbox_reports_what_the_audit_says(subject, seen, given):
    foolbox = pytest.importorskip(
        "foolbox", reason="Foolbox is not installed; `make peers` does it"
    )
    network = subject.network if given == "logits" else subject.model
    wrapped = foolbox.TensorFlowModel(network, bounds=(0.0, 1.0))
    pixels, labels = tf.constant(subject.images), tf.constant(subject.labels)
    attack = foolbox.attacks.LinfFastGradientAttack()
    _, moved, _ = attack(wrapped, pixels, labels, epsilons=EPSILON)
    assert seen[f"Foolbox, {given}"] == pytest.approx(right(subject, moved.numpy()), abs=0.005)


@pytest.mark.parametrize("given", ["logits", "the model's output"])
def test_art_reports_what_the_audit_says(subject, seen, given):
    pytest.importorskip("art", reason="ART is not installed; `make peers` installs it")
    from art.attacks.evasion import FastGradientMethod
    from art.estimators.classification import TensorFlowV2Classifier

    of_logits = given == "logits"
    classifier = TensorFlowV2Classifier(
        model=subject.network if of_logits else subject.model,
        nb_classes=10,
        input_shape=(784,),
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=of_logits),
        clip_values=(0.0, 1.0),
    )
    attack = FastGradientMethod(classifier, eps=EPSILON, batch_size=len(subject.images))
    moved = attack.generate(subject.images, subject.labels)
    name = f"ART TensorFlowV2Classifier, {given}"
    assert seen[name] == pytest.approx(right(subject, moved), abs=0.01)
