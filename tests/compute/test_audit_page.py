"""The page of an audit: what it says first, what it escapes, and that it needs nothing else."""

import io
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import controls
import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf

import mirage
from mirage.attacks import gradients
from mirage.auditing import indicators, pictures, verdict
from mirage.auditing.audited import Audit
from mirage.auditing.findings import Attempt, Worst
from mirage.auditing.page import AFTER, LIGHTS, NEXT, page
from mirage.auditing.statistics import share

MOST = 1_500_000  # bytes of a page


class Read(HTMLParser):
    """The elements of a page, each with its attributes, and its text in one line."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.parts, self.inside = [], [], ""
        self.feed(html)
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("style", "title"):
            self.parts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def masked(digits, overfitted) -> Audit:
    images, labels = (one[:200] for one in digits[1])
    # Masked on every processor, and the plain gradient still halves the accuracy.
    network = controls.times(overfitted, 2)
    found = mirage.audit(network, images, labels, epsilon=(0.1, 0.05), range=(0, 1), quick=True)
    assert found.verdict == verdict.ARITHMETIC
    return found


@pytest.fixture(scope="module")
def flat() -> Audit:
    """Of 30 values that are no picture, in L2."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((30,)), *layers])
    images = np.random.default_rng(0).uniform(0, 1, (40, 30)).astype(np.float32)
    labels = model(images).numpy().argmax(axis=1)
    labels[0] = 1 - labels[0]
    return mirage.audit(*(model, images, labels), epsilon=0.2, norm="l2", range=(0, 1), quick=True)


@pytest.fixture(scope="module")
def html(masked):
    return page(masked)


@pytest.fixture(scope="module")
def text(html):
    return Read(html).text


def changed(audit, **findings):
    return replace(audit, findings=replace(audit.findings, **findings))


def attempted(audit):
    """The same audit with a worst case: 3 of 10 images fall to one attack."""
    kept = np.array([True] * 7 + [False] * 3)
    attempts = (
        Attempt("fgsm_exact", 0.1, 10, 3, share(kept), "1 step", 0.1),
        Attempt("square", 0.1, 7, 0, share(kept), "123 queries", 0.1),
    )
    return changed(audit, worst=(Worst(0.1, "linf", share(kept), attempts, kept.astype("<U9")),))


# --- What it says --------------------------------------------------------------------------------


def test_a_reader_of_the_first_screen_knows_verdict_loss_and_what_to_do(masked, html, text):
    first = text[: text.index("What was audited")]
    headline = max(
        (one for one in masked.findings.headlines if one.epsilon == masked.decision.epsilon),
        key=lambda one: one.loss,
    )
    order = [
        "Masked by arithmetic",
        masked.sentence,
        f"Lost to arithmetic {100 * headline.loss:.1f}",
        "What to do next",
        "exact sign",
        'gradient="exact_sign"',
    ]
    places = [first.index(part) for part in order]
    assert places == sorted(places)
    assert 'class="verdict red"' in html


def test_every_verdict_has_a_light_and_what_to_do_next(masked):
    assert set(NEXT) == set(verdict.EXIT_CODES)
    assert set(LIGHTS) == set(verdict.EXIT_CODES.values())
    assert set(verdict.REASONS) <= set(AFTER) <= set(indicators.NAMES)
    decision = replace(masked.decision, name=verdict.MODEL, reasons=("layers", "differences"))
    text = Read(page(replace(masked, decision=decision))).text
    assert NEXT[verdict.MODEL][0] in text
    assert text.count("BPDA") == 1
    assert text.count("decided") == 2
    assert "exact_sign" not in text


def test_the_way_to_the_exact_sign_runs_as_the_page_gives_it(html, digits, overfitted):
    (code,) = re.findall(r"<pre[^>]*>(.*?)</pre>", html, re.S)
    code = code.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
    assert "&" not in code
    images, labels = digits[1][0][:50], digits[1][1][:50]
    names = {"mirage": mirage, "tf": tf, "model": overfitted, "images": images, "labels": labels}
    exec(code, names)
    found = names["found"]
    assert mirage.accuracy(overfitted, found.images, labels) < 0.5
    logits = tf.constant([[1.0, 3, 2], [50, 0, -1]])
    classes = tf.constant([1, 0])
    np.testing.assert_array_equal(
        names["log_odds"](logits, classes), gradients.log_odds(logits, classes)
    )


def test_every_indicator_has_its_light_sentence_source_and_blind_spot(masked, text):
    for one in masked.findings.indicators:
        for part in (one.title, one.sentence, one.source, one.blind):
            assert " ".join(part.split()) in text
    lights = [one.light for one in masked.findings.indicators]
    for light, words in (("red", "red: alarm"), ("green", "green: fine")):
        assert text.count(words) == lights.count(light)
    # The reds come first.
    assert text.index("red: alarm") < text.index("green: fine")


def test_the_worst_case_is_a_table_with_budgets_and_what_was_not_made(masked, text):
    assert "All attacks –" in text
    text = Read(page(attempted(masked))).text
    assert "FGSM, exact 1 step misled at 0.1 3 of 10 right after it 70.0" in text
    assert "Square 123 queries" in text
    assert "Not made here" in text
    assert "random corners" in text[text.index("Not made here") :]
    assert "All attacks 70.0" in text


def test_accuracies_by_epsilon_and_the_eyes_stand_with_their_intervals(masked, text):
    text = text.replace(" %", "")
    for one in masked.findings.curve.points:
        cells = [
            f"{100 * each.value:.1f} [{100 * each.low:.1f}, {100 * each.high:.1f}]"
            for each in (one.plain, one.exact)
        ]
        assert " ".join([f"{one.epsilon:.3g}", *cells]) in text
    for one in masked.findings.eyes:
        assert one.definition in text
    assert f"halved at {masked.findings.curve.half_plain:.3g} under the plain" in text


# --- What it may hold ----------------------------------------------------------------------------


def test_names_from_anywhere_are_text(masked):
    evil = '<script>alert("a")</script><img src=x onerror=alert(1)>"\'>&{{ 1 }}'
    named = replace(masked.about, model=evil, data=evil, notes=(evil,), output=evil)
    first = replace(masked.findings.indicators[0], sentence=evil, title=evil, blind=evil)
    found = changed(attempted(masked), indicators=(first, *masked.findings.indicators[1:]))
    decision = replace(masked.decision, sentence=evil)
    html = page(replace(found, about=named, decision=decision))
    read = Read(html)
    assert "<script" not in html
    assert {one["src"][:10] for one in read.all("img")} == {"data:image"}
    assert not [name for _, one in read.elements for name in one if name.startswith("on")]
    assert read.text.count("{{ 1 }}") >= 6
    assert read.text.count('<script>alert("a")</script>') >= 5


def test_it_is_one_file_that_asks_for_nothing(html):
    read = Read(html)
    assert len(html.encode()) < MOST
    assert not {name for name, _ in read.elements} & {"script", "link", "iframe", "object", "base"}
    assert "url(" not in html
    assert "@import" not in html
    addresses = [one[name] for _, one in read.elements for name in ("src", "href") if name in one]
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert all(one["alt"] for one in read.all("img"))
    assert "<title>Masked by arithmetic" in html
    (lowest,) = [one["alt"] for one in read.all("img") if "Histogram" in one["alt"]]
    assert "16.6" in lowest
    assert "36.7" in lowest


def test_the_same_audit_gives_the_same_page_and_leaves_matplotlib_as_it_was(masked, html):
    with matplotlib.rc_context({"font.size": 31, "svg.hashsalt": None, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert page(masked) == html
        assert dict(matplotlib.rcParams) == before
    assert not re.search(r"(dc:date|\d\d:\d\d:\d\d)", drawn(html))


def drawn(html):
    """All SVG of a page."""
    addresses = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert addresses
    return "".join(b64decode(one).decode() for one in addresses)


def test_images_that_are_no_pictures_an_audit_in_l2_and_one_without_float64(flat):
    read = Read(page(flat))
    assert "30 values and cannot be shown as pictures" in read.text
    assert "This is asked in L-infinity alone." in read.text
    assert "grey: not measured" in read.text
    assert "✗" in read.text
    decision = replace(flat.decision, name=verdict.NOT_DECIDABLE)
    less = replace(changed(flat, signs=None, examples=()), decision=decision)
    text = Read(page(less)).text
    for words in ("cannot be computed in float64", "There are no examples.", "without --quick"):
        assert words in text


# --- Pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((28, 28), (28, 28)),
        ((28, 20, 1), (28, 20)),
        ((1, 28, 28), (28, 28)),
        ((784,), (28, 28)),
        ((32, 32, 3), (32, 32)),
        ((3, 32, 32), (32, 32)),
        ((3072,), (32, 32)),
        ((300, 200, 3), (75, 50)),
        ((30,), None),
        ((30, 1), None),
        ((16, 16, 2), None),
        ((4, 4, 4, 3), None),
    ],
)
def test_an_image_of_any_shape_is_a_picture_or_none(shape, shown):
    values = np.random.default_rng(0).uniform(0, 1, shape)
    address = pictures.image(values)
    if shown is None:
        assert address is None
        return
    read = matplotlib.image.imread(io.BytesIO(b64decode(address.split(",")[1])))
    assert read.shape[:2] == shown
    channels_last = np.moveaxis(values, 0, -1) if shape[0] in (1, 3) else values
    step = channels_last.shape[0] // shown[0] if len(shape) > 1 else 1
    expected = channels_last if len(shape) == 1 else channels_last[::step, ::step]
    np.testing.assert_allclose(
        read[..., :3], np.broadcast_to(expected.reshape(*shown, -1), (*shown, 3)), atol=1 / 255
    )


@pytest.mark.parametrize("factor", [1, 1_000, -1_000])
def test_margins_of_any_size_are_drawn(masked, factor):
    values = masked.findings.margins.values.copy() * factor
    values[:2] = np.nan, np.inf
    for dtype in ("float32", "bfloat16"):
        found = replace(masked.findings.margins, values=values, dtype=dtype)
        assert pictures.margins(found).startswith("data:image/svg+xml;base64,")


# --- In a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(masked, flat, digits, overfitted, tmp_path_factory):
    """Pages in full, of a masked one, of colours, and of no pictures."""
    folder = tmp_path_factory.mktemp("pages")
    images, labels = digits[1]
    full = mirage.audit(overfitted, images[:100], labels[:100], epsilon=(0.05, 0.1), range=(0, 1))
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(5, "softmax")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    coloured = np.random.default_rng(0).uniform(0, 1, (50, 32, 32, 3)).astype(np.float32)
    answers = model(coloured).numpy().argmax(axis=1)
    colours = mirage.audit(model, coloured, answers, epsilon=0.01, range=(0, 1), quick=True)
    long = replace(full.about, model="models/" + 30 * "a-long-name-" + ".keras")
    written = {"masked": masked, "full": replace(full, about=long), "flat": flat, "rgb": colours}
    for name, audit in written.items():
        (folder / f"{name}.html").write_text(page(audit), encoding="utf-8")
    return sorted(folder.iterdir())


@pytest.mark.thorough
@pytest.mark.parametrize("width", [1400, 420])
def test_chromium_shows_every_picture_and_complains_of_nothing(pages, browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser")
    assert len(pages) == 4
    for path in pages:
        browser.get(path.as_uri())
        assert browser.execute_script("return innerWidth") == width
        # Nothing is wider than the screen.
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        broken = "return [...document.images].filter(one => !one.naturalWidth).length"
        assert browser.execute_script(broken) == 0, path
        assert browser.execute_script("return document.images.length") >= 3
        # What to do next begins on the first screen.
        (head,) = (one for one in browser.find_elements("css selector", "h3") if "next" in one.text)
        assert head.location["y"] < 900
        assert browser.get_log("browser") == [], path
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
