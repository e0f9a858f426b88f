"""The Square Attack: what it asks the network, that it only ever improves, and its shapes."""

import math

import keras
import numpy as np
import pytest
from attacking import attack

from mirage.attacks import gradients, square
from mirage.data.images import as_float
from mirage.models.measures import classes, logit_margins
from mirage.models.networks import NetworkError

UNCLIPPED = (-1.0, 2.0)


@pytest.fixture(scope="module")
def some(digits):
    _, (images, labels) = digits
    return as_float(images[:60], "float32"), labels[:60]


@pytest.fixture
def asked(monkeypatch):
    """All points that networks are asked about, in order: a list of arrays (n, d)."""
    logits, seen = gradients.logits, []

    def spied(network, points):
        seen.append(points)
        return logits(network, points)

    monkeypatch.setattr(gradients, "logits", spied)
    return seen


def test_the_share_of_pixels_is_halved_as_in_autoattack():
    for number, divisor in (
        *((0, 1), (10, 1), (11, 2), (50, 2), (51, 4), (201, 8), (501, 16), (1001, 32)),
        *((2001, 64), (4001, 128), (6001, 256), (8000, 256), (8001, 512), (9999, 512)),
    ):
        assert square.share_of_pixels(0.8, number, 10_000) == 0.8 / divisor
    # As large a part of another number.
    found = [square.share_of_pixels(0.8, number, 1000) for number in (1, 2, 5, 6, 999)]
    assert found == [0.8, 0.4, 0.4, 0.2, 0.8 / 512]


def test_it_changes_a_square_at_a_time_and_keeps_it_where_the_margin_falls(overfitted, some, asked):
    """One image, too hard to be misled: every point that is asked about follows from the others."""
    hardest = logit_margins(gradients.logits(overfitted, some[0]), some[1]).argmax()
    image, label = (part[hardest : hardest + 1] for part in some)
    asked.clear()
    size = {"epsilon": 0.01, "queries": 300, "p": 0.2, "clip": UNCLIPPED}
    result = attack("square", overfitted, image, label, **size)
    clean, best, *tried = (point[0] for point in asked)
    np.testing.assert_array_equal(clean, image[0])
    assert result.iterations == [300] == [len(tried) + 1]
    stripes = (best > clean).reshape(28, 28)
    assert (stripes == stripes[0]).all()
    assert 0 < stripes[0].sum() < 28
    np.testing.assert_allclose(np.abs(best - clean), 0.01, rtol=1e-4)
    margins = [logit_margins(gradients.logits(overfitted, best[np.newaxis]), label)[0]]
    for number, point in enumerate(tried):
        side = max(round(math.sqrt(square.share_of_pixels(0.2, number, 300)) * 28), 1)
        changed = (point != best).reshape(28, 28)
        for places in np.nonzero(changed):
            assert not len(places) or np.ptp(places) < side
        assert len(np.unique((point > clean)[changed.ravel()])) <= 1
        margin = logit_margins(gradients.logits(overfitted, point[np.newaxis]), label)[0]
        if margin < margins[-1]:
            margins.append(margin)
            best = point
    np.testing.assert_array_equal(result.images[0], best)
    assert 10 < len(margins) < 200
    assert margins[-1] > 0


def test_an_image_that_is_misled_is_asked_about_no_more(overfitted, some, asked):
    images, labels = some
    result = attack("square", overfitted, images, labels, epsilon=0.05, queries=100)
    before, *counts = map(len, asked)
    assert before == 60
    assert counts == sorted(counts, reverse=True)
    assert result.iterations.sum() == sum(counts)
    wrong, left = (
        classes(gradients.logits(overfitted, given)) != labels for given in (images, result.images)
    )
    np.testing.assert_array_equal(result.iterations == 0, wrong)
    np.testing.assert_array_equal(result.images[wrong], images[wrong])
    assert (result.iterations[~left] == 100).all()
    assert wrong.sum() < left.sum() < 60


def test_stripes_and_squares_have_a_sign_for_each_colour(asked):
    network = keras.Sequential([keras.Input((8 * 8 * 3,)), keras.layers.Dense(10)])
    image = np.full((1, 8 * 8 * 3), 0.5, np.float32)
    label = gradients.logits(network, image).argmax(axis=1)
    signs = set()
    for seed in range(8):
        asked.clear()
        attack("square", network, image, label, epsilon=1e-4, queries=2, p=0.3, seed=(seed,))
        stripes, tried = ((points > 0.5).reshape(8, 8, 3) for points in asked[1:])
        assert (stripes == stripes[0]).all()
        assert (stripes != stripes[..., :1]).any()
        changed = [tried[..., colour][(tried != stripes)[..., colour]] for colour in range(3)]
        assert all(len(np.unique(values)) <= 1 for values in changed)
        signs.add(tuple(values[0] for values in changed if len(values)))
    assert len(signs) > 3


def test_images_must_be_square():
    network = keras.Sequential([keras.Input((15,)), keras.layers.Dense(10)])
    given = network, np.full((1, 15), 0.5, np.float32), np.array([0])
    with pytest.raises(NetworkError, match="15 values make no square image"):
        attack("square", *given, epsilon=0.1)
