"""Checks of plain data against a JSON Schema, told in sentences for people."""

import datetime
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping

import jsonschema

TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text in quotes",
    "number": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: object) -> bool:
    # A whole number may be too large for a float; "not a number" is not even equal to itself.
    return (_whole(value) or isinstance(value, float)) and abs(value) <= sys.float_info.max


def _pattern(_validator: object, pattern: str, value: object, _schema: object) -> Iterator:
    # In JSON Schema "$" is the end; in Python it may stand before a last line break, too.
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield jsonschema.ValidationError("it must be written in another form")


# JSON Schema takes 1.0 for an integer, but paths are made of seeds and epochs; and YAML can write
# numbers, .nan and .inf, that nothing can be trained with.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: _whole(value),
            "number": lambda _, value: _finite(value),
        }
    ),
)


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


def sentences(fault: jsonschema.ValidationError) -> list[str]:
    """A fault in words: key, value, and what is allowed."""
    key = ".".join(map(str, fault.absolute_path)) or "(top level)"
    value, rule, limit = fault.instance, fault.validator, fault.validator_value
    if rule == "oneOf":
        return _branch_sentences(fault, key)
    if rule == "additionalProperties":
        known = fault.schema.get("properties", {})
        unknown = ", ".join(repr(name) for name in value if name not in known)
        return [f"{key}: unknown key {unknown}; allowed are {named(known)}"]
    if rule == "required":
        missing = [name for name in limit if name not in value]
        verb = "is" if len(missing) == 1 else "are"
        return [f"{key}: {', '.join(map(repr, missing))} {verb} missing"]
    wanted = {
        "enum": lambda: f"allowed are {named(limit)}",
        "type": lambda: f"it must be {TYPES[limit]}",
        "minimum": lambda: f"it must be at least {limit}",
        "maximum": lambda: f"it must be at most {limit}",
        "exclusiveMinimum": lambda: f"it must be greater than {limit}",
        "exclusiveMaximum": lambda: f"it must be less than {limit}",
        "uniqueItems": lambda: "nothing may stand in it twice",
        "minItems": lambda: f"it needs at least {limit} of them",
        "maxItems": lambda: f"it takes at most {limit} of them",
        "minProperties": lambda: f"it needs at least {limit} of them",
        "maxLength": lambda: f"it must have at most {limit} characters",
        "not": lambda: f"it must not be {limit['const']}",
        "pattern": lambda: "it must be written in another form",
    }.get(rule, lambda: fault.message)()
    return [_refusal(key, value, wanted, fault.schema)]


def _refusal(key: str, value: object, wanted: str, schema: Mapping) -> str:
    hint = schema.get("description", "").strip().rstrip(".")
    if isinstance(value, str) and TYPES["number"] in wanted:
        hint = "without quotes; YAML takes 1e-3 for text: write 0.001 or 1.0e-3"
    if isinstance(value, bool) and TYPES["string"] in wanted:
        hint = "YAML takes on, off, yes and no without quotes for true and false"
    return f"{key}: {shown(value)} is not allowed; {wanted}" + (f" ({hint})" if hint else "")


def _branch_sentences(fault: jsonschema.ValidationError, key: str) -> list[str]:
    """The faults of that branch of a `oneOf` which a value is meant to be.

    It is the branch whose constant (`name`, `method`) the value has, or else that of its type.
    """
    value, branches = fault.instance, fault.validator_value
    constants = [
        (name, content["const"])
        for branch in branches
        for name, content in branch.get("properties", {}).items()
        if isinstance(content, Mapping) and "const" in content
    ]
    faults_of = [
        [inner for inner in fault.context if inner.schema_path[0] == number]
        for number in range(len(branches))
    ]
    if constants and isinstance(value, dict):
        tag, allowed = constants[0][0], [constant for _, constant in constants]
        if tag not in value:
            return [f"{key}: {tag!r} is missing; allowed are {named(allowed)}"]
        if value[tag] not in allowed:
            return [
                f"{key}.{tag}: {shown(value[tag])} is not allowed; allowed are {named(allowed)}"
            ]
        meant = faults_of[allowed.index(value[tag])]
    else:
        of_type = [
            faults
            for faults in faults_of
            if not any(inner.validator == "type" and not inner.path for inner in faults)
        ]
        if len(of_type) != 1:
            types = dict.fromkeys(TYPES[branch.get("type", "string")] for branch in branches)
            return [_refusal(key, value, f"it must be {' or '.join(types)}", fault.schema)]
        (meant,) = of_type
    return [sentence for inner in meant for sentence in sentences(inner)]


def complete(value: object, schema: Mapping, root: Mapping) -> None:
    """Fill in the schema's defaults, in place."""
    if "$ref" in schema:
        complete(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    for branch in schema.get("oneOf", ()):
        if Validator({**branch, "$defs": root["$defs"]}).is_valid(value):
            complete(value, branch, root)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if isinstance(inner, dict) and "default" in inner:
                # Put in last whether given or not: giving a default is no reason to run again.
                value[key] = value.pop(key, plain(inner["default"]))
        others = schema.get("additionalProperties")
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, others)
            if isinstance(inner, dict):
                complete(item, inner, root)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            complete(item, schema["items"], root)
