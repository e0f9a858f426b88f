"""Measures by hand, and rows that do not depend on how the images are cut up."""

import keras
import numpy as np
import pytest
from architectures import mlp
from attacking import attack, moved_by

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.evaluation import passes
from mirage.models import checkpoints, defences, measures, networks


@pytest.fixture(scope="module")
def checkpoint(overfitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "epoch60.keras"
    overfitted.save(path)
    return path


def attacked(checkpoint, digits, method="fgsm", dtype="float32", source=None, **parameters):
    """Rows of an attack on the test digits, times left out."""
    _, (images, labels) = digits
    rows = passes.evaluate(
        [checkpoint],
        [source or checkpoint],
        images,
        labels,
        method=method,
        parameters={"gradient": "cross_entropy_mean", **parameters},
        dtype=dtype,
        epsilons=["0", "0.05"],
        seeds=[(1, 60)],
    )
    return [{key: row[key] for key in row if key != "seconds"} for row in rows]


@pytest.mark.parametrize(
    "dtype",
    ["float16", *(pytest.param(one, marks=pytest.mark.thorough) for one in ("float32", "float64"))],
)
def test_rows_do_not_depend_on_how_many_images_are_taken_at_once(
    checkpoint, digits, monkeypatch, dtype
):
    whole = attacked(checkpoint, digits, dtype=dtype)
    monkeypatch.setattr(gradients, "BATCH", 128)
    parts = attacked(checkpoint, digits, dtype=dtype)
    numbers = [key for key, value in whole[0].items() if isinstance(value, float)]
    assert len(numbers) == 8
    for one, other in zip(whole, parts, strict=True):
        # Not to the last bit: a product of another shape may be summed in another order, and an
        # image at the boundary may fall to the other side.
        for key in numbers:
            images = 2 if key in ("clean_accuracy", "accuracy", "success") else 0
            assert one[key] == pytest.approx(other[key], rel=1e-3, abs=images / one["n"])


def test_rows_repeat_exactly(checkpoint, digits):
    for method in ("fgsm", "pgd"):
        steps = {"steps": 2} if method == "pgd" else {}
        assert attacked(checkpoint, digits, method, **steps) == attacked(
            checkpoint, digits, method, **steps
        )


def test_the_step_is_made_in_the_network_s_type_whatever_the_gradient_s(checkpoint, digits):
    """With the same signs, float64 and float32 gradients give the same row."""
    one, other = (
        attacked(checkpoint, digits, dtype=dtype, gradient="exact_sign")
        for dtype in ("float32", "float64")
    )
    for row, same in zip(one, other, strict=True):
        assert row["accuracy"] == same["accuracy"]


def test_a_transfer_attack_takes_the_gradient_of_the_source(checkpoint, digits, tmp_path):
    network = networks.build(mlp(30), "float64", seed=9)
    path = tmp_path / "source.keras"
    network.save(path)
    row = attacked(checkpoint, digits, dtype="float64", source=path, gradient="exact_sign")[1]
    _, (images, labels) = digits
    victim = checkpoints.load(checkpoint)
    moved = moved_by(
        "fgsm", network, as_float(images, "float32"), labels, epsilon=0.05, gradient="exact_sign"
    )
    expected = measures.correct(gradients.logits(victim, moved), labels) / len(labels)
    assert row["accuracy"] == expected
    assert row["accuracy"] > attacked(checkpoint, digits, gradient="exact_sign")[1]["accuracy"]


SMOOTH = {"method": "gaussian_smoothing", "sigma": 1}


def test_a_defended_network_is_attacked_blindly_or_through_its_defence(checkpoint, digits):
    """Both by hand: the examples of the bare and of the defended network, judged by the latter."""
    _, (images, labels) = digits
    network = checkpoints.load(checkpoint)
    target = defences.defend(network, "gaussian_smoothing", {"sigma": 1})
    pixels = as_float(images, "float32")
    rows = {}
    for adaptive, attacker in ((False, network), (True, target)):
        moved = moved_by("fgsm", attacker, pixels, labels, epsilon=0.05, gradient="exact_sign")
        answers = gradients.logits(target, moved).argmax(axis=1)
        before = gradients.logits(target, pixels).argmax(axis=1) == labels
        (row,) = passes.evaluate(
            [checkpoint],
            [checkpoint],
            images,
            labels,
            method="fgsm",
            parameters={"gradient": "exact_sign"},
            dtype="float32",
            epsilons=["0.05"],
            seeds=[(1, 60)],
            defence=SMOOTH,
            adaptive=adaptive,
        )
        assert row["accuracy"] == pytest.approx((answers == labels).mean())
        assert row["clean_accuracy"] == pytest.approx(before.mean())
        assert row["success"] == pytest.approx((answers != labels)[before].mean())
        rows[adaptive] = row["accuracy"]
    assert rows[True] < rows[False]


def minimal(checkpoint, digits, method, **parameters):
    """The row of an attack that takes no epsilon, on 100 test digits."""
    _, (images, labels) = digits
    (row,) = passes.evaluate(
        [checkpoint],
        [checkpoint],
        images[:100],
        labels[:100],
        method=method,
        parameters=parameters,
        dtype="float32",
        epsilons=[""],
        seeds=[(1, 60)],
    )
    return row


def test_a_minimal_attack_gives_one_row_without_epsilon_and_gradient(checkpoint, digits):
    row = minimal(checkpoint, digits, "deepfool")
    assert (row["epsilon"], row["gradient"], row["n"]) == ("", None, 100)
    # By hand.
    _, (images, labels) = digits
    network = checkpoints.load(checkpoint)
    pixels, classes = as_float(images[:100], "float32"), labels[:100]
    result = attack("deepfool", network, pixels, classes)
    moved = result.images
    answers = gradients.logits(network, moved).argmax(axis=1)
    right = gradients.logits(network, pixels).argmax(axis=1) == classes
    r = (moved - pixels).astype(np.float64)
    # Of the images given, where nothing is said of the split that they are from.
    mean = pixels.astype(np.float64).mean(axis=0)
    lengths = np.linalg.norm(r, axis=1)
    expected = {
        "accuracy": (answers == classes).mean(),
        "success": (answers != classes)[right].mean(),
        "rho_l2": (lengths / np.linalg.norm(pixels.astype(np.float64), axis=1)).mean(),
        "rho_linf": (np.abs(r).max(axis=1) / pixels.max(axis=1)).mean(),
        "rho_l2_centred": (lengths / np.linalg.norm(pixels - mean, axis=1)).mean(),
        "median_l2": np.median(lengths),
        "changed_share": (r != 0).mean(),
        "changed_share_success": (r != 0).mean(axis=1)[right & (answers != classes)].mean(),
        "iterations": result.iterations.mean(),
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-5)
    assert row["success"] > 0.9


def test_success_of_the_binary_deepfool_is_that_the_sign_of_f_changed(checkpoint, digits):
    """f is the difference of the two largest logits at the clean image (Algorithm 1)."""
    row = minimal(checkpoint, digits, "deepfool", binary=True)
    _, (images, labels) = digits
    network = checkpoints.load(checkpoint)
    pixels = as_float(images[:100], "float32")
    logits = gradients.logits(network, pixels)
    own, other = logits.argsort(axis=1)[:, :-3:-1].T
    moved = moved_by("deepfool", network, pixels, labels[:100], binary=True)
    after, rows = gradients.logits(network, moved), np.arange(100)
    changed = after[rows, other] > after[rows, own]
    right = own == labels[:100]
    assert row["success"] == changed[right].mean()
    assert row["success"] > 0.95
    # The runner-up is not always the nearest class: both forms are not one.
    assert row["median_l2"] >= minimal(checkpoint, digits, "deepfool")["median_l2"]


def test_success_is_what_a_targeted_attack_calls_so(checkpoint, digits):
    """The share of all images that reach the target, not that of those misled."""
    row = minimal(checkpoint, digits, "jsma", target="next", gamma=0.02)
    _, (images, labels) = digits
    network = checkpoints.load(checkpoint)
    given = (network, as_float(images[:100], "float32"), labels[:100])
    moved = moved_by("jsma", *given, target="next", gamma=0.02)
    answers = gradients.logits(network, moved).argmax(axis=1)
    assert row["success"] == (answers == (labels[:100] + 1) % 10).mean()
    assert 0 < row["success"] < 1 - row["accuracy"]
    assert 0 < row["changed_share"] <= 0.02
    reached = answers == (labels[:100] + 1) % 10
    changed = (moved != given[1]).mean(axis=1)
    assert row["changed_share_success"] == pytest.approx(changed[reached].mean())
    assert row["changed_share_success"] < row["changed_share"]


def test_success_is_the_share_of_the_rightly_classified_that_are_misled(checkpoint, digits):
    none, some = attacked(checkpoint, digits, gradient="exact_sign")
    assert none["success"] == 0
    assert none["changed_share_success"] is None
    assert none["rho_l2"] == none["rho_linf"] == none["median_l2"] == none["changed_share"] == 0
    # An image that was wrong before may be right afterwards: then these are not equal.
    assert some["success"] >= 1 - some["accuracy"] / some["clean_accuracy"] - 1e-12
    assert some["changed_share"] > 0.99
    # Every pixel moves by epsilon: ||r||_2 = 0.05 * 28, whatever the image.
    assert some["median_l2"] == pytest.approx(0.05 * 28, rel=1e-4)
    # The brightest pixel of a digit is 1.
    assert some["rho_linf"] == pytest.approx(0.05, rel=0.05)


def test_centred_images_are_held_against_the_mean_image_that_is_given(checkpoint, digits):
    """As many images as are attacked, the mean is that of the split that they were cut from."""
    _, (images, labels) = digits
    (row,) = passes.evaluate(
        [checkpoint],
        [checkpoint],
        images[:50],
        labels[:50],
        method="fgsm",
        parameters={"gradient": "exact_sign"},
        dtype="float32",
        epsilons=["0.1"],
        seeds=[(1, 60)],
        mean_image=images.mean(axis=0),
    )
    flat = images.reshape(len(images), -1) / 255
    centred = np.linalg.norm(flat[:50] - flat.mean(axis=0), axis=1)
    # Every pixel moves by 0.1.
    assert row["rho_l2_centred"] == pytest.approx((2.8 / centred).mean(), rel=1e-4)


def test_sizes_of_perturbations_by_hand():
    images = np.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]], np.float32)
    moved = np.array([[0.3, 0.6, 0.4], [1.0, 0.0, 0.0]], np.float32)
    found = measures.perturbation(images, moved)
    expected = {
        "l2": [0.5, 0],
        "rho_l2": [0.5, 0],
        "rho_linf": [0.5, 0],
        "changed_share": [2 / 3, 0],
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-7)


def perturbed(checkpoint, digits, method="fgsm", **changed):
    _, (images, labels) = digits
    options = {"parameters": {"gradient": "exact_sign"}, "epsilon": "0.05", **changed}
    return passes.perturbed(
        checkpoint, images, labels, method=method, dtype="float32", seed=(1, 60), **options
    )


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("fgsm", {}),
        ("deepfool", {"parameters": {"iterations": 5}, "epsilon": ""}),
    ],
)
def test_perturbed_images_have_the_shape_of_images_and_mislead(checkpoint, digits, method, changed):
    _, (images, labels) = digits
    moved = perturbed(checkpoint, digits, method, **changed)
    assert moved.shape == images.shape
    assert moved.dtype == np.float32
    network = checkpoints.load(checkpoint)
    clean, wrong = (
        (gradients.logits(network, some).argmax(axis=1) != labels).mean()
        for some in (as_float(images, "float32"), moved.reshape(len(moved), -1))
    )
    assert wrong > clean + 0.3


def test_perturbed_images_do_not_depend_on_how_many_are_taken_at_once(
    checkpoint, digits, monkeypatch
):
    whole = perturbed(checkpoint, digits)
    monkeypatch.setattr(gradients, "BATCH", 128)
    parts = perturbed(checkpoint, digits)
    # The sign of a gradient near 0 may be another.
    assert (whole == parts).mean() > 0.999


def test_examples_were_right_before_and_are_wrong_after(checkpoint, digits):
    _, (images, labels) = digits
    found = passes.examples(
        checkpoint,
        images,
        labels,
        method="fgsm",
        parameters={"gradient": "exact_sign"},
        dtype="float32",
        epsilon="0.1",
        seed=(1,),
        count=4,
    )
    assert found["images"].shape == found["adversarial"].shape == (4, 28, 28)
    np.testing.assert_array_equal(found["labels"], found["predictions"])
    assert (found["labels"] != found["adversarial_predictions"]).all()
    assert found["labels"].tolist() == [2, 3, 4, 5]
    assert str(found["epsilon"]) == "0.1"
    # Each is the first misled one of its class; no filter, so the network sees what it is given.
    np.testing.assert_array_equal(found["images"], images[found["indices"]] / np.float32(255))
    np.testing.assert_array_equal(found["seen"], found["adversarial"])
    assert np.abs(found["adversarial"] - found["images"]).max() == pytest.approx(0.1, rel=1e-4)


def test_examples_behind_a_defence_are_those_of_the_bare_network(checkpoint, digits):
    _, (images, labels) = digits
    options = {
        "method": "fgsm",
        "parameters": {"gradient": "exact_sign"},
        "dtype": "float32",
        "epsilon": "0.1",
        "seed": (1,),
        "count": 4,
    }
    bare, smooth = (
        passes.examples(checkpoint, images, labels, defence=defence, **options)
        for defence in (None, SMOOTH)
    )
    for name in ("indices", "images", "adversarial", "labels"):
        np.testing.assert_array_equal(bare[name], smooth[name])
    filtered = defences.gaussian_smoothing(smooth["adversarial"], sigma=1)
    np.testing.assert_allclose(smooth["seen"], filtered, atol=1e-5)
    target = defences.defend(checkpoints.load(checkpoint), "gaussian_smoothing", {"sigma": 1})
    for name, of in (("predictions", "images"), ("adversarial_predictions", "adversarial")):
        answers = gradients.logits(target, smooth[of].reshape(4, -1)).argmax(axis=1)
        np.testing.assert_array_equal(smooth[name], answers)


def test_a_network_that_nothing_misleads_has_no_examples(checkpoint, digits):
    _, (images, labels) = digits
    found = passes.examples(
        checkpoint,
        images,
        labels,
        method="noise",
        parameters={},
        dtype="float32",
        epsilon="0",
        seed=(1,),
        count=4,
    )
    assert found["images"].shape == found["seen"].shape == (0, 28, 28)


def test_margins_and_accuracies_by_hand():
    logits = np.array([[3.0, 1.0, -2.0], [0.0, 0.5, 4.0], [1.0, 1.0, 0.0]], np.float32)
    labels = np.array([0, 1, 2], np.uint8)
    assert measures.logit_margins(logits, labels).tolist() == [2.0, -3.5, -1.0]
    assert measures.correct(logits, labels) == 1
    assert measures.class_accuracy(logits, labels) == {0: 1.0, 1: 0.0, 2: 0.0}
    quantiles = measures.margin_quantiles(logits, labels)
    assert (quantiles[0.0], quantiles[0.5], quantiles[1.0]) == (-3.5, -1.0, 2.0)


def test_the_spectral_norm_is_the_largest_stretch():
    random = np.random.default_rng(0)
    kernel = random.normal(size=(30, 20)).astype(np.float32)
    norm = measures.spectral_norm(kernel)
    assert norm == pytest.approx(np.sqrt(np.linalg.eigvalsh(kernel.T @ kernel).max()), rel=1e-4)
    assert measures.spectral_norm(np.diag([1.0, -5.0, 2.0])) == pytest.approx(5)


def test_the_spectral_norm_of_a_convolution_is_that_of_the_matrix_of_its_patches():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    images = np.random.default_rng(1).normal(size=(1, 3, 3, 2))
    # One patch, as large as the kernel: a matrix that maps 18 numbers to 4.
    answer = keras.ops.convert_to_numpy(keras.ops.conv(images, kernel, padding="valid"))
    matrix = kernel.reshape(18, 4)
    np.testing.assert_allclose(answer.ravel(), images.ravel() @ matrix, rtol=1e-6)
    expected = np.sqrt(np.linalg.eigvalsh(matrix.T @ matrix).max())
    assert measures.spectral_norm(kernel) == pytest.approx(expected)


def test_measures_of_a_checkpoint(checkpoint, overfitted, digits):
    _, (images, labels) = digits
    (rows,) = passes.measure([checkpoint], images, labels)
    found = {(row["measure"], str(row["item"])): row["value"] for row in rows}
    assert {item for measure, item in found if measure == "spectral_norm"} == {
        "layer1",
        "layer2",
        "layer3",
    }
    by_class = np.array([found["class_accuracy", str(label)] for label in range(10)])
    sizes = np.bincount(labels)
    assert found["accuracy", "all"] == pytest.approx((by_class * sizes).sum() / sizes.sum())
    assert found["logit_margin", "q0"] < 0 < found["logit_margin", "q0.5"]
