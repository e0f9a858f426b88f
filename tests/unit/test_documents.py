"""YAML and JSON files are read as they seem to say, or refused with file, key and line."""

import subprocess

import pytest
import yaml
from workflow import ROOT

from mirage.study import config, documents, library

SHIPPED = sorted(
    path
    for place in (
        "config.yaml",
        "*.yml",
        ".github/*/*.y*ml",
        "*/*.yaml",
        "profiles/*/*.yaml",
        "scripts/mirage/data/*.yaml",
        "studies/*/*.yaml",
        "tests/*/*.yaml",
    )
    for path in ROOT.glob(place)
)

REFUSED = [
    # a file, the line of the fault, what is told of it
    ("learning_rate: 1\nl2: 0\nlearning_rate: 2\n", 3, ["'learning_rate'", "after line 1"]),
    ("runs:\n  base: {l2: 1}\n  base: {l2: 2}\n", 3, ["'base'", "after line 2"]),
    ("runs: {base: {split: 1, l2: 1,\n  split: 2}}\n", 2, ["'split'", "after line 1"]),
    ('a: 1\n"a": 2\n', 2, ["'a'", "after line 1"]),
    ("- {a: 1}\n- {b: 1,\n   b: 1}\n", 3, ["'b'", "after line 2"]),
    ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", 4, ["'<<'", "after line 3"]),
    ("x: &x {a: 1, a: 2}\ny: *x\nz: {<<: *x}\n", 1, ["'a'"]),
    ('{"a": 1,\n\t"b": {"c": 1,\n\t"c": 1e-3}}', 3, ["'c'", "after line 2"]),
    ('{"a":"\\ud83d\\ude00\\/",\n"b":[{"a":1,"a":2}]}', 2, ["'a'", "after line 2"]),
    ("runs:\n  on: 1\n", 2, ["key on", "true or false", "quotes"]),
    ("No: 1\n", 1, ["key No", "true or false", "quotes"]),
    ("runs: {1: 1}\n", 1, ["key 1", "a number", "quotes"]),
    ("2020-01-02: 1\n", 1, ["key 2020-01-02", "a date", "quotes"]),
    ("a: 1\n~: 1\n", 2, ["key ~", "an empty value", "quotes"]),
    ("[a, b]: 1\n", 1, ["cannot be a key"]),
    ("seeds: [1,\n  010]\n", 2, ["010", "the number 8", "write 8"]),
    ("seeds: [0x10]\n", 1, ["0x10", "the number 16"]),
    ("epochs: [1:30]\n", 1, ["1:30", "the number 90"]),
    ("train: 1_000\n", 1, ["1_000", "write 1000"]),
    ("l2: 1:30.5\n", 1, ["1:30.5", "the number 90.5"]),
    ("runs:\n\tbase: 1\n", 2, ["spaces, never by tabs"]),
    ("runs: {a: 1\n", 2, ["cannot be read as YAML"]),
    ("runs: *base\n", 1, ["cannot be read as YAML", "base"]),
    ("a: 1\n---\na: 2\n", 2, ["cannot be read as YAML", "another document"]),
    ("a: !!python/name:os.system\n", 1, ["cannot be read as YAML"]),
]

ALLOWED = [
    "a: &a {b: 1, c: [1, 2]}\nd: {<<: *a, b: 2}\ne: {b: 3, <<: *a}\n",
    "a: &a {b: 1}\nc: &c {d: 1}\ne: {<<: [*a, *c], b: 2}\nf: {<<: *a, g: {<<: *a}}\n",
    "a: {b: 1}\nc: {b: 1}\n",
    "a: &a [1, 2]\nb: *a\nc: [*a, *a]\n",
    "a: [0, -1, +2, 10, 1.50, .5, 1.0e-3, -0.5, 0.05, 1e-3, '010', \"1:30\", 2020-01-02]\n",
    "'on': yes\n'1': no\n",
    "",
    "- 1\n",
    "text\n",
    '{"a": 1, "b": {"a": 1e-3, "on": "010"}, "1": null}',
]


@pytest.mark.parametrize(("text", "line", "told"), REFUSED)
def test_what_would_be_taken_for_something_else_is_refused(tmp_path, text, line, told):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(documents.DocumentError) as error:
        documents.read(file)
    (message,) = str(error.value).splitlines()
    assert message.startswith(f"{file}, line {line}: ")
    assert all(part in message for part in told), message


@pytest.mark.parametrize("text", ALLOWED)
def test_all_else_is_read_as_before(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    is_json = text.startswith("{")
    expected = {"a": 1, "b": {"a": 0.001, "on": "010"}, "1": None}
    assert documents.read(file) == (expected if is_json else yaml.safe_load(text))


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(documents.DocumentError, match=r"mine.yaml: not a text in UTF-8 \(byte 3\)"):
        documents.read(tmp_path / "mine.yaml")


def test_all_faults_of_all_files_and_of_the_command_line_are_told_at_once(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.json"
    first.write_text("b: {c: 1, c: 2}\nb: 010\n")
    second.write_text('{"d": 1, "d": 2}')
    given = ["e=1", "e=2", "f={g: 1, g: 2}", "h={i: 010, on: 1}", "j=", "k=[", "l='1'"]
    with pytest.raises(config.ConfigError) as error:
        config.check_sources([first, second, first], given)
    _, *lines = str(error.value).splitlines()
    parts = ["line 1: the key 'c'", "line 2: YAML takes 010", "line 2: the key 'b'"]
    parts += ["second.json, line 1: the key 'd'", "--config: 'e' stands", "--config f, line 1: the"]
    assert len(lines) == len(parts)
    assert all(part in line for part, line in zip(parts, lines, strict=True)), lines


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shipped_file_is_read_strictly_as_it_is_by_yaml(file):
    assert documents.read(file) == yaml.safe_load(file.read_text())


def test_no_shipped_file_is_forgotten():
    listed = subprocess.run(
        ["git", "ls-files", "*.yaml", "*.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("needs the git repository")
    shipped = {str(path.relative_to(ROOT)) for path in SHIPPED}
    assert {name for name in listed.stdout.split() if not name.startswith("results/")} <= shipped


def test_claims_are_read_strictly(tmp_path):
    spoiled = tmp_path / "claims.yaml"
    spoiled.write_text((ROOT / "studies/hao/claims.yaml").read_text() + "a: {}\na: {}\n")
    with pytest.raises(documents.DocumentError, match=r"claims.yaml, line \d+: the key 'a'"):
        library.claims(spoiled)
