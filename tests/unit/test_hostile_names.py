"""Names that become paths and words of commands: only harmless ones, or the key is named."""

import copy
from pathlib import Path

import pytest
import yaml

from mirage.study import config

ROOT = Path(config.__file__).parents[3]
GIVEN = yaml.safe_load((ROOT / "config/test.yaml").read_text())
HOSTILE = (
    "a b",
    "$(touch pwned)",
    ";touch pwned;",
    "`touch pwned`",
    "--help",
    "-n",
    "../x",
    "a/b",
    "..",
    "",
    'a"b',
    "a'b",
    "a\nb",
    "adam\n",  # a "$" of Python's patterns would let it pass
    "a\0b",
    "{run}",
    "a*",
    "~",
    "é",
)
# Where a name stands: the keys of a mapping, or a value.
KEYS = ("runs", "attacks", "defences", "figures", "tables")
VALUES = (
    ("dataset",),
    ("folder",),
    ("runs", "float32", "network"),
    ("runs", "float32", "dtype"),
    ("runs", "float32", "optimizer", "name"),
    ("runs", "float32", "objective", "name"),
    ("runs", "float32", "objective", "epsilon"),
    ("runs", "tuned", "start", "run"),
    ("runs", "tuned", "perturbed_by", "attack"),
    ("attacks", "fgsm", "method"),
    ("attacks", "fgsm", "gradient"),
    ("attacks", "transfer", "source"),
    ("defences", "smooth", "method"),
    ("also", 0, "run"),
    ("also", 0, "attack"),
    ("also", 0, "epsilons", 0),
    ("also", 1, "dtype"),
    ("also", 2, "split"),
    ("also", 3, "defence"),
    ("figures", "by-epoch", "plot"),
    ("figures", "by-epoch", "select", "run"),
    ("figures", "by-epoch", "select", "attack"),
    ("figures", "by-epoch", "select", "epsilon"),
    ("figures", "by-epoch", "published"),
    ("figures", "digits", "select", "split"),
    ("figures", "by-value", "select", 1, "defence"),
    ("summary", "runs", 0),
    ("summary", "epsilon"),
    ("summary", "columns", 0, "attack"),
)


def refusal(given):
    with pytest.raises(config.ConfigError) as error:
        config.read(given, ROOT, {"yue2018/fig1": []})
    return str(error.value)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("key", KEYS)
def test_a_name_that_is_no_name_is_refused(key, name):
    given = copy.deepcopy(GIVEN)
    given[key][name] = copy.deepcopy(next(iter(given[key].values())))
    assert f"  - {key}: " in refusal(given)


@pytest.mark.parametrize("name", ["", "a b", "$(touch pwned)", "--help", "../x", "float32\n"])
@pytest.mark.parametrize("place", VALUES, ids=lambda place: ".".join(map(str, place)))
def test_a_value_that_names_something_is_refused(place, name):
    given = copy.deepcopy(GIVEN)
    inner = given
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = name
    message = refusal(given)
    # The key, or for what names nothing the entry that it stands in.
    assert any(f"  - {'.'.join(map(str, place[:end]))}" in message for end in (len(place), 2, 1))


@pytest.mark.parametrize("folder", ["a\nb", "a\0b", "a\x1b[2Jb", "a\n"])
def test_a_folder_of_data_has_no_control_characters(folder):
    assert "  - data_folder: " in refusal({**GIVEN, "data_folder": folder})
