"""What attacks and losses are given: refused at one place, with type, shape and range."""

import importlib
import logging

import attacking
import keras
import numpy as np
import pytest
import tensorflow as tf
from architectures import mlp

from mirage.attacks import gradients, inputs, parameters, pgd
from mirage.attacks.parameters.noise import Parameters as Noise
from mirage.attacks.result import AttackResult
from mirage.data.images import DataError, as_float
from mirage.evaluation import passes
from mirage.models import networks
from mirage.training import chain

METHODS = parameters.methods()
EXACT = {"gradient": "exact_sign"}


@pytest.fixture(scope="module")
def network():
    return networks.build(mlp(8), "float32", 1, (6, 6))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(20, 36)).astype(np.float32)


@pytest.fixture(scope="module")
def labels():
    return np.arange(20) % 10


def attack(method, *given, **changed):
    """An attack with what it must be given."""
    model = parameters.parameters_of(method)
    needed = EXACT if model.uses_gradient else {}
    size = {"epsilon": 0.1} if model.kind != "minimal" else {}
    return attacking.attack(method, *given, **(needed | size | changed))


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


BAD_IMAGES = {
    "bytes": (lambda x: (255 * x).astype(np.uint8), r"uint8.*float32.*0 to 1.*as_float"),
    "integers": (lambda x: (x > 0.5).astype(int), r"int64.*float32.*0 to 1"),
    "0 to 255": (lambda x: np.round(255 * x), r"from 0 to 255.*0 to 1"),
    "below 0": (lambda x: x - 0.5, r"from -0\.4.*0 to 1"),
    "one NaN": (lambda x: changed(x, (3, 5), np.nan), r"1 of 20 have pixels that are NaN.*image 3"),
    "infinite": (lambda x: changed(x, 7, np.inf), r"1 of 20 .* infinite.*image 7"),
    "not flat": (lambda x: x.reshape(20, 6, 6), r"\(20, 6, 6\).*\(n, 36\)"),
    "too few pixels": (lambda x: x[:, :25], r"\(20, 25\).*\(n, 36\)"),
    "one image alone": (lambda x: x[0], r"\(36,\).*\(n, 36\)"),
    "none": (lambda x: x[:0], "there are none"),
    "a list": (lambda x: x.tolist(), "a list.*NumPy array"),
}
BAD_LABELS = {
    "from 1 on": (lambda y: y + 1, r"from 1 to 10.*0 to 9"),
    "negative": (lambda y: y - 1, r"from -1 to 8.*0 to 9"),
    "one-hot": (lambda y: np.eye(10)[y], r"\(20, 10\).*\(20,\).*argmax"),
    "floats": (lambda y: y.astype(np.float32), r"float32.*integers, 0 to 9"),
    "NaN": (lambda y: np.full(20, np.nan), r"float64.*integers, 0 to 9"),
    "too few": (lambda y: y[:-1], r"\(19,\).*\(20,\)"),
    "a column": (lambda y: y[:, np.newaxis], r"\(20, 1\).*\(20,\)"),
    "names": (lambda y: y.astype(str), r"<U.*integers"),
    "a list": (lambda y: y.tolist(), "a list.*NumPy array"),
}


def test_there_are_attacks_to_be_checked():
    assert {"fgsm", "noise", "matched_noise", "pgd", "deepfool"} <= set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_an_attack_refuses_what_it_cannot_be_right_for(method, network, images, labels):
    """Every file of the folder: a new one that forgets to check fails here."""
    for spoil, message in BAD_IMAGES.values():
        with pytest.raises(DataError, match=f"images: .*{message}"):
            attack(method, network, spoil(images), labels)
    for spoil, message in BAD_LABELS.values():
        with pytest.raises(DataError, match=f"labels: .*{message}"):
            attack(method, network, images, spoil(labels))


@pytest.mark.parametrize("method", METHODS)
def test_an_attack_is_checked_once(method):
    function = importlib.import_module(f"mirage.attacks.{method}").attack
    assert inputs.checked(function) is function


@pytest.mark.parametrize("loss", gradients.LOSSES)
def test_a_loss_refuses_what_it_cannot_be_right_for(loss, network, images, labels):
    for spoil, message in BAD_IMAGES.values():
        with pytest.raises(DataError, match=f"images: .*{message}"):
            gradients.input_gradient(network, spoil(images), labels, loss)
    for spoil, message in BAD_LABELS.values():
        with pytest.raises(DataError, match=f"labels: .*{message}"):
            gradients.input_gradient(network, images, spoil(labels), loss)


@pytest.mark.parametrize("loss", ["cross_entropy_sum", "exact_sign"])
def test_labels_go_as_far_as_the_network_has_classes(loss, images):
    three = keras.Sequential([keras.Input((36,)), keras.layers.Dense(3)])
    for count, allowed in ((3, True), (4, False)):
        labels = np.arange(20) % count
        if allowed:
            assert gradients.input_gradient(three, images, labels, loss).any()
        else:
            with pytest.raises(DataError, match=r"from 0 to 3.*0 to 2"):
                gradients.input_gradient(three, images, labels, loss)


def test_half_precision_is_looked_at_too(network, images, labels):
    for dtype in (np.float16, tf.bfloat16.as_numpy_dtype):
        half = images.astype(dtype)
        assert gradients.input_gradient(network, half, labels, "exact_sign").any()
        for spoil in (half + half + half, changed(half, (3, 5), np.nan)):
            with pytest.raises(DataError, match="images: "):
                gradients.input_gradient(network, spoil, labels, "exact_sign")


def test_a_descent_from_given_points_checks_as_well(network, images, labels):
    for bad in ((255 * images, labels), (images, labels + 1)):
        with pytest.raises(DataError):
            pgd.descend_from(network, bad[0], images, bad[1], pgd.Parameters(**EXACT), epsilon=0.1)
    with pytest.raises(ValueError, match=r"epsilon -0\.1"):
        pgd.descend_from(network, images, images, labels, pgd.Parameters(**EXACT), epsilon=-0.1)


def test_logits_of_bytes_are_refused(network, images):
    with pytest.raises(DataError, match=r"uint8.*as_float"):
        gradients.logits(network, (255 * images).astype(np.uint8))


@pytest.mark.parametrize("method", ["fgsm", "matched_noise"])
def test_signs_must_be_those_of_the_images(method, network, images, labels):
    signs = gradients.sign(gradients.input_gradient(network, images, labels, "exact_sign"))
    for other in (signs[:1], signs[:, :1], signs[0]):  # NumPy would spread them over all images
        with pytest.raises(DataError, match=r"signs: shape .*\(20, 36\)"):
            attack(method, network, images, labels, signs=other)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", [-0.1, np.nan, np.inf, "0.1", None, np.array([0.1, 0.2])])
def test_an_epsilon_that_is_no_size_is_refused(method, epsilon, network, images, labels):
    minimal = parameters.parameters_of(method).kind == "minimal"
    if minimal and epsilon is None:
        return
    message = f"attack {method} takes none" if minimal else "at least 0"
    with pytest.raises(ValueError, match=rf"epsilon.*{message}"):
        attack(method, network, images, labels, epsilon=epsilon)


@pytest.mark.parametrize(
    ("method", "epsilon", "further", "told"),
    [
        ("fgsm", 8, {}, True),
        ("fgsm", 1, {}, False),
        ("noise", 25.5, {}, True),
        ("pgd", np.float32(0.5), {"steps": 1}, False),
        ("pgd", 6.0, {"steps": 1, "norm": "l2"}, False),  # sqrt(36) from black to white
        ("pgd", 6.1, {"steps": 1, "norm": "l2"}, True),
    ],
)
def test_an_epsilon_beyond_the_range_of_images_is_told(
    method, epsilon, further, told, network, images, labels, caplog
):
    with caplog.at_level(logging.WARNING, "mirage"):
        attack(method, network, images, labels, epsilon=epsilon, **further)
    assert ("larger than the distance from black to white" in caplog.text) == told


class Forgetful:
    """An attack's module without a decorator."""

    def __init__(self, attack):
        self.attack = attack


def by_name(monkeypatch, function, *given, epsilon=0.1):
    monkeypatch.setattr(passes.importlib, "import_module", lambda _: Forgetful(function))
    return passes.adversarial(*given, Noise(), epsilon=epsilon).images


def test_an_attack_that_forgot_its_decorator_is_checked_all_the_same(
    monkeypatch, network, images, labels
):
    def still(network, images, labels, parameters, **_):
        return AttackResult(images)

    def run(images, labels, epsilon=0.1):
        return by_name(monkeypatch, still, network, images, labels, epsilon=epsilon)

    np.testing.assert_array_equal(run(images, labels), images)
    for bad in ((255 * images, labels), (images, labels + 1), (images, labels, -1)):
        with pytest.raises(ValueError, match=r"images|labels|epsilon"):
            run(*bad)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda images: images.astype(np.float64), "float64.*float32"),
        (lambda images: images[:5], r"\(5, 36\).*\(20, 36\)"),
        (lambda images: changed(images, (2, 2), np.nan), "1 of 20 .* NaN"),
        (lambda images: changed(images, slice(4), np.inf), "4 of 20 .* infinite"),
    ],
)
def test_an_attack_s_answer_must_be_images(monkeypatch, network, images, labels, answer, message):
    def broken(network, images, labels, parameters, **_):
        return AttackResult(answer(images))

    with pytest.raises(DataError, match=f"attack noise.*{message}"):
        by_name(monkeypatch, broken, network, images, labels)


def test_floats_are_not_divided_by_255_a_second_time(images):
    with pytest.raises(DataError, match=r"float32.*uint8"):
        as_float(images.reshape(20, 6, 6), "float32")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x / 255, y), "float64.*uint8"),
        (lambda x, y: (x[:0], y[:0]), "there are none"),
        (lambda x, y: (x[:, 1:], y), r"\(20, 5, 6\).*36"),
        (lambda x, y: (x, y + 1), "from 1 to 10"),
        (lambda x, y: (x, np.eye(10)[y]), "one-hot"),
        (lambda x, y: (x, y.astype(float)), "float64.*integers"),
    ],
)
def test_a_split_is_checked_before_a_checkpoint_is_measured(
    spoil, message, network, images, labels, tmp_path
):
    path = tmp_path / "epoch1.keras"
    network.save(path)
    split = spoil((255 * images).astype(np.uint8).reshape(20, 6, 6), labels)
    attacked = {"method": "fgsm", "parameters": {"gradient": "exact_sign"}, "dtype": "float32"}
    sizes = {"epsilons": ["0.1"], "seeds": [(1, 1)]}
    with pytest.raises(DataError, match=message):
        list(passes.measure([path], *split))
    with pytest.raises(DataError, match=message):
        list(passes.evaluate([path], [path], *split, **attacked, **sizes))
    with pytest.raises(DataError, match=message):
        passes.examples(path, *split, count=1, epsilon="0.1", seed=(1, 1), **attacked)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x, y + 1), "from 1 to 10"),
        (lambda x, y: (x, np.eye(10)[y]), "one-hot"),
        (lambda x, y: (changed(x, (3, 5), np.nan), y), "NaN"),
        (lambda x, y: (x.astype(int), y), "int64.*uint8"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_nothing_is_trained_or_validated_on_what_is_no_split(spoil, message, place, images, labels):
    network, optimizer = chain.start(networks.build(mlp(8), "float32", 1, (6, 6)), {"name": "adam"})
    splits = [(images, labels), (images, labels)]
    splits[place] = spoil(*splits[place])
    with pytest.raises(DataError, match=message):
        chain.train(
            *(network, optimizer, *splits),
            epochs=range(1, 2),
            seed=1,
            schedule=0.01,
            batch_size=10,
            objective={"name": "cross_entropy"},
        )
