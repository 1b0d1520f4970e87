"""The REST framework's forms: whatever a body holds, it is taken as it is or refused field by field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import drf
from app.api.maiagent import bodies

KINDS = [bodies.Completion, bodies.NewMessage, bodies.NewContact, bodies.NewFeedback, bodies.RecordsQuery]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({field.encode_name for kind in KINDS for field in msgspec.structs.fields(kind)})
BODIES = JSON | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)


def names_of(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


@given(st.sampled_from(KINDS), BODIES)
def test_a_body_is_taken_or_refused_by_its_fields(kind: type[msgspec.Struct], body: Any) -> None:
    try:
        taken = drf.convert(body, kind)
    except drf.WrongFields as error:
        assert error.fields.keys() <= names_of(kind) | {"non_field_errors"}
        assert all(error.fields.values())
    else:
        # What was taken is right for msgspec too, which checks the same struct in its own way.
        msgspec.convert(msgspec.to_builtins(taken), kind)


@given(st.dictionaries(st.text(), JSON))
def test_unknown_keys_are_ignored(extra: dict[str, Any]) -> None:
    right = {"message": {"content": "a"}}
    assert drf.convert({**{key: value for key, value in extra.items() if key not in NAMES}, **right},
                       bodies.Completion).message.content == "a"  # fmt: skip


WRONG: list[tuple[type[msgspec.Struct], Any, dict[str, Any]]] = [
    (bodies.Completion, [], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    (bodies.Completion, {}, {"message": ["This field is required."]}),
    (bodies.Completion, {"message": None}, {"message": ["This field may not be null."]}),
    (
        bodies.Completion,
        {"message": "x"},
        {"message": {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}},
    ),
    (
        bodies.Completion,
        {"conversation": "x", "message": {"content": " ", "sender": 7}, "isStreaming": "yes"},
        {
            "conversation": ["“x” is not a valid UUID."],
            "message": {"content": ["This field may not be blank."], "sender": ["“7” is not a valid UUID."]},
            "isStreaming": ["Must be a valid boolean."],
        },
    ),
    (
        bodies.Completion,
        {"message": {"content": "x" * 32_001, "contentPayload": [], "attachments": {}}},
        {
            "message": {
                "content": ["Ensure this field has no more than 32000 characters."],
                "contentPayload": ['Expected a dictionary of items but got type "list".'],
                "attachments": ['Expected a list of items but got type "dict".'],
            }
        },
    ),
    (
        bodies.Completion,
        {"message": {"content": "a", "attachments": [{"filename": "a", "file": "b"}, {"file": 1}]}},
        {
            "message": {
                "attachments": [
                    {},
                    {"filename": ["This field is required."], "file": ["Not a valid string."]},
                ]
            }
        },
    ),
    (
        bodies.NewContact,
        {"name": "a\0b", "avatar": "javascript:alert(1)"},
        {"name": ["Null characters are not allowed."], "avatar": ["Enter a valid URL."]},
    ),
]


@pytest.mark.parametrize(("kind", "body", "fields"), WRONG)
def test_what_is_wrong_is_said_in_the_frameworks_words(
    kind: type[msgspec.Struct], body: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(drf.WrongFields) as raised:
        drf.convert(body, kind)
    assert raised.value.fields == fields


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\\\u0000"])
def test_only_a_real_nul_is_one(text: str) -> None:
    body = {"message": {"content": "a", "queryMetadata": {"key": text}}}
    taken = drf.convert(body, bodies.Completion)
    assert taken.message.query_metadata == {"key": text}
    with pytest.raises(drf.WrongFields):
        drf.convert({"message": {"content": "a", "queryMetadata": {text + "\0": 1}}}, bodies.Completion)
