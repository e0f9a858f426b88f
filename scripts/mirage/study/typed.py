"""What the models of a configuration are made of: strict types, no other keys, named choices."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

# What a sentence calls a kind of value.
KINDS = {
    dict: "a mapping of keys to values",
    list: "a list",
    str: "text in quotes",
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
}


class Typed(BaseModel):
    """A mapping with these keys and no others.

    A field whose default is None may be left out. None itself, an empty value, is refused.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


T = TypeVar("T")


def _once(values: list) -> list:
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "nothing may stand in it twice")
    return values


# Lists: one that is not empty, one in which nothing stands twice, and one that is both.
Some = Annotated[list[T], Field(min_length=1)]
Unique = Annotated[list[T], Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_once)]
Several = Annotated[Unique[T], Field(min_length=1)]


def by(key: str, *models: type[BaseModel]) -> object:
    """A choice of models by the word that each has at `key`."""
    named = {get_args(model.model_fields[key].annotation)[0]: model for model in models}

    def tag(value: object) -> str | None:
        word = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
        return f"<{word}>" if isinstance(word, str) and word in named else None

    return _choice(named, tag, "word", f"{key}; allowed are {', '.join(named)}")


def either(*branches: object) -> object:
    """A choice by the kind of value, such as text or a list; each kind stands there once."""
    kinds = {_kind(branch): branch for branch in branches}

    def tag(value: object) -> str | None:
        kind = dict if isinstance(value, Mapping | BaseModel) else type(value)
        if kind is int and int not in kinds:
            kind = float
        return f"<{kind.__name__}>" if kind in kinds else None

    branches_by_name = {kind.__name__: branch for kind, branch in kinds.items()}
    wanted = " or ".join(KINDS[kind] for kind in kinds)
    return _choice(branches_by_name, tag, "kind", f"it must be {wanted}")


def _choice(branches: Mapping[str, object], tag: object, fault: str, message: str) -> object:
    # Pydantic puts the tag into the path of a fault; the brackets tell it from a key.
    tagged = tuple(Annotated[branch, Tag(f"<{name}>")] for name, branch in branches.items())
    told = {"custom_error_type": fault, "custom_error_message": message}
    return Annotated[Union[tagged], Discriminator(tag, **told)]  # noqa: UP007


def _kind(branch: object) -> type:
    """The kind of value that a branch takes."""
    while get_origin(branch) is Annotated:
        branch = get_args(branch)[0]
    kind = get_origin(branch) or branch
    if kind is Literal:
        return str
    return dict if issubclass(kind, BaseModel) else kind


class _Schema(GenerateJsonSchema):
    """JSON Schema without what our models do not mean, such as None as a default."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: Mapping) -> dict:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, default: object) -> object:
        if isinstance(default, BaseModel):
            return default.model_dump(mode="json", exclude_none=True)
        return super().encode_default(default)

    def dict_schema(self, schema: Mapping) -> dict:
        found = super().dict_schema(schema)
        # A name that is in none of the patterns is none.
        return found | ({"additionalProperties": False} if "patternProperties" in found else {})


def json_schema(model: type[Typed]) -> dict:
    """The JSON Schema of a model, for editors and for readers."""
    return {"$schema": _Schema.schema_dialect} | model.model_json_schema(schema_generator=_Schema)
