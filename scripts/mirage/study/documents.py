"""YAML and JSON files, read without what YAML does in silence.

Of a key that stands twice YAML takes the last, and what the first said is gone. It takes `on` for
true, `010` for 8 and `1:30` for 90. All of this is refused here.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from mirage.runtime.errors import MirageError

TAG = "tag:yaml.org,2002:"
KINDS = {
    "bool": "true or false",
    "null": "an empty value",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}


class DocumentError(MirageError, ValueError):
    """A file that does not say what it seems to; the message has a line for each fault."""


def read(path: Path | str, *, keys_only: bool = False) -> object:
    """Read a YAML or JSON file.

    Anchors, aliases and merge keys (`<<`) are allowed, and so is a key that a merge brings as well.

    Args:
        path: The file.
        keys_only: Refuse keys that stand twice and nothing else: how numbers are written is the
            business of whoever reads the file.

    Returns:
        Plain dicts, lists, texts, numbers, true, false, None and dates; None for an empty file.

    Raises:
        DocumentError: The file is neither YAML nor JSON, a key stands twice in a mapping or is no
            text, or a number is written in a form that YAML takes for another number.
        OSError: It cannot be opened.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not a text in UTF-8 (byte {error.start})") from None
    as_json = _is_json(text)
    # JSON is YAML but for its tabs, which can stand between its words only.
    try:
        loader = yaml.SafeLoader(text.replace("\t", " ") if as_json else text)
        node = loader.get_single_node()
        faults = [f"{path}, {fault}" for fault in _faults(node, as_text=as_json or keys_only)]
        if faults:
            raise DocumentError("\n".join(faults))
        if as_json:
            return json.loads(text)
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise DocumentError(f"{path}{_told(error)}") from None


def faults(
    files: Iterable[Path | str], arguments: Iterable[str] = (), *, keys_only: bool = False
) -> list[str]:
    """What is wrong with the sources of a configuration, in the order of the sources.

    Args:
        files: Files that a configuration was read from.
        arguments: Entries `key=value` of Snakemake's `--config`, which reads values as YAML.
        keys_only: As in `read`, for the files.
    """
    found = []
    for file in dict.fromkeys(map(os.path.relpath, files)):
        try:
            read(file, keys_only=keys_only)
        except DocumentError as error:
            found += str(error).splitlines()
    given = set()
    for key, _, value in (entry.partition("=") for entry in arguments):
        if key in given:
            found.append(f"--config: {key!r} stands twice; give it once")
        given.add(key)
        try:
            node = yaml.compose(value.strip("'\""), yaml.SafeLoader)
        except yaml.YAMLError:  # Snakemake then takes it for text
            continue
        # Here Snakemake leaves numbers as the text they are written in.
        found += [f"--config {key}, {fault}" for fault in _faults(node, as_text=True)]
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _faults(node: yaml.Node | None, *, as_text: bool) -> list[str]:
    """What YAML would do in silence, by line; numbers stay as they are written if `as_text`."""
    found, waiting, seen = [], [node] if node else [], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:  # an alias
            continue
        seen.add(id(one))
        if isinstance(one, yaml.MappingNode):
            found += _repeated_keys(one)
            found += [] if as_text else _odd_keys(one)
            waiting += [value for _, value in one.value]
        elif isinstance(one, yaml.SequenceNode):
            waiting += one.value
        elif not as_text:
            found += _odd_number(one)
    return [f"line {line}: {fault}" for line, fault in sorted(found)]


def _repeated_keys(mapping: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    first = {}
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
            yield (
                _line(key),
                f"the key {key.value!r} stands here a second time, after line "
                f"{_line(first[key.value])}; only the last would count: keep one of them",
            )


def _odd_keys(mapping: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    """Keys that are no text."""
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            yield _line(key), "a list or a mapping cannot be a key; a key is text"
        elif kind := KINDS.get(key.tag.removeprefix(TAG)):
            yield _line(key), f"YAML takes the key {key.value} for {kind}; put it in quotes"


def _odd_number(scalar: yaml.ScalarNode) -> Iterator[tuple[int, str]]:
    """A number that people and YAML may read differently: octal, in sixties, with _."""
    kind, text = scalar.tag.removeprefix(TAG), scalar.value
    odd = {"int": r"[-+]?0.+|.*[_:].*", "float": r".*[_:].*"}.get(kind)
    if odd and re.fullmatch(odd, text):
        meant = yaml.safe_load(text)
        yield (
            _line(scalar),
            f"YAML takes {text} for the number {meant}; write {meant}, or put it in quotes if it "
            "is text",
        )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _told(error: yaml.YAMLError) -> str:
    """Where a text is no YAML, and why."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f", line {mark.line + 1}" if mark else ""
    why = problem or str(error).splitlines()[0]
    tab = "; YAML is indented by spaces, never by tabs" if "\\t" in why else ""
    return f"{where}: it cannot be read as YAML ({why}){tab}"
