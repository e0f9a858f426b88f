"""Faults told in sentences for people."""

import datetime
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo

from mirage.study.typed import KINDS

# What is allowed, by pydantic's type of fault. {ge} and the like come from the model.
WANTED = {
    "dict_type": f"it must be {KINDS[dict]}",
    "model_type": f"it must be {KINDS[dict]}",
    "list_type": f"it must be {KINDS[list]}",
    "tuple_type": f"it must be {KINDS[list]}",
    "string_type": f"it must be {KINDS[str]}",
    "float_type": f"it must be {KINDS[float]}",
    "finite_number": f"it must be {KINDS[float]}",
    "int_type": f"it must be {KINDS[int]}",
    "bool_type": f"it must be {KINDS[bool]}",
    "literal_error": "allowed are {allowed}",
    "word": f"it must be {KINDS[dict]}",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "it needs at least {min_length} of them",
    "too_long": "it takes at most {max_length} of them",
    "string_too_long": "it must have at most {max_length} characters",
    "string_pattern_mismatch": "it must be written in another form",
}


def plain(value: object) -> object:
    """A deep copy of dicts and lists, keys sorted: their order is no reason to run again."""
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def shown(value: object) -> str:
    """A value as it may stand in a sentence: not too long, and nothing Python's."""
    if value is None:
        return "an empty value"
    if isinstance(value, datetime.date):
        return str(value)
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    return short.repr(value)


def named(names: Iterable) -> str:
    """Names in a row, as they stand in a sentence."""
    return ", ".join(map(str, names)) or "none"


def faults_in(content: object, model: type[BaseModel]) -> list[str]:
    """What a model says against some content, each fault in a sentence.

    A sentence names the key as it was written, the value, and what is allowed.
    """
    if odd := list(_odd_keys(content)):
        return odd
    try:
        model.model_validate(content)
    except ValidationError as error:
        together = {}
        for fault in error.errors(include_url=False):
            # What is missing, or unknown, in one mapping is one fault.
            of_mapping = fault["type"] in ("missing", "extra_forbidden")
            place = fault["loc"][:-1] if of_mapping else fault["loc"]
            together.setdefault((place, fault["type"]), []).append(fault)
        ordered = sorted(together.items(), key=lambda one: list(map(str, one[0][0])))
        return [_sentence(model, place, kind, found) for (place, kind), found in ordered]
    return []


def _odd_keys(content: object, place: str = "") -> Iterator[str]:
    """Keys that are no text, told first: pydantic takes true for 1 and names another key."""
    if not isinstance(content, Mapping | list):
        return
    for key, value in content.items() if isinstance(content, Mapping) else enumerate(content):
        if isinstance(content, Mapping) and not isinstance(key, str):
            where = place or "(top level)"
            yield f"{where}: the key {shown(key)} is not allowed; a key is {KINDS[str]}"
        else:
            yield from _odd_keys(value, f"{place}.{key}" if place else str(key))


def _sentence(model: type[BaseModel], place: tuple, kind: str, found: list[dict]) -> str:
    """One fault, or those of one kind in one mapping."""
    if place[-1:] == ("[key]",):  # the key itself is wrong, not what stands there
        place = (*place[:-2], "[key]")
    key, annotation, about = _at(model, place)
    value, context = found[0]["input"], found[0].get("ctx", {})
    if kind == "missing" and isinstance(found[0]["loc"][-1], int):  # of a list
        kind, context = "too_short", {"min_length": len(get_args(annotation))}
    if kind == "missing":
        names = [repr(one["loc"][-1]) for one in found]
        return f"{key}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
    if kind == "extra_forbidden":
        names = ", ".join(repr(one["loc"][-1]) for one in found)
        known = named(info.alias or name for name, info in annotation.model_fields.items())
        return f"{key}: unknown key {names}; allowed are {known}"
    if kind == "word" and isinstance(value, Mapping):
        tag, allowed = found[0]["msg"].split("; ")
        if tag not in value:
            return f"{key}: {tag!r} is missing; {allowed}"
        return f"{key}.{tag}: {shown(value[tag])} is not allowed; {allowed}"
    context = {name: _short(limit) for name, limit in context.items()}
    if kind == "literal_error":
        context["allowed"] = named(get_args(annotation))
    wanted = (
        WANTED[kind].format(**context)
        if kind in WANTED
        else found[0]["msg"].removeprefix("Value error, ")
    )
    hint = " ".join(about.split()).rstrip(".")
    if isinstance(value, str) and KINDS[float] in wanted:
        hint = "without quotes; YAML takes 1e-3 for text: write 0.001 or 1.0e-3"
    if isinstance(value, bool) and KINDS[str] in wanted:
        hint = "YAML takes on, off, yes and no without quotes for true and false"
    return f"{key}: {shown(value)} is not allowed; {wanted}" + (f" ({hint})" if hint else "")


def _short(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit == int(limit) else limit


def _at(model: type[BaseModel], place: tuple) -> tuple[str, object, str]:
    """The key of a place as a person wrote it, the annotation there, and its description."""
    key, annotation, about = [], model, ""
    for part in place:
        inner, kind = get_args(annotation), get_origin(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = {info.alias or name: info for name, info in annotation.model_fields.items()}
            annotation, about = fields[part].annotation, fields[part].description or ""
        elif kind is dict:
            annotation = inner[0 if part == "[key]" else 1]
        elif kind in (list, tuple):
            annotation = inner[part if kind is tuple else 0]
        else:  # a choice, and the tag of a branch
            annotation = next(one for one in inner if Tag(part) in get_args(one))
        if kind is not Union and part != "[key]":
            key.append(str(part))
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            infos = [one.description for one in more if isinstance(one, FieldInfo)]
            about = next(filter(None, infos), about)  # else what is said of the whole
    return ".".join(key) or "(top level)", annotation, about
