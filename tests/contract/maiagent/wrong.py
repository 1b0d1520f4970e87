"""Values that a field must refuse, by its type, with the words that refuse them.

Source: contracts/README.md, "Django REST Framework forms".
"""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from .door import UNKNOWN_ID

REQUIRED = ["This field is required."]
BIDI = "\u202eevil\u202c"
_NUL = ["Null characters are not allowed."]
_ODD_KEYS = ("x", " ", BIDI, "é" * 36, UNKNOWN_ID[:-1], UNKNOWN_ID + "\0", f"{{{UNKNOWN_ID}}}", "x" * 99)

Case = tuple[Any, Any]


def wrong_values(kind: inspect.Type) -> Iterator[Case]:
    """Values of every other type, and what the field's own limits refuse; each with what is answered."""
    form, optional = None, False
    if isinstance(kind, inspect.UnionType):
        (kind,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
        optional = True
    if isinstance(kind, inspect.Metadata):
        form, kind = (kind.extra or {}).get("form"), kind.type
    if isinstance(kind, inspect.UnionType):
        yield from ((value, said) for value, said in wrong_values(kind))
        return
    if not optional and not isinstance(kind, inspect.AnyType):
        yield None, ["This field may not be null."]
    yield from _WRONG[type(kind)](kind, form, optional)


def _texts(kind: Any, form: str | None, _optional: bool) -> Iterator[Case]:
    for value in (7, 1.5, True, [], {}):
        yield value, ["Not a valid string."]
    yield "a\0b", _NUL
    if kind.max_length is not None:
        most = kind.max_length
        yield "x" * (most + 1), [f"Ensure this field has no more than {most} characters."]
    if form == "filled":
        for value in ("", " \n\t", "\u3000"):
            yield value, ["This field may not be blank."]
    if form == "url":
        for value in (
            "x",
            "ftp://a.b",
            "javascript:alert(1)",
            "http://",
            "https:// a",
            BIDI,
            "//a",
            "http:///a",
        ):
            yield value, ["Enter a valid URL."]


def _truths(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value in ("true", "", 1, 0, [], {}):
        yield value, ["Must be a valid boolean."]


def _figures(kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value in ("x", "", "1.0", "٣", 1.5, True, [], {}, "1" * 5000):
        yield value, ["A valid integer is required."]
    if kind.ge is not None:
        for low in (kind.ge - 1, str(kind.ge - 1), -(10**400)):
            yield low, [f"Ensure this value is greater than or equal to {kind.ge}."]


def _keys(_kind: Any, _form: str | None, optional: bool) -> Iterator[Case]:
    for text in (*_ODD_KEYS, *(() if optional else ("",))):
        yield text, [f"“{text}” is not a valid UUID."]
    for value, shown in ((7, "7"), (True, "true"), ([], "[]"), ({}, "{}"), ([7, "a"], '[7, "a"]')):
        yield value, [f"“{shown}” is not a valid UUID."]
    yield "x" * 5000, ["“" + "x" * 100 + "” is not a valid UUID."]
    yield 10**400, ["“1" + "0" * 99 + "” is not a valid UUID."]


def _choices(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value, shown in (
        ("x", "x"),
        ("", ""),
        (BIDI, BIDI),
        (7, "7"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
    ):
        yield value, [f'"{shown}" is not a valid choice.']


def _days(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    odd = ("x", "2025-02-30", "0000-01-01", "10000-01-01", "2025/01/01", "20250101", "2025-01-01T00:00", "\0")
    for value in (*odd, " 2025-01-01", "2025-01-01\n", "+2025-01-01", "٢٠٢٥-٠١-٠١", "2025-13-01", BIDI):
        yield value, ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]


def _objects(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value, name in (("x", "str"), ("", "str"), (7, "int"), (1.5, "float"), (True, "bool"), ([], "list")):
        yield value, [f'Expected a dictionary of items but got type "{name}".']
    for nul in ({"a": "\0"}, {"a\0": 1}, {"a": [{"b": "\\\0"}]}):
        yield nul, _NUL


def _lists(kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value, name in (("x", "str"), (7, "int"), (True, "bool"), ({}, "dict")):
        yield value, [f'Expected a list of items but got type "{name}".']
    if kind.max_length is not None:
        item = {"filename": "a", "file": "b"}
        for count in (kind.max_length + 1, 10_000):
            yield [item] * count, [f"Ensure this field has no more than {kind.max_length} elements."]


def _structs(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value, name in (("x", "str"), ("", "str"), (7, "int"), (True, "bool"), ([], "list"), (1.5, "float")):
        yield (
            value,
            {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {name}."]},
        )


def _anything(_kind: Any, _form: str | None, _optional: bool) -> Iterator[Case]:
    for value in ("\0", {"a": "\0"}, [["\0"]]):
        yield value, _NUL


_WRONG = {
    inspect.StrType: _texts,
    inspect.BoolType: _truths,
    inspect.IntType: _figures,
    inspect.UUIDType: _keys,
    inspect.EnumType: _choices,
    inspect.DateType: _days,
    inspect.DictType: _objects,
    inspect.ListType: _lists,
    inspect.StructType: _structs,
    inspect.AnyType: _anything,
}
