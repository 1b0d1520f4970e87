"""Lists and key-value lines: an item is quoted with the line that leads it, and both are cited."""

from uuid import UUID

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cite import Citer
from rag.events import Token
from rag.generate.extractive import ExtractiveGenerator
from rag.generate.lists import leads_of
from rag.generate.units import units_of
from rag.lexicon import sentences
from rag.passages import Citation, Hit
from rag.testing import HashEmbedder
from tests.unit.reading import saved, text_of

MANY = "\n".join(f"{{mark}} Room {number} has a projector and {number} chairs" for number in range(1, 15))


def hit(text: str) -> Hit:
    return Hit(1, UUID(int=1), "Handbook", None, text, 0, len(text), None, (), 1.0)


def answered(question: str, text: str) -> tuple[str, list[Citation]]:
    source = hit(text)
    citer = Citer((source,), question)
    events = citer.feed(ExtractiveGenerator(HashEmbedder(256)).answer(question, (source,))) + citer.finish()
    for citation in citer.citations:
        assert text[citation.start : citation.end] == citation.excerpt
    return "".join(event.text for event in events if isinstance(event, Token)), citer.citations


def led(text: str) -> dict[str, list[str]]:
    """Each sentence with those that lead it."""
    spans = sentences(text)
    names = [text[start:end] for start, end in spans]
    return {
        name: [names[place] for place in leads]
        for name, leads in zip(names, leads_of(text, spans), strict=True)
    }


@pytest.mark.parametrize("mark", ["-", "*", "+", "•", "1.", "1)"])
def test_an_item_of_a_long_list_is_quoted_with_the_line_above_it(mark: str) -> None:
    source = (
        f"Rooms that staff may book for a training:\n\n{MANY.format(mark=mark)}\n"
        f"{mark} The library opens at seven for visitors only\n\nAsk at the desk."
    )
    text, citations = answered("Which rooms may staff book for a training with 12 chairs?", source)
    assert text == (
        "Rooms that staff may book for a training: [1]\nRoom 12 has a projector and 12 chairs [2]"
    )
    assert [citation.excerpt.lstrip(f"{mark} ") for citation in citations] == [
        "Rooms that staff may book for a training:",
        "Room 12 has a projector and 12 chairs",
    ]


@pytest.mark.parametrize("blank", ["", "\n"])
@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
def test_a_nested_item_is_quoted_with_its_parent(indent: str, blank: str) -> None:
    source = (
        f"- Head office\n{blank}{indent}- Opens at eight in the morning\n{blank}{indent}- Parking is free\n"
        f"{blank}- Branch in the harbour\n{blank}{indent}- Opens at ten in the morning\n"
        f"{blank}{indent}- Parking costs $4"
    )
    text, citations = answered("How much is parking at the branch in the harbour?", source)
    assert text == "Branch in the harbour [1]\nParking costs $4 [2]"
    assert len(citations) == 2


def test_of_three_levels_those_are_quoted_that_hold_words_of_the_question() -> None:
    source = "Contacts for visas\n\n- Embassies\n  - Madrid\n    - Ana Ruiz, 555\n  - Rome\n    - Bo Li"
    text, _ = answered("Who is the contact for visas in Madrid?", source)
    assert text.splitlines()[0] == "Contacts for visas [1]"
    assert text.splitlines()[1:] == ["Madrid [2]", "Ana Ruiz, 555 [3]"]


def test_an_item_that_says_it_all_is_quoted_alone() -> None:
    source = "Rules of the house\n\n1. Parking costs $20 per month.\n2. Dogs stay outside the building."
    text, _ = answered("How much does parking cost per month?", source)
    assert text == "Parking costs $20 per month. [1]"


def test_key_and_value_lines_stand_under_their_title() -> None:
    source = (
        "Help desk\nPhone: 555-0100\nEmail: help@example.gov\n\nTravel desk\nPhone: 555-0200\n"
        "Email: travel@example.gov\n\nThe house is closed on Sundays."
    )
    text, citations = answered("What is the phone number of the travel desk?", source)
    assert text.startswith("Travel desk [1]\nPhone: 555-0200 [2]")
    assert citations[1].excerpt == "Phone: 555-0200"


def test_an_item_of_several_sentences_belongs_to_its_list_with_all_of_them() -> None:
    found = led(
        "To order cards,\n\n1. Go to the shop.\n   Sign in first. Then pay.\n2. Wait for them.\n\nDone."
    )
    assert found["1. Go to the shop."] == found["2. Wait for them."] == ["To order cards,"]
    assert found["Sign in first."] == found["Then pay."] == ["To order cards,"]
    assert found["Done."] == []


def test_a_paragraph_inside_of_an_item_is_led_by_it() -> None:
    found = led("1. Sign in\n\n   You need a card.\n\n2. Sign out\n\nGo home.")
    assert found["You need a card."] == ["1. Sign in"]
    assert found["2. Sign out"] == found["Go home."] == []


@pytest.mark.parametrize("above", ["## Badges", "All is said here.", "| a | b |", "Why?", "x " * 50])
def test_what_is_no_lead_leads_nothing(above: str) -> None:
    assert led(f"{above}\n\n- Passport\n- Photo")["- Passport"] == []


@pytest.mark.parametrize("indent", ["", "  "])
def test_items_stand_under_one_that_ends_with_a_colon_with_and_without_indentation(indent: str) -> None:
    found = led(
        f"1. Bring to the office:\n\n{indent}- a passport\n\n{indent}- a photo\n\n2. Wait for the call"
    )
    assert found["- a passport"] == found["- a photo"] == ["1. Bring to the office:"]
    assert found["2. Wait for the call"] == []


def test_items_of_an_office_file_stand_under_theirs() -> None:
    document = docx.Document()
    for words, style in (
        ("Head office", "List Bullet"),
        ("Parking is free", "List Bullet 2"),
        ("Branch in the harbour", "List Bullet"),
        ("Parking costs $4", "List Bullet 2"),
    ):
        document.add_paragraph(words, style=style)
    found = led(text_of(saved(document), "a.docx"))
    assert found["- Parking costs $4"] == ["- Branch in the harbour"]


def test_a_list_from_a_web_page_is_quoted_with_its_lead() -> None:
    items = "".join(f"<li>Form {number} for case {number}00</li>" for number in range(1, 15))
    filler = "<p>The office answers letters within a week, and it keeps them for ten years.</p>"
    page = (
        f"<html><body><article><h1>Forms</h1><p>Forms for a building permit:</p><ul>{items}</ul>{filler * 4}"
    )
    text, _ = answered("Which form for a building permit in case 1200?", text_of(page.encode(), "a.html"))
    assert text == "Forms for a building permit: [1]\nForm 12 for case 1200 [2]"


def test_a_hidden_lead_is_not_quoted() -> None:
    source = f"<!-- Rooms for a secret training: -->\n\n{MANY.format(mark='-')}"
    text, _ = answered("Which room for a secret training has 12 chairs?", source)
    assert "secret" not in text


def test_a_list_that_is_quoted_whole_is_not_quoted_twice() -> None:
    source = "Staff get these benefits:\n\n- Free health insurance\n- Free parking\n- Free benefits advice"
    text, _ = answered("Which free benefits do staff get?", source)
    assert text.count("Free parking") == 1


_LINES = st.sampled_from(
    (
        *("Pay is:", "- Pay: $20", "  - when due", "    - Friday pay", "1. Pay day:", "* Pay x", "Pay: due"),
        *(
            "Pay\tdue",
            "  Pay comes late. It is due.",
            "## Pay",
            "| Pay | 20 |",
            "薪水：",
            "- 每月發放。",
            "",
            "```",
        ),
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_LINES, max_size=14).map("\n".join))
def test_leads_come_before_what_they_lead_and_answers_stay_short(text: str) -> None:
    spans = sentences(text)
    for place, leads in enumerate(leads_of(text, spans)):
        assert list(leads) == sorted(set(leads))
        assert all(lead < place for lead in leads)
    raw = ExtractiveGenerator().answer("When is pay due?", (hit(text),))
    assert raw.count("[1]") <= 3
    for unit in units_of(hit(text), 0):
        assert all(text[lead.start : lead.end] == lead.text for lead in unit.leads)
