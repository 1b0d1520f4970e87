"""Server-sent events: each is whole, on one line, and decodes to what was put in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.api.sse import DONE, encode_event

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.recursive(texts | st.integers(-(2**53), 2**53) | st.none(), st.lists) | st.dictionaries(texts, texts)
)
def test_an_event_is_one_line_that_ends_with_a_blank_one(data: object) -> None:
    event = encode_event(data)
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    assert b"\r" not in event
    assert json.loads(event.removeprefix(b"data: ")) == data


def test_the_text_is_utf_8_and_not_escaped() -> None:
    assert encode_event({"content": "ñ 中 👍"}) == 'data: {"content":"ñ 中 👍"}\n\n'.encode()


def test_the_end_of_a_stream_is_the_word_of_openai() -> None:
    assert DONE == b"data: [DONE]\n\n"
