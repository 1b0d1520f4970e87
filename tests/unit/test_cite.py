"""Marks in raw answer text, verified, renumbered and turned into citations."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cite import Citer
from rag.events import Cited, Token
from rag.passages import Citation, Hit

LEAVE = (
    "Employees accrue four hours of sick leave per pay period. You can carry over 240 hours of annual leave."
)
TRAVEL = "Book travel through Concur. Receipts are required for every expense over $75."
CHINESE = "員工每年最多可以休十三天喪假。病假需要主管批准。"
TABLE = "| Level | Pay |\n| --- | --- |\n| GS-12 | $74,000 |\n| GS-13 | $88,000 |"
DOCUMENT = "\n\n".join((LEAVE, TRAVEL, CHINESE, TABLE))


def hit(text: str, chunk_id: int) -> Hit:
    start = DOCUMENT.index(text)
    return Hit(chunk_id, UUID(int=1), "Handbook", None, text, start, start + len(text), 2, ("Leave",), 0.5)


HITS = tuple(hit(text, place) for place, text in enumerate((LEAVE, TRAVEL, CHINESE, TABLE), 11))


def cited(raw: str, *, pieces: list[str] | None = None, question: str = "") -> tuple[str, list[Citation]]:
    citer = Citer(HITS, question)
    events: list[Token | Cited] = []
    for piece in pieces if pieces is not None else [raw]:
        events += citer.feed(piece)
    events += citer.finish()
    text = "".join(event.text for event in events if isinstance(event, Token))
    return text, [event.citation for event in events if isinstance(event, Cited)]


def test_a_quoted_sentence_keeps_its_mark_and_gets_its_place_in_the_document() -> None:
    text, (citation,) = cited("You can carry over 240 hours of annual leave. [1]")
    assert text == "You can carry over 240 hours of annual leave. [1]"
    assert citation.excerpt == "You can carry over 240 hours of annual leave."
    assert DOCUMENT[citation.start : citation.end] == citation.excerpt
    assert (citation.number, citation.chunk_id, citation.title, citation.page) == (1, 11, "Handbook", 2)


def test_a_paraphrase_is_cited_with_the_sentence_that_supports_it() -> None:
    text, (citation,) = cited("Each pay period you accrue four hours of sick leave [1].")
    assert text == "Each pay period you accrue four hours of sick leave [1]."
    assert citation.excerpt == "Employees accrue four hours of sick leave per pay period."


def test_marks_are_renumbered_in_order_of_appearance() -> None:
    text, citations = cited(
        "Receipts are required for every expense over $75 [2]. Employees accrue four hours of sick leave [1]."
    )
    assert "over $75 [1]." in text
    assert "sick leave [2]." in text
    assert [citation.chunk_id for citation in citations] == [12, 11]


def test_the_same_source_cited_again_keeps_its_number() -> None:
    text, citations = cited(
        "Book travel through Concur [2]. You can carry over 240 hours [1]. You book travel in Concur [2]."
    )
    assert text.endswith("You book travel in Concur [1].")
    assert len(citations) == 2


@pytest.mark.parametrize(
    "raw",
    [
        "Interns get a free car and a house [1].",
        "You can carry over 300 hours of annual leave [1].",
        "You can carry over 240 hours of annual leave [12].",
        "You can carry over 240 hours of annual leave [0].",
        "You can carry over 240 hours of annual leave [2].",
        'The handbook says "employees may carry over every hour they like" [1].',
    ],
)
def test_a_mark_that_does_not_hold_goes_with_the_blank_before_it(raw: str) -> None:
    text, citations = cited(raw)
    assert text == raw[: raw.index(" [")] + "."
    assert citations == []


@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        ("[1]", "[1]"),
        ("[1, 12]", "[1]"),
        ("[9][1]", "[1]"),
        ("[1][1]", "[1]"),
        ("[1-3]", "[1]"),
        ("【1】", "[1]"),
        ("［１］", "[1]"),
        ("[[1]]", "[1]"),
        ("[ 1 ; 1 ]", "[1]"),
    ],
)
def test_every_form_of_mark_is_read(mark: str, shown: str) -> None:
    text, citations = cited(f"You can carry over 240 hours of annual leave {mark}.")
    assert text == f"You can carry over 240 hours of annual leave {shown}."
    assert len(citations) == 1


def test_a_statement_with_two_sources_gets_both_marks() -> None:
    hits = (HITS[0], Hit(77, UUID(int=2), "Copy", None, LEAVE, 0, len(LEAVE), None, (), 0.1))
    citer = Citer(hits)
    events = citer.feed("You can carry over 240 hours of annual leave [1, 2].") + citer.finish()
    assert "".join(event.text for event in events if isinstance(event, Token)).endswith("leave [1][2].")
    assert [event.citation.chunk_id for event in events if isinstance(event, Cited)] == [11, 77]


def test_a_citation_comes_right_after_the_token_that_holds_its_mark() -> None:
    citer = Citer(HITS)
    events = (
        citer.feed("Book travel through Concur [2]. You can carry over 240 hours [1]. Done.") + citer.finish()
    )
    for before, event in pairwise(events):
        if isinstance(event, Cited):
            assert isinstance(before, Token)
            assert before.text.endswith(f"[{event.citation.number}]")


@pytest.mark.parametrize(
    "raw",
    [
        "Use `a[1]` here.",
        "Use ``a[1] ` b`` here.",
        "```python\nx = a[1]\n```\n",
        "~~~\na[1]\n```\nb[2]\n~~~\n",
        "- ```\n  a[1]\n  ```\n",
        "```\nnever closed [1]",
        "The years [2019] and [2020-2021] and [see 1] and [x][y] and [] stay.",
        "[" * 50,
        "An open mark [1",
        "Brackets [ ] 【 】 and [1, 2, stay.",
    ],
)
def test_code_and_other_brackets_are_left_alone(raw: str) -> None:
    assert cited(raw) == (raw, [])


def test_after_code_marks_count_again() -> None:
    for code in ("```\na[1]\n```\n", "Use `a[1]`. ", "One ` tick.\n", "```a[1]``` ", "```\n\n```\n"):
        text, citations = cited(code + "You can carry over 240 hours of annual leave [1].")
        assert text.endswith("leave [1]."), code
        assert len(citations) == 1


def test_a_lone_backtick_does_not_hide_a_mark_on_its_line() -> None:
    text, citations = cited("The ` key: you can carry over 240 hours of annual leave [9][1].\nMore")
    assert text == "The ` key: you can carry over 240 hours of annual leave [1].\nMore"
    assert len(citations) == 1


def test_chinese_statements_end_at_their_own_punctuation() -> None:
    text, (citation,) = cited("報銷沒有規定。病假需要主管批准【3】。")
    assert text == "報銷沒有規定。病假需要主管批准[1]。"
    assert citation.excerpt == "病假需要主管批准。"


def test_a_chinese_answer_may_cite_an_english_source_by_its_numbers() -> None:
    text, (citation,) = cited("年假最多可以結轉240小時[1]。")
    assert text == "年假最多可以結轉240小時[1]。"
    assert "240" in citation.excerpt
    assert cited("年假最多可以結轉350小時[1]。") == ("年假最多可以結轉350小時。", [])


def test_a_spanish_answer_may_cite_an_english_source() -> None:
    _, (citation,) = cited("Puede acumular hasta 240 horas de vacaciones para el año que viene [1].")
    assert "240" in citation.excerpt


def test_a_table_row_is_cited_as_a_row() -> None:
    _, (citation,) = cited("| Level | Pay |\n| --- | --- |\n| GS-13 | $88,000 [4] |\n")
    assert citation.excerpt == "| GS-13 | $88,000 |"


def test_a_short_answer_is_judged_together_with_its_question() -> None:
    question = "How many hours of annual leave can you carry over?"
    _, (citation,) = cited("240 [1].", question=question)
    assert citation.excerpt == "You can carry over 240 hours of annual leave."
    assert cited("241 [1].", question=question) == ("241.", [])


def test_text_without_marks_comes_out_at_once_and_unchanged() -> None:
    citer = Citer(HITS)
    assert citer.feed("Nothing to see") == [Token("Nothing to see")]
    assert citer.feed(" here. ") == [Token(" here.")]
    assert citer.finish() == [Token(" ")]


def test_only_what_could_become_a_mark_is_held_back() -> None:
    citer = Citer(HITS)
    assert citer.feed("You can carry over 240 hours [") == [Token("You can carry over 240 hours")]
    assert citer.feed("x") == [Token(" [x")]
    assert citer.feed("] [1") == [Token("]")]
    assert citer.finish() == [Token(" [1")]


def test_a_megabyte_of_brackets_passes() -> None:
    for raw in ("[" * 1_000_000, "[ " * 200_000, "[1" * 200_000, "`[" * 100_000, "【" * 200_000):
        assert cited(raw) == (raw, [])


_PARTS = st.sampled_from(
    [
        *(
            "Employees accrue four hours of sick leave",
            "You can carry over 240 hours of annual leave",
            "Book travel",
        ),
        *("病假需要主管批准", "。", "nonsense words here", "300", "$88,000", '"', "“Receipts are required”"),
        *(
            " ",
            "  ",
            ".",
            "\n",
            "\n\n",
            "[",
            "]",
            "【",
            "】",
            "`",
            "``",
            "```",
            "\n```\n",
            "~~~",
            "- ",
            "| ",
            "1",
            ",",
        ),
        *(
            "[1]",
            " [2]",
            " [1, 3]",
            "[2-4]",
            "[[1]]",
            "【3】",
            "[12]",
            "[0]",
            "［１］",
            "[1][2]",
            " [9] ",
            "a[1]",
            "[1",
        ),
    ]
)
_TEXTS = st.lists(_PARTS | st.text("[]1`~ \n【】,-a", max_size=6), max_size=24).map("".join)


@settings(max_examples=300, deadline=None)
@given(_TEXTS, st.lists(st.integers(1, 9), max_size=80))
def test_however_the_text_is_split_the_answer_is_the_same(raw: str, sizes: list[int]) -> None:
    pieces, place = [], 0
    for size in [*sizes, len(raw) + 1]:
        pieces.append(raw[place : place + size])
        place += size
    assert cited(raw, pieces=pieces) == cited(raw)


@settings(max_examples=300, deadline=None)
@given(_TEXTS)
def test_every_citation_is_where_it_says_and_every_number_is_in_order(raw: str) -> None:
    text, citations = cited(raw)
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    for citation in citations:
        assert DOCUMENT[citation.start : citation.end] == citation.excerpt
        assert citation.excerpt.strip() == citation.excerpt != ""
        assert f"[{citation.number}]" in text


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_text_that_holds_no_digit_passes_unchanged(raw: str) -> None:
    plain = "".join(character for character in raw if not character.isdigit())
    assert cited(plain) == (plain, [])
