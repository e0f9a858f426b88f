"""What an attack takes, read from its file, is what Python sees of it."""

import importlib
import inspect

import pytest

from mirage.attacks import signatures

METHODS = [file.stem for file in signatures.attack_files()]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The signature of an attack of this text."""
    monkeypatch.setattr(signatures, "ATTACKS", tmp_path)

    def signature(text, name="mine"):
        (tmp_path / f"{name}.py").write_text(text)
        signatures.signature.cache_clear()
        return signatures.signature(name)

    yield signature
    signatures.signature.cache_clear()


@pytest.mark.parametrize("method", METHODS)
def test_it_is_that_of_the_imported_function(method):
    module = importlib.import_module(f"mirage.attacks.{method}")
    keywords = inspect.signature(module.attack).parameters
    found = signatures.signature(method)
    assert found.counts == ("record" in keywords)
    one_step = getattr(module, "ONE_STEP", False)
    kinds = {(True, True): "sweep", (True, False): "attack", (False, False): "minimal"}
    assert found.kind == kinds["epsilon" in keywords, one_step]


def test_the_kinds_of_the_attacks_of_the_sources():
    kinds = {method: signatures.signature(method).kind for method in METHODS}
    assert kinds["fgsm"] == kinds["noise"] == kinds["matched_noise"] == "sweep"
    assert kinds["pgd"] == "attack"
    assert kinds["deepfool"] == kinds["jsma"] == kinds["lbfgs"] == "minimal"


def test_an_attack_that_takes_a_record_counts_its_iterations(written):
    found = written(
        "def attack(network, images, labels, *, epsilon, seed=(0,), record=None):\n    pass\n"
    )
    assert found == signatures.Signature("attack", counts=True)


@pytest.mark.parametrize(
    ("line", "kind"),
    [("ONE_STEP = True", "sweep"), ("ONE_STEP = False", "attack"), ("# ONE_STEP = True", "attack")],
)
def test_a_line_of_the_file_says_that_one_job_serves_all_epsilons(written, line, kind):
    found = written(f"{line}\ndef attack(network, images, labels, *, epsilon):\n    pass\n")
    assert found.kind == kind


def test_no_attack_is_imported(written):
    text = "import no_such_module\ndef attack(network, images, labels, *, scale=1):\n    pass\n"
    assert written(text) == signatures.Signature("minimal", counts=False)


def test_a_file_that_is_missing_or_has_no_attack_is_named(written):
    with pytest.raises(ValueError, match=r"there is no file scripts/mirage/attacks/other.py"):
        signatures.signature("other")
    with pytest.raises(ValueError, match=r"scripts/mirage/attacks/mine.py defines no function"):
        written("def assail(network, images, labels):\n    pass\n")
