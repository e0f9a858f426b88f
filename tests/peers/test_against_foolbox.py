"""The attacks against those of Foolbox, on one network."""

import numpy as np
import pytest
import tensorflow as tf
from attacking import moved_by

foolbox = pytest.importorskip("foolbox", reason="Foolbox is not installed; `make peers` does it")


@pytest.fixture(scope="session")
def peer(peer_network):
    """A call of one of Foolbox' attacks on the same network; epsilon None is a minimal attack."""
    wrapped = foolbox.TensorFlowModel(peer_network, bounds=(0.0, 1.0))

    def run(attack, images, labels, epsilon):
        pixels, classes = tf.constant(images), tf.constant(labels)
        _, moved, _ = attack(wrapped, pixels, classes, epsilons=epsilon)
        return moved.numpy()

    return run


@pytest.mark.parametrize("epsilon", [0.02, 0.05, 0.1, 0.2])
def test_fgsm_gives_the_same_images(peer_network, peer, test_set, epsilon):
    images, labels = test_set
    theirs = peer(foolbox.attacks.LinfFastGradientAttack(), images, labels, epsilon)
    ours = moved_by(
        "fgsm",
        peer_network,
        images,
        labels,
        epsilon=epsilon,
        gradient="cross_entropy_sum",
        clip=(0.0, 1.0),
    )
    # The sign of a gradient of the size of its rounding error is anybody's.
    assert (np.abs(ours - theirs) > 1e-6).mean() < 1e-4


@pytest.mark.parametrize(
    ("norm", "name", "epsilon"),
    [("linf", "LinfPGD", 0.05), ("linf", "LinfPGD", 0.1), ("l2", "L2PGD", 0.5), ("l2", "L2PGD", 1)],
)
def test_pgd_leaves_the_same_accuracy(peer_network, peer, test_set, accuracy, norm, name, epsilon):
    images, labels = test_set
    attack = getattr(foolbox.attacks, name)(rel_stepsize=0.1, steps=40, random_start=False)
    theirs = peer(attack, images, labels, epsilon)
    ours = moved_by(
        "pgd",
        peer_network,
        images,
        labels,
        epsilon=epsilon,
        gradient="cross_entropy_sum",
        norm=norm,
        steps=40,
        relative_step=0.1,
        random_start=False,
        clip=(0.0, 1.0),
    )
    found, expected = (accuracy(moved, labels) for moved in (ours, theirs))
    assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("norm", "name"), [("l2", "L2DeepFool"), ("linf", "LinfDeepFool")])
def test_deepfool_perturbs_as_little(peer_network, peer, right, accuracy, norm, name):
    images, labels = right
    attack = getattr(foolbox.attacks, f"{name}Attack")(steps=50, candidates=10, overshoot=0.02)
    theirs = peer(attack, images, labels, None)
    ours = moved_by("deepfool", peer_network, images, labels, norm=norm, clip=(0.0, 1.0))
    order = 2 if norm == "l2" else np.inf
    found, expected = (
        np.median(np.linalg.norm(moved - images, ord=order, axis=1)) for moved in (ours, theirs)
    )
    assert found == pytest.approx(expected, rel=0.03)
    assert accuracy(ours, labels) <= accuracy(theirs, labels) + 0.005
