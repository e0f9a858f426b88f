"""The measures of a gradient: found again in NumPy, and by hand behind a filter."""

import numpy as np
import pytest
from architectures import mlp
from scipy.special import softmax

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.evaluation import masking
from mirage.models import defences, networks
from mirage.models.checkpoints import load

SHARES = ("zero_share", "zero_image_share", "sign_disagreement")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Of one network, and of the same with larger weights: ever more confident of its answers."""
    folder = tmp_path_factory.mktemp("checkpoints")
    network = networks.build(mlp(12), "float64", seed=4)
    weights = network.get_weights()
    files = []
    for factor in (1, 20, 60):
        files.append(folder / f"epoch{factor}.keras")
        network.set_weights([factor * weight for weight in weights])
        network.save(files[-1])
    return files


@pytest.fixture(scope="module")
def images(digits, checkpoints):
    """Images, and as their labels what all three networks answer."""
    _, (images, _) = digits
    images = images[:100]
    answers = gradients.logits(load(checkpoints[0]), as_float(images, "float64"))
    return images, answers.argmax(axis=1).astype(np.uint8)


def slopes(checkpoint, images, labels):
    """Gradients of the mean cross-entropy and of the log-odds of an MLP, in plain NumPy."""
    first, bias, second, last = load(checkpoint).get_weights()
    hidden = images.reshape(len(images), -1) / 255 @ first + bias
    logits = np.maximum(hidden, 0) @ second + last
    true = np.arange(10) == labels[:, None]
    plain = (softmax(logits, axis=1) - true) / len(images)
    plain[np.abs(plain) < np.finfo(np.float64).tiny] = 0  # as TensorFlow does
    exact = softmax(np.where(true, -np.inf, logits), axis=1) - true
    return [(one @ second.T * (hidden > 0)) @ first.T for one in (plain, exact)]


def test_rows_are_found_again_in_numpy(checkpoints, images, monkeypatch):
    monkeypatch.setattr(gradients, "BATCH", 30)
    loss = "cross_entropy_mean"
    rows = list(masking.measure(checkpoints, *images, gradient=loss, dtype="float64"))
    assert len(rows) == 3
    for row, checkpoint in zip(rows, checkpoints, strict=True):
        plain, exact = slopes(checkpoint, *images)
        assert (row["gradient"], row["dtype"], row["n"]) == (loss, "float64", 100)
        zero = plain == 0
        expected = {
            "zero_share": zero.mean(),
            "zero_image_share": zero.all(axis=1).mean(),
            "sign_disagreement": (np.sign(plain) != np.sign(exact)).mean(),
        }
        # An image at the limit may fall to the other side.
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.011)
        assert row["mean_abs_gradient"] == pytest.approx(np.abs(plain).mean())
    assert [rows[0][name] for name in SHARES] == [0, 0, 0]
    signs_only, gone = rows[1:]
    assert signs_only["zero_image_share"] < 0.1 < signs_only["sign_disagreement"]
    assert 0.1 < gone["zero_image_share"] < 1


def test_the_exact_sign_in_float64_is_what_others_are_held_against(checkpoints, images):
    for row in masking.measure(checkpoints, *images, gradient="exact_sign", dtype="float64"):
        assert [row[name] for name in SHARES] == [0, 0, 0]


def test_a_gradient_behind_a_filter_is_that_of_the_filtered_network(checkpoints, images):
    options = {"gradient": "cross_entropy_sum", "dtype": "float64"}
    *_, row = masking.measure(
        checkpoints, *images, **options, defence={"method": "gaussian_smoothing", "sigma": 1}
    )
    target = defences.defend(load(checkpoints[2]), "gaussian_smoothing", {"sigma": 1})
    pixels = as_float(images[0], "float64")
    plain, exact = (
        gradients.input_gradient(target, pixels, images[1], loss)
        for loss in ("cross_entropy_sum", "exact_sign")
    )
    expected = gradients.masking(plain, gradients.sign(exact))
    assert {key: row[key] for key in expected} == pytest.approx(expected)
    *_, bare = masking.measure(checkpoints, *images, **options)
    assert bare["mean_abs_gradient"] != row["mean_abs_gradient"]
