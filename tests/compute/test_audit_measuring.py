"""What an audit measures beside its indicators: headline, eyes, worst case, curve; and as JSON."""

import json

import controls
import keras
import models_of_others
import numpy as np
import pytest
import tensorflow as tf
from attacking import moved_by
from scipy.stats import binomtest

from mirage.attacks import gradients
from mirage.auditing import attempts, eyes, headline, measuring, slopes, worst
from mirage.auditing.data import read
from mirage.auditing.errors import AuditError
from mirage.auditing.findings import as_json
from mirage.auditing.network import prepare
from mirage.auditing.opening import open_model
from mirage.auditing.statistics import difference, mcnemar, share
from mirage.models.cast import cast

EPSILON = 0.1


@pytest.fixture(scope="module")
def subject(digits, overfitted):
    return controls.subject(overfitted, digits)


def given(subject):
    return subject, subject.images, subject.labels


# --- Statistics ----------------------------------------------------------------------------------


def test_shares_have_the_exact_interval():
    found = share(np.array([True] * 8 + [False] * 2))
    # Clopper and Pearson, of tables: 8 of 10.
    assert (found.value, found.count, found.of) == (0.8, 8, 10)
    assert (found.low, found.high) == pytest.approx((0.4439, 0.9748), abs=5e-5)
    assert share(np.zeros(5, bool)).low == 0


def test_differences_of_the_same_images_have_that_of_pairs():
    one, other = np.zeros((2, 100), bool)
    one[:20], other[15:20] = True, True
    value, low, high = difference(one, other)
    # 15 of one alone, none of the other: p = 16 / 102, q = 1 / 102.
    half = 1.959964 * np.sqrt((17 / 102 - (15 / 102) ** 2) / 102)
    assert value == pytest.approx(0.15)
    assert (low, high) == pytest.approx((15 / 102 - half, 15 / 102 + half))
    assert mcnemar(one, other) == binomtest(0, 15).pvalue
    assert mcnemar(one, one) == 1


# --- Headline ------------------------------------------------------------------------------------


def test_the_headline_is_fgsm_plain_and_exact(subject):
    found = headline.measure(*given(subject), "fgsm", epsilon=EPSILON, norm="linf", seed=0)
    options = {"epsilon": EPSILON, "clip": (0.0, 1.0)}
    plain = moved_by("fgsm", *given_network(subject), gradient="cross_entropy_sum", **options)
    wide = cast(subject.network, "float64")
    signs = gradients.sign(
        gradients.input_gradient(wide, subject.images, subject.labels, "exact_sign")
    )
    exact = moved_by("fgsm", *given_network(subject), gradient="exact_sign", signs=signs, **options)
    for one, kept, accuracy in (
        (plain, found.right_plain, found.plain),
        (exact, found.right_exact, found.exact),
    ):
        right = gradients.logits(subject.network, one).argmax(axis=1) == subject.labels
        np.testing.assert_array_equal(kept, right)
        assert accuracy.value == right.mean()
    assert found.loss == pytest.approx(found.plain.value - found.exact.value)
    assert found.by_exact - found.by_plain == round(found.loss * len(subject.images))
    assert found.loss >= 0.02
    assert found.low > 0
    assert found.p_value < 0.01


def given_network(subject):
    return subject.network, subject.images, subject.labels


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_step_has_the_length_of_epsilon_and_stays_in_the_range(subject, norm):
    size = 0.1 if norm == "linf" else 1.5
    way = slopes.direction(*given(subject), slopes.EXACT, norm)
    step = slopes.moved(subject.images, way, size) - subject.images
    lengths = np.linalg.norm(step, ord=np.inf if norm == "linf" else 2, axis=1)
    assert lengths.max() == pytest.approx(size, rel=1e-5) or norm == "l2"
    assert (lengths <= size * (1 + 1e-5)).all()
    assert (lengths > 0).all()
    found = headline.measure(*given(subject), "fgsm", epsilon=size, norm=norm, seed=0)
    assert found.exact.value < found.plain.value


def test_the_curve_falls_and_its_half_lies_where_it_says(subject):
    found = headline.curve(*given(subject), epsilons=(0.07,), norm="linf")
    assert found.points[0].epsilon == 0
    assert 0.07 in [one.epsilon for one in found.points]
    clean = found.points[0].exact.value
    way = slopes.direction(*given(subject), slopes.EXACT, "linf")
    at, before = (
        slopes.right(subject, slopes.moved(subject.images, way, one), subject.labels).mean()
        for one in (found.half_exact, found.half_exact - 0.001)
    )
    assert at <= clean / 2 < before
    assert found.half_plain > found.half_exact


def test_examples_are_first_those_that_the_exact_step_alone_misleads(subject):
    found = headline.measure(*given(subject), "fgsm", epsilon=EPSILON, norm="linf", seed=0)
    examples = headline.examples(*given(subject), found, count=4)
    for one in examples:
        assert one.image.shape == subject.shape
        assert one.predictions["clean"] == one.predictions["plain"] == one.label
        assert one.predictions["exact"] != one.label
        assert np.abs(one.exact - one.image).max() <= EPSILON * (1 + 1e-6)


def test_signs_are_a_map_and_a_share_of_each_image(subject):
    found = headline.signs(*given(subject))
    assert found.by_pixel.shape == subject.shape
    assert found.by_image.shape == (len(subject.images),)
    assert found.by_pixel.mean() == pytest.approx(found.wrong)
    assert found.by_image.mean() == pytest.approx(found.wrong)
    assert found.wrong > 0.01


# --- Through whose eyes --------------------------------------------------------------------------


def as_softmax(subject):
    outputs = keras.layers.Softmax()(subject.model.outputs[0])
    return prepare(
        keras.Model(subject.model.inputs[0], outputs),
        *(subject.images, subject.labels),
        given=(0, 1),
    )


def test_keras_clips_probabilities_once_an_operation_stands_after_the_softmax(subject):
    seen = as_softmax(subject)
    found = {one.name: one.accuracy.value for one in eyes.measure(*given(seen), epsilon=EPSILON)}
    pixels, labels = tf.constant(seen.images), tf.constant(seen.labels)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        loss = keras.losses.sparse_categorical_crossentropy(labels, tf.identity(seen.model(pixels)))
    way = gradients.sign(tape.gradient(loss, pixels).numpy())
    right = slopes.right(seen, slopes.moved(seen.images, way, EPSILON), seen.labels)
    assert found["Keras' loss after any operation on the probabilities"] == right.mean()
    assert found["Keras' loss on the model's output"] == found["CleverHans, logits"]
    assert right.mean() > found["CleverHans, logits"] > found["exact sign"]


@pytest.mark.parametrize("units", [1, 2])
def test_eyes_see_a_binary_model_of_either_make_alike(digits, units):
    keras.utils.set_random_seed(1)
    last = keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")
    network = keras.Sequential([keras.Input((784,)), keras.layers.Dense(16, "relu"), last])
    images, labels = digits[1]
    images = images.reshape(len(images), -1).astype(np.float32)[:100] / 255
    one = prepare(network, images, labels[:100].astype(int) % 2, given=(0, 1))
    found = eyes.measure(*given(one), epsilon=EPSILON)
    # Its margins are small: whoever asks sees the same.
    assert len({eye.accuracy.value for eye in found}) == 1


# --- Worst case ----------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_worst_case_counts_each_image_once(subject, norm):
    epsilon = 0.05 if norm == "linf" else 0.5
    found = worst.measure(*given(subject), epsilon, norm, 0, 20)
    names = [one.attack for one in found.attempts]
    assert names == [name for name, one in attempts.ATTACKS.items() if norm in one.norms]
    left = len(subject.images) - (found.misled_by == "clean").sum()
    for one in found.attempts:
        assert one.tried == left
        assert one.misled == (found.misled_by == one.attack).sum()
        left -= one.misled
        assert one.accuracy.count == left
    assert found.accuracy.count == left == (found.misled_by == "").sum()
    alone = attempts.survivors(*given(subject), "pgd_exact", epsilon, norm, 0)
    assert found.accuracy.value <= alone.mean()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", attempts.ATTACKS)
def test_no_attack_leaves_its_ball_or_the_range_of_pixels(subject, name, norm):
    attack = attempts.with_queries(5)[name]
    if norm not in attack.norms:
        pytest.skip(f"{name} is there in L-infinity alone")
    images, labels = subject.images[:20], subject.labels[:20]
    made = attack.make(subject, images, labels, 0.3, norm, 0)
    assert made.dtype == images.dtype
    assert made.min() >= 0
    assert made.max() <= 1
    size = np.linalg.norm(made - images, ord=np.inf if norm == "linf" else 2, axis=1)
    assert (size <= 0.3 * (1 + 1e-5)).all()


def test_what_two_ask_for_is_computed_once(subject, monkeypatch):
    asked = []
    real = slopes.right
    monkeypatch.setattr(slopes, "right", lambda *all_: asked.append(1) or real(*all_))
    first, second = (
        attempts.survivors(*given(subject), "fgsm_exact", 0.123, "linf", 0) for _ in range(2)
    )
    assert first is second
    assert len(asked) == 1
    attempts.survivors(
        subject, subject.images[:5], subject.labels[:5], "fgsm_exact", 0.1, "linf", 0
    )
    assert len(asked) == 2


# --- All of it -----------------------------------------------------------------------------------


def test_quick_findings_are_json_and_rows(subject):
    told = []
    found = measuring.find(subject, epsilons=(0.1, 0.05), quick=True, tell=told.append)
    assert found.epsilons == (0.05, 0.1)
    assert [one.epsilon for one in found.headlines] == [0.05, 0.1]
    assert not found.worst
    text = json.dumps(as_json(found), allow_nan=False)
    record = json.loads(text)
    assert record["headlines"][1]["exact"]["value"] == found.headlines[1].exact.value
    assert "right_exact" not in record["headlines"][1]
    assert len(text) < 50_000
    rows = list(found.rows())
    assert len(rows) == found.images == 200
    assert np.mean([row["fgsm_exact_0.1"] for row in rows]) == found.headlines[1].exact.value
    assert sum(row["prediction"] == row["label"] for row in rows) == found.clean.count
    assert told[0] == "clean accuracy"


def test_warnings_of_compiling_anew_are_silent_during_an_audit_alone(subject, caplog):
    logger = tf.get_logger()

    def warn(when):
        logger.warning("5 out of the last 5 calls triggered tf.function retracing, %s", when)
        logger.warning("Something else, %s", when)

    def tell(_):
        warn("during")
        raise InterruptedError

    logger.addHandler(caplog.handler)
    try:
        with pytest.raises(InterruptedError):
            measuring.find(subject, epsilons=(0.1,), quick=True, tell=tell)
        warn("after")
    finally:
        logger.removeHandler(caplog.handler)
    assert "retracing, during" not in caplog.text
    for words in ("Something else, during", "retracing, after"):
        assert words in caplog.text


@pytest.mark.thorough
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_full_findings_have_all_parts_and_come_out_again(subject, norm):
    size = 0.05 if norm == "linf" else 0.5
    found, again = (
        as_json(measuring.find(controls_copy(subject), epsilons=(size,), norm=norm, queries=50))
        for _ in range(2)
    )
    times = ("seconds",)
    assert without(found, times) == without(again, times)
    assert len(found["worst"]) == 1
    assert {one["attack"] for one in found["headlines"]} == {"fgsm", "pgd"}
    assert bool(found["eyes"]) == (norm == "linf")


def controls_copy(subject):
    """The same subject, of which nothing is known yet."""
    return prepare(subject.model, subject.images, subject.labels, given=(0, 1))


def without(record, names):
    if isinstance(record, dict):
        return {k: without(v, names) for k, v in record.items() if k not in names}
    return [without(one, names) for one in record] if isinstance(record, list) else record


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilons": ()}, "missing"),
        ({"epsilons": (0,)}, "above 0"),
        ({"epsilons": (1.5,)}, "at most 1"),
        ({"epsilons": (float("nan"),)}, "above 0"),
        ({"epsilons": (0.1,), "norm": "l1"}, "linf and l2"),
    ],
)
def test_sizes_that_are_none_are_refused(subject, options, words):
    with pytest.raises(AuditError, match=words):
        measuring.find(subject, **options)


# --- Models of others ----------------------------------------------------------------------------


def published(name, count):
    models_of_others.needed()
    one = next(one for one in models_of_others.MODELS if one.file == name)
    model = open_model(one.path, one.given)
    data = read("mnist", model.inputs[0].shape[1:], 10)
    return prepare(model, data.images[:count], data.labels[:count], given=one.range)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("telo-2022-16/FF.h5", 10_000, {0.1: (0.559, 0.266), 0.2: (0.278, 0.081)}),
        ("telo-2022-16/FF.h5", 10_000, {0.3: (0.149, 0.059)}),
        ("deepgame/mnist.h5", 2_000, {0.3: (0.238, 0.182)}),
    ],
)
def test_the_headline_of_published_models_is_what_was_measured_before(name, count, expected):
    one = published(name, count)
    for epsilon, accuracies in expected.items():
        found = headline.measure(*given(one), "fgsm", epsilon=epsilon, norm="linf", seed=0)
        values = found.plain.value, found.exact.value
        assert values == pytest.approx(accuracies, abs=0.005), epsilon
        assert found.loss >= 0.02
        assert found.low > 0


@pytest.mark.thorough
def test_the_eyes_see_of_a_published_model_what_was_measured_before():
    one = published("telo-2022-16/FF.h5", 1_000)
    found = {eye.name: eye.accuracy.value for eye in eyes.measure(*given(one), epsilon=0.3)}
    for name, expected in {
        "Keras' loss on the model's output": 0.151,
        "Keras' loss after any operation on the probabilities": 0.784,
        "ART TensorFlowV2Classifier, the model's output": 0.151,
        "ART TensorFlowV2Classifier, logits": 0.151,
        "CleverHans, logits": 0.151,
        "exact sign": 0.050,
    }.items():
        assert found[name] == pytest.approx(expected, abs=0.005), name
