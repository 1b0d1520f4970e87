"""Compares a reply with a document's example: every documented field, with its type and form."""

import re
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The document's own dates have a sixteenth month: only their form can be compared.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


def assert_same_shape(
    reply: Any, example: Any, *, nullable: frozenset[str] = frozenset(), at: str = "$"
) -> None:
    """Fails with the place where `reply` differs in form from `example`; fields beyond it are allowed.

    A null in the example accepts null or a string; `nullable` names further fields that may be null.
    """
    if example is None:
        assert reply is None or isinstance(reply, str), f"{at}: {reply!r} is neither null nor a string"
    elif isinstance(example, dict):
        _assert_object(reply, example, nullable, at)
    elif isinstance(example, list):
        assert isinstance(reply, list), f"{at}: {reply!r} is no list"
        for place, item in enumerate(reply):
            assert_same_shape(item, example[0], nullable=nullable, at=f"{at}[{place}]")
    else:
        _assert_value(reply, example, at)


def _assert_object(reply: Any, example: dict[str, Any], nullable: frozenset[str], at: str) -> None:
    assert isinstance(reply, dict), f"{at}: {reply!r} is no object"
    missing = example.keys() - reply.keys()
    assert not missing, f"{at}: {missing} missing"
    for name, value in example.items():
        if reply[name] is None and name in nullable:
            continue
        assert_same_shape(reply[name], value, nullable=nullable, at=f"{at}.{name}")


def _assert_value(reply: Any, example: Any, at: str) -> None:
    assert type(reply) is type(example), f"{at}: {reply!r} is not like {example!r}"
    if isinstance(example, bool):
        assert reply is example, f"{at}: {reply!r} is not {example!r}"
    for form in (_UUID, _MOMENT):
        if isinstance(example, str) and form.fullmatch(example):
            assert form.fullmatch(reply), f"{at}: {reply!r} has not the form of {example!r}"
