"""From a pydantic model to the fields of a schema.

A model says two things: which values are good, and how they are converted. The first becomes rules; what of it Tamis has no
rule for is a ``SchemaError``, never left out. The second does not concern a check: a value is read as its type, as
everywhere in Tamis (``"yes"`` is no boolean, ``"nan"`` no number).

Pydantic is never imported here: whoever hands in a model has done so.
"""

from __future__ import annotations

import enum
import ipaddress
import types
import uuid
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from tamis.errors import SchemaError
from tamis.field import Field

__all__ = ["Column", "columns", "is_strict"]

_PLAIN: dict[Any, tuple[type, str | None]] = {
    str: (str, None),
    int: (int, None),
    float: (float, None),
    bool: (bool, None),
    date: (date, None),
    datetime: (datetime, None),
    Decimal: (Decimal, None),
    uuid.UUID: (str, "uuid"),
    ipaddress.IPv4Address: (str, "ipv4"),
    ipaddress.IPv6Address: (str, "ipv6"),
}
#: Types of pydantic's own, by name: importing them would import pydantic.
_NAMED = {"EmailStr": (str, "email"), "AnyUrl": (str, "uri")}
#: Metadata about output and documents, which says nothing of the values that come in.
_HARMLESS = {"PlainSerializer", "WrapSerializer", "WithJsonSchema", "Strict"}
#: General metadata of the same kind, and about conversion.
_HARMLESS_KEYS = {"strict", "union_mode", "coerce_numbers_to_str"}
_CONVERSIONS = ("strip_whitespace", "to_lower", "to_upper")


class Column:
    """What is known of one column: the arguments of a ``Field``, and what a ``Field`` has no argument for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.type: type | None = None
        self.format: str | None = None
        self.choices: list[Any] | None = None
        self.nullable = False
        self.required = True
        self.description: str | None = None
        self.pattern: Any = None
        self.lower: tuple[Any, bool] | None = None
        self.upper: tuple[Any, bool] | None = None
        self.min_length: int | None = None
        self.max_length: int | None = None
        self.multiple_of: Any = None

    def refuse(self, what: str) -> SchemaError:
        """The error for what cannot be expressed."""
        return SchemaError(f"field `{self.name}`: {what} cannot be expressed in a schema")

    def field(self) -> Field:
        """The field; bounds that exclude themselves and multiples are not in it."""
        return Field(
            self.type,  # type: ignore[arg-type]
            required=self.required,
            min=self.lower and self.lower[0],
            max=self.upper and self.upper[0],
            min_length=self.min_length,
            max_length=self.max_length,
            pattern=self.pattern,
            choices=self.choices,
            format=self.format,
            nullable=self.nullable,
            description=self.description,
        )

    # -- the annotation ------------------------------------------------------------------------------------------

    def annotate(self, annotation: Any) -> None:
        """Takes the type that an annotation says, with the metadata inside of it."""
        origin = get_origin(annotation)
        if origin is Annotated:
            inner, *metadata = get_args(annotation)
            self.annotate(inner)
            self.constrain(metadata)
        elif origin in (Union, types.UnionType):
            members = [member for member in get_args(annotation) if member is not type(None)]
            if len(members) < len(get_args(annotation)):
                self.nullable = True
            if len(members) != 1:
                raise self.refuse(f"a union of types ({annotation})")
            self.annotate(members[0])
        elif origin is Literal:
            self.choose(get_args(annotation), "Literal")
        elif hasattr(annotation, "__supertype__"):
            self.annotate(annotation.__supertype__)
        elif type(annotation).__name__ == "TypeAliasType":
            self.annotate(annotation.__value__)
        elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            self.choose([member.value for member in annotation], f"the enumeration {annotation.__name__}")
        elif known := self.known(annotation):
            self.type, self.format = known
        else:
            name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
            raise self.refuse(f"the type {name}")

    @staticmethod
    def known(annotation: Any) -> tuple[type, str | None] | None:
        try:
            plain = _PLAIN.get(annotation)
        except TypeError:
            return None
        if plain is None and getattr(annotation, "__module__", "").startswith("pydantic"):
            return _NAMED.get(getattr(annotation, "__name__", ""))
        return plain

    def choose(self, values: Iterable[Any], what: str) -> None:
        """Takes the only values allowed, which must be of one type."""
        values = list(values)
        chosen = [value.value if isinstance(value, enum.Enum) else value for value in values]
        if None in chosen:
            self.nullable = True
            chosen = [value for value in chosen if value is not None]
        kinds = {type(value) for value in chosen}
        if len(kinds) != 1:
            raise self.refuse(f"{what} with values of {len(kinds)} types")
        kind = kinds.pop()
        # Members of a `StrEnum` have been made plain by `.value`; other subclasses are not.
        if kind not in (str, int, float, Decimal, date):
            raise self.refuse(f"{what} with values of type {kind.__name__}")
        self.type, self.choices = kind, chosen

    # -- the metadata --------------------------------------------------------------------------------------------

    def constrain(self, metadata: Iterable[Any]) -> None:
        """Takes the constraints among the metadata of a field."""
        for item in metadata:
            kind = type(item)
            is_group = hasattr(item, "__is_annotated_types_grouped_metadata__")
            if is_group:
                self.constrain(item)
            elif kind.__module__.startswith("annotated_types"):
                self.constrain_by(kind.__name__, item)
            elif kind.__name__.endswith("PydanticGeneralMetadata"):
                for key, value in vars(item).items():
                    self.constrain_key(key, value)
            elif kind.__name__ == "FieldInfo":
                self.constrain(item.metadata)
            elif kind.__name__ == "AllowInfNan":
                self.constrain_key("allow_inf_nan", item.allow_inf_nan)
            elif kind.__name__ in _HARMLESS:
                continue
            elif hasattr(item, "__get_pydantic_core_schema__") or kind.__module__.startswith("pydantic"):
                raise self.refuse(f"`{kind.__name__}`")
            # Pydantic ignores all other metadata too.

    def constrain_by(self, name: str, item: Any) -> None:
        match name:
            case "Ge":
                self.at_least(item.ge, is_exclusive=False)
            case "Gt":
                self.at_least(item.gt, is_exclusive=True)
            case "Le":
                self.at_most(item.le, is_exclusive=False)
            case "Lt":
                self.at_most(item.lt, is_exclusive=True)
            case "MultipleOf":
                self.multiple(item.multiple_of, "multiple_of")
            case "MinLen":
                self.min_length = max(item.min_length, self.min_length or 0)
            case "MaxLen":
                shorter = [length for length in (item.max_length, self.max_length) if length is not None]
                self.max_length = min(shorter)
            case "DocInfo":
                pass
            case _:
                raise self.refuse(f"`{item}`")

    def constrain_key(self, key: str, value: Any) -> None:
        """One entry of pydantic's general metadata."""
        if value is None or key in _HARMLESS_KEYS:
            return
        if key == "pattern":
            if self.pattern is not None:
                raise self.refuse("a second `pattern`")
            self.pattern = value
        elif key == "decimal_places":
            self.multiple(Decimal(1).scaleb(-value), "decimal_places")
        elif key in _CONVERSIONS or key in ("allow_inf_nan", "ascii_only"):
            if value:
                raise self.refuse(f"`{key}=True`")
        else:
            raise self.refuse(f"`{key}={value!r}`")

    def at_least(self, value: Any, *, is_exclusive: bool) -> None:
        if self.lower is None or (value, is_exclusive) > self.lower:
            self.lower = (value, is_exclusive)

    def at_most(self, value: Any, *, is_exclusive: bool) -> None:
        if self.upper is None or (value, not is_exclusive) < (self.upper[0], not self.upper[1]):
            self.upper = (value, is_exclusive)

    def multiple(self, value: Any, argument: str) -> None:
        if self.multiple_of is not None:
            raise self.refuse(f"a second multiple (`{argument}`)")
        self.multiple_of = value


def is_strict(model: Any) -> bool:
    """Whether the model refuses keys it does not name."""
    return bool(model.model_config.get("extra") == "forbid")


def columns(model: Any) -> Iterator[Column]:
    """The columns of a pydantic model (version 2), under the names the data has: aliases where there are any.

    Raises ``SchemaError`` for what cannot be expressed, by the field's name.
    """
    if not (isinstance(model, type) and hasattr(model, "model_fields") and hasattr(model, "model_config")):
        raise SchemaError(f"expected a pydantic model (a class, version 2), not {model!r}")
    _refuse_code(model)
    config = model.model_config
    for key in ("str_strip_whitespace", "str_to_lower", "str_to_upper"):
        if config.get(key):
            raise SchemaError(f"model `{model.__name__}`: `{key}` cannot be expressed in a schema")
    for attribute, info in model.model_fields.items():
        alias = info.validation_alias or info.alias
        if alias is not None and not isinstance(alias, str):
            raise SchemaError(
                f"field `{attribute}`: `{alias}` cannot be expressed in a schema; one alias can"
            )
        column = Column(alias or attribute)
        column.description = info.description
        column.required = info.is_required()
        column.annotate(info.annotation)
        column.constrain(info.metadata)
        if column.type is str and column.choices is None and column.format is None:
            _apply_config(column, config)
        yield column


def _apply_config(column: Column, config: Any) -> None:
    """Lengths that a model's configuration sets for all of its texts."""
    if column.min_length is None:
        column.min_length = config.get("str_min_length") or None
    if column.max_length is None:
        column.max_length = config.get("str_max_length")


def _refuse_code(model: Any) -> None:
    """Validators are code, which no contract can hold."""
    decorators = getattr(model, "__pydantic_decorators__", None)
    for kind in ("validators", "field_validators", "root_validators", "model_validators"):
        for name in getattr(decorators, kind, {}):
            raise SchemaError(
                f"model `{model.__name__}`: the validator `{name}` is code and cannot be expressed in a schema"
            )
    if getattr(model, "__pydantic_root_model__", False):
        raise SchemaError(f"model `{model.__name__}`: a root model has no columns")
    for base in model.__mro__:
        if not base.__module__.startswith("pydantic") and "__get_pydantic_core_schema__" in vars(base):
            raise SchemaError(
                f"model `{model.__name__}`: `__get_pydantic_core_schema__` is code and cannot be expressed in a schema"
            )
