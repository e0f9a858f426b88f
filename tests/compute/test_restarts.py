"""Restarts of PGD: where they begin and end, and that the loss rises between."""

import numpy as np
import pandas as pd
import pytest

from mirage.attacks import gradients, pgd
from mirage.data.images import as_float
from mirage.evaluation import restarts
from mirage.models import checkpoints


@pytest.fixture(scope="module")
def checkpoint(overfitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "epoch60.keras"
    overfitted.save(path)
    return path


def rows(checkpoint, digits, **changed):
    _, (images, labels) = digits
    options = {
        "parameters": {"gradient": "exact_sign", "steps": 10, "relative_step": 0.2, "restarts": 9},
        "dtype": "float64",
        "epsilon": "0.03",
        "seed": (1, 60),
        "count": 3,
        "starts": 8,
        **changed,
    }
    return pd.DataFrame(restarts.losses(checkpoint, images, labels, **options))


def test_there_is_a_row_for_every_start_at_rightly_classified_images_of_different_classes(
    checkpoint, digits
):
    _, (images, labels) = digits
    found = rows(checkpoint, digits)
    assert list(found) == ["image", "restart", "start_loss", "loss"]
    chosen = list(dict.fromkeys(found["image"]))
    expected = [(image, restart) for image in chosen for restart in range(8)]
    assert list(zip(found["image"], found["restart"], strict=True)) == expected
    network = checkpoints.load(checkpoint)
    right = gradients.logits(network, as_float(images, "float32")).argmax(axis=1) == labels
    # The first of each of the first classes to come.
    firsts = [int(np.flatnonzero(right & (labels == label))[0]) for label in range(10)]
    assert chosen == sorted(firsts)[:3]


def test_they_repeat_exactly_and_another_seed_begins_elsewhere(checkpoint, digits):
    first = rows(checkpoint, digits)
    pd.testing.assert_frame_equal(first, rows(checkpoint, digits))
    other = rows(checkpoint, digits, seed=(2, 60))
    assert (first["start_loss"] != other["start_loss"]).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_loss_rises_from_nearly_every_start(checkpoint, digits, norm):
    parameters = {"gradient": "exact_sign", "norm": norm, "steps": 20, "relative_step": 0.1}
    epsilon = {"linf": "0.03", "l2": "0.5"}[norm]
    found = rows(checkpoint, digits, parameters=parameters, epsilon=epsilon)
    assert (found["loss"] > found["start_loss"]).mean() > 0.95
    assert found["start_loss"].min() > 0


def test_a_small_ball_leaves_the_loss_where_it_is(checkpoint, digits):
    """Start and end lie in the ball: a tiny one holds both near the loss of the image itself."""
    found = rows(checkpoint, digits, epsilon="0.0000001")
    np.testing.assert_allclose(found["loss"], found["start_loss"], rtol=1e-3)


def test_starts_and_ends_lie_in_the_ball_and_the_pixels_in_their_range(
    checkpoint, digits, monkeypatch
):
    _, (images, _) = digits
    seen = []
    descend = pgd.descend_from

    def spied(network, pixels, start, *rest, **options):
        ended = descend(network, pixels, start, *rest, **options)
        seen.append((pixels, start, ended))
        return ended

    monkeypatch.setattr(pgd, "descend_from", spied)
    parameters = {"gradient": "exact_sign", "steps": 5, "clip": [0, 1]}
    found = rows(checkpoint, digits, parameters=parameters, epsilon="0.2", starts=4)
    assert len(seen) == 3
    for image, (pixels, start, ended) in zip(dict.fromkeys(found["image"]), seen, strict=True):
        np.testing.assert_array_equal(pixels[0], as_float(images[[image]], "float32")[0])
        for points in (start, ended):
            assert np.abs(points - pixels).max() <= 0.2 + 1e-6
            assert points.min() >= 0
            assert points.max() <= 1
            assert (points[0] != points[1]).any()


def test_losses_are_those_of_float64_whatever_the_gradient_s_type(checkpoint, digits):
    wide, narrow = (
        rows(checkpoint, digits, dtype=dtype, count=1) for dtype in ("float64", "float32")
    )
    # The same starts, and the loss at them computed alike.
    np.testing.assert_array_equal(wide["start_loss"], narrow["start_loss"])
