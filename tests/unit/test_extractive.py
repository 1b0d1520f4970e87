"""The generator without a model: verbatim sentences with their marks."""

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cite import Citer
from rag.events import Cited, Token
from rag.generate.extractive import ExtractiveGenerator
from rag.generate.units import units_of
from rag.passages import Citation, Hit, Question, Scope
from rag.testing import HashEmbedder

LEAVE = """## Sick leave

Employees may stay at home when they are ill. \
Full-time employees accrue four hours of sick leave per pay period. Sick leave never expires.

## Annual leave

You can carry over a maximum of 240 annual leave hours."""


def hit(text: str, *, document: int = 1, start: int = 0, score: float = 1.0) -> Hit:
    return Hit(
        document, UUID(int=document), "Handbook", None, text, start, start + len(text), None, (), score
    )


def answered(question: str, *hits: Hit) -> tuple[str, list[Citation]]:
    raw = ExtractiveGenerator(HashEmbedder(256)).answer(question, hits)
    citer = Citer(hits, question)
    events = citer.feed(raw) + citer.finish()
    text = "".join(event.text for event in events if isinstance(event, Token))
    return text, [event.citation for event in events if isinstance(event, Cited)]


def test_one_sentence_is_enough_when_one_clearly_answers() -> None:
    text, (citation,) = answered(
        "How many hours of sick leave do employees accrue per pay period?", hit(LEAVE)
    )
    assert text == "Full-time employees accrue four hours of sick leave per pay period. [1]"
    assert citation.excerpt == "Full-time employees accrue four hours of sick leave per pay period."


def test_the_hit_that_answers_is_quoted_wherever_it_ranks() -> None:
    text, (citation,) = answered(
        "What is the maximum of annual leave hours I can carry over?",
        hit("Annual reports are due in May.", document=2),
        hit(LEAVE, document=1, score=0.9),
    )
    assert text == "You can carry over a maximum of 240 annual leave hours. [1]"
    assert citation.document_id == UUID(int=1)


@pytest.mark.parametrize(
    "question",
    [
        "¿Cuántas horas de baja por enfermedad se acumulan por período de pago?",
        "每个工资周期累积多少小时病假？",
    ],
)
def test_a_question_in_another_language_is_answered_word_for_word_from_the_source(question: str) -> None:
    text, (citation,) = answered(question, hit(LEAVE))
    assert text == "Full-time employees accrue four hours of sick leave per pay period. [1]"
    assert text.startswith(citation.excerpt)


def test_a_list_is_quoted_with_the_line_that_leads_it() -> None:
    source = (
        "The office offers these benefits:\n\n- Health insurance\n- Free parking\n- Public transit\n\nAsk us."
    )
    text, (citation,) = answered("What benefits does the office offer?", hit(source))
    assert text.startswith("The office offers these benefits:")
    assert "- Free parking\n- Public transit [1]" in text
    assert "Health insurance" in citation.excerpt


def test_a_table_row_is_quoted_with_its_header() -> None:
    source = "Pay by level:\n\n| Level | Salary |\n| --- | --- |\n| GS-12 | $74,000 |\n| GS-13 | $88,000 |"
    text, (citation,) = answered("What is the salary of level GS-13?", hit(source))
    assert text == "| Level | Salary |\n| --- | --- |\n| GS-13 | $88,000 |\n\n[1]"
    assert citation.excerpt == "| GS-13 | $88,000 |"


def test_a_key_and_value_line_is_an_answer() -> None:
    source = "Contact\nphone: 202-555-0143\nEmail: help@example.gov\nHours: 9 to 5"
    text, (citation,) = answered("What is the phone number?", hit(source))
    assert text == "phone: 202-555-0143 [1]"
    assert citation.excerpt == "phone: 202-555-0143"


def test_a_heading_that_asks_is_answered_by_the_text_after_it() -> None:
    source = (
        "## Who approves overtime?\n\nYour supervisor does, in writing.\n\n## Where do I park?\n\nOutside."
    )
    text, _ = answered("Who approves overtime?", hit(source))
    assert text == "Your supervisor does, in writing. [1]"


def test_a_list_item_is_shown_without_its_mark() -> None:
    source = "Rules\n\n1. Parking costs $20 per month.\n2. Dogs stay outside the building."
    text, (citation,) = answered("How much does parking cost per month?", hit(source))
    assert text == "Parking costs $20 per month. [1]"
    assert "Parking costs $20 per month." in citation.excerpt


def test_a_sentence_broken_over_short_lines_is_quoted_whole() -> None:
    source = "Staff\nwho work at night\nget a free meal and a taxi home.\nOthers do not."
    text, (citation,) = answered("Who gets a free meal?", hit(source))
    assert text == "Staff who work at night get a free meal and a taxi home. [1]"
    assert citation.excerpt == "Staff\nwho work at night\nget a free meal and a taxi home."


def test_the_target_of_a_link_is_not_what_a_sentence_says() -> None:
    source = (
        "See [the guide](https://example.gov/parking/cost/per/month). You pay $20 every month for a space."
    )
    text, _ = answered("How much is parking per month?", hit(source))
    assert text == "You pay $20 every month for a space. [1]"


def test_footnote_numbers_of_a_source_are_not_taken_for_marks() -> None:
    text, (citation,) = answered(
        "Who founded the town?", hit("The town was founded by Ada Miller[2] in 1820.[1]")
    )
    assert text == "The town was founded by Ada Miller in 1820. [1]"
    assert citation.excerpt == "The town was founded by Ada Miller[2] in 1820.[1]"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "¿Cuántas horas de baja por enfermedad se acumulan?",
            "Se acumulan cuatro horas de baja por enfermedad.",
        ),
        ("每年最多可以休多少天喪假？", "員工每年最多可以休十三天喪假。"),
        ("When was the agency founded?", "The agency was founded in March 2014."),
        ("Who founded the agency?", "It was Greg Godbout who founded the agency."),
    ],
)
def test_questions_of_several_languages_and_kinds_find_their_sentence(question: str, answer: str) -> None:
    source = (
        "Se acumulan cuatro horas de baja por enfermedad. La oficina abre a las nueve.\n\n"
        "員工每年最多可以休十三天喪假。病假需要主管批准。\n\n"
        "The agency was founded in March 2014. It was Greg Godbout who founded the agency. It has a website."
    )
    text, _ = answered(question, hit(source))
    assert text.removesuffix(" [1]") == answer


def test_sentences_of_one_document_stand_in_reading_order() -> None:
    source = "Interns get ten days of leave. Lunch is at noon. Interns get ten days of leave after a year."
    raw = ExtractiveGenerator(HashEmbedder(256)).answer(
        "How many days of leave do interns get?", [hit(source)]
    )
    assert raw.index("Interns get ten days of leave. ") < raw.index("after a year")


def test_overlapping_hits_do_not_repeat_a_sentence() -> None:
    text, _ = answered(
        "How many hours of annual leave can I carry over?", hit(LEAVE), hit(LEAVE[40:], start=40, score=0.99)
    )
    assert text.count("240") == 1


async def test_the_answer_comes_in_groups_of_words() -> None:
    generator, asked = ExtractiveGenerator(), "How many hours of sick leave accrue per pay period?"
    pieces = [p async for p in generator.generate(Question(asked, Scope(())), asked, (hit(LEAVE),))]
    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces).endswith("per pay period. [1]")
    assert pieces[-1].finish_reason == "stop"
    assert await generator.condense(Question("And then?", Scope(()))) is None


async def test_without_sources_it_says_the_not_found_message() -> None:
    question = Question("What?", Scope(()), not_found_message="No idea.")
    pieces = [piece.text async for piece in ExtractiveGenerator().generate(question, "What?", ())]
    assert "".join(pieces) == "No idea."


_LINES = st.sampled_from(
    [
        *(
            "Pay is due on Friday.",
            "Who pays?",
            "## Pay",
            "- Rent: $20",
            "1. First [3] rule",
            "| a | b |",
            "| --- | --- |",
        ),
        *(
            "| Pay | 20 |",
            "薪水每月發放。病假要批准。",
            "",
            "```",
            "pay()",
            "Los pagos son mensuales. ¿Y luego?",
            "Pay:",
            "* x",
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_LINES | st.text(max_size=12), max_size=9).map("\n".join), min_size=1, max_size=3))
def test_every_answer_is_verbatim_and_every_mark_verifies(texts: list[str]) -> None:
    hits = tuple(hit(text, document=place, start=place) for place, text in enumerate(texts, 1))
    raw = ExtractiveGenerator().answer("When is pay due?", hits)
    citer = Citer(hits, "When is pay due?")
    text = "".join(event.text for event in citer.feed(raw) + citer.finish() if isinstance(event, Token))
    assert len(re.findall(r"\[\d\](?= \||\s|$)", text)) <= 3
    for citation in citer.citations:
        source = hits[citation.chunk_id - 1]
        assert source.text[citation.start - source.start : citation.end - source.start] == citation.excerpt


def test_every_unit_is_a_place_in_its_hit() -> None:
    for unit in units_of(hit(LEAVE, start=100), 0):
        assert LEAVE[unit.start : unit.end] == unit.text
        assert unit.document_start == 100 + unit.start


def test_a_sentence_of_an_earlier_chunk_is_not_read_before_the_best_one() -> None:
    first = "Interns get ten days of sick leave in all."
    best = "How many days of leave do interns get? Interns get twelve days of leave."
    text, citations = answered(
        "How many days of leave do interns get?",
        hit(best, start=100),
        Hit(2, UUID(int=1), "Handbook", None, first, 0, len(first), None, (), 0.99),
    )
    assert text.startswith("Interns get twelve days of leave. [1]")
    assert citations[0].start >= 100


def test_a_sentence_that_refers_back_is_quoted_with_the_one_before_it() -> None:
    source = (
        "Before a promotion employees must hold their grade for one year. "
        "This is called the time-in-grade requirement. Lunch is at noon."
    )
    text, _ = answered("What is the time-in-grade requirement for a promotion?", hit(source))
    assert text == source.replace(". This", ". [1] This").replace(" Lunch is at noon.", " [2]")


def test_a_line_that_every_page_repeats_is_no_answer() -> None:
    head = "Annual report 2024 of the harbour"
    pages = [
        hit(f"{head}\n\n{words}\n\n2024", start=1000 * place, score=1.0 - place / 10)
        for place, words in enumerate(
            ("Ships came late.", "The harbour earned 7 million in 2024.", "Cranes were built."), 1
        )
    ]
    text, _ = answered("What did the harbour earn in 2024 by its annual report?", *pages)
    assert text == "The harbour earned 7 million in 2024. [1]"


def test_what_two_documents_say_alike_is_quoted_once_with_both_marks() -> None:
    said = "Travel comp time expires one year after it is earned."
    text, citations = answered(
        "When does travel comp time expire?", hit(said), hit(f"{said} Ask HR.", document=2)
    )
    assert text == f"{said} [1][2]"
    assert [citation.document_id.int for citation in citations] == [1, 2]
    assert all(citation.excerpt == said for citation in citations)


def test_a_list_elsewhere_does_not_follow_a_sentence_that_answers() -> None:
    leave = "You can receive two weeks of parental bereavement leave for the passing of your child."
    care = "The note on parental leave should include:\n\n- Date of birth\n- Duration: how long? 6 weeks?"
    text, _ = answered("How long is parental bereavement leave?", hit(leave), hit(care, document=2))
    assert text == f"{leave} [1]"
