"""Measures by hand, and rows that do not depend on how the images are cut up."""

import numpy as np
import pytest

from mirage import evaluation, gradients, measures, networks
from mirage.attacks import fgsm
from mirage.images import as_float


@pytest.fixture(scope="module")
def checkpoint(overfitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "epoch60.keras"
    overfitted.save(path)
    return path


def attacked(checkpoint, digits, method="fgsm", dtype="float32", source=None, **parameters):
    """Rows of an attack on the test digits, times left out."""
    _, (images, labels) = digits
    rows = evaluation.evaluate(
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


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows_do_not_depend_on_how_many_images_are_taken_at_once(
    checkpoint, digits, monkeypatch, dtype
):
    whole = attacked(checkpoint, digits, dtype=dtype)
    monkeypatch.setattr(gradients, "BATCH", 128)
    parts = attacked(checkpoint, digits, dtype=dtype)
    numbers = [key for key, value in whole[0].items() if isinstance(value, float)]
    assert len(numbers) == 6
    for one, other in zip(whole, parts, strict=True):
        # Not to the last bit: a product of another shape may be summed in another order.
        assert [one[key] for key in numbers] == pytest.approx(
            [other[key] for key in numbers], rel=1e-3
        )


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
        assert row["sign_disagreement"] == same["sign_disagreement"] == 0


def test_a_transfer_attack_takes_the_gradient_of_the_source(checkpoint, digits, tmp_path):
    network = networks.build("mlp-30", "float64", seed=9)
    path = tmp_path / "source.keras"
    network.save(path)
    row = attacked(checkpoint, digits, dtype="float64", source=path, gradient="exact_sign")[1]
    _, (images, labels) = digits
    victim = networks.load(checkpoint)
    moved = fgsm.attack(network, as_float(images, "float32"), labels, epsilon=0.05)
    expected = measures.correct(gradients.logits(victim, moved), labels) / len(labels)
    assert row["accuracy"] == expected
    assert row["accuracy"] > attacked(checkpoint, digits, gradient="exact_sign")[1]["accuracy"]


def test_examples_were_right_before_and_are_wrong_after(checkpoint, digits):
    _, (images, labels) = digits
    found = evaluation.examples(
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


def test_measures_of_a_checkpoint(checkpoint, overfitted, digits):
    _, (images, labels) = digits
    (rows,) = evaluation.measure([checkpoint], images, labels)
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
