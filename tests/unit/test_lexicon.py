"""Text to terms and sentences: forms meet across case, accents, inflection and language; nothing is lost."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.lexicon import (
    asked_terms,
    beginning_of,
    fold,
    forms_of,
    is_unspaced,
    language_of,
    read_sentences,
    sentences,
    terms,
    tokens,
)


def meet(question: str, text: str) -> bool:
    return bool({term.term for term in asked_terms(question)} & set(terms(text)))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("CAFÉ", "the cafe"),
        ("running", "she runs"),
        ("naciones", "la nación"),
        ("nacion", "Las Naciones Unidas y la historia de los pueblos"),
        ("Verträge", "der Vertrag, der die Parteien und das Gericht bindet"),
        ("красивый", "красивая"),
        ("学校", "这所学校很大"),
        ("ﬁne", "fine"),
        ("２０２６", "in 2026"),
        ("10,000", "10000 people"),
        ("한국", "대한민국 한국어"),
        ("homme", "l'homme"),
        ("हिन्दी", "हिन्दी भाषा"),
        ("ภาษา", "ภาษาไทย"),
        ("straße", "STRASSE"),
        ("مُحَمَّد", "محمد"),
    ],
)
def test_forms_of_a_word_meet(question: str, text: str) -> None:
    assert meet(question, text)


@pytest.mark.parametrize(
    "word",
    ["contratos", "mercado", "Contreras", "libertés", "Häuser", "università", "ações", "running", "nations"],
)
@pytest.mark.parametrize(
    "text",
    [
        "The {} of the city was in the north and it is for all.",
        "El {} de la ciudad era del norte y es para todos los que estaban.",
        "Le {} de la ville était dans le nord et il est pour tous les gens.",
        "Das {} der Stadt war im Norden und ist für alle.",
    ],
)
def test_a_word_meets_itself_whatever_the_languages(word: str, text: str) -> None:
    assert meet(word, text.format(word))
    assert meet(text.format(word), word)


def test_a_short_question_is_stemmed_in_every_language() -> None:
    spanish = "Los contratos de la empresa son los que se firman con el cliente."
    assert language_of("contrato") is None
    assert meet("contrato", spanish)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many people were in the city?", "english"),
        ("¿Cuántos años tiene la ciudad?", "spanish"),
        ("Wie viele Menschen leben in der Stadt und wo?", "german"),
        ("Combien de personnes sont dans la ville et pour quoi ?", "french"),
        ("Tokyo", None),
        ("", None),
    ],
)
def test_the_language_is_voted_for_by_stop_words(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_stop_words_and_single_characters_tell_nothing() -> None:
    telling = {term.term for term in asked_terms("What is the name of the river?") if term.telling}
    assert "river" in telling and not telling & {"what", "is", "the", "of"}
    chinese = {term.term for term in asked_terms("什么河流最长") if term.telling}
    assert "河流" in chinese and not chinese & {"什么", "河"}


def test_a_long_word_is_cut_to_a_term_that_an_index_takes() -> None:
    assert max(map(len, terms("x" * 5_000))) <= 48


@given(st.text(max_size=400))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet=st.sampled_from('ab.A !?。！\n|#-1 "é字'), max_size=300))
def test_sentences_lose_nothing_but_white_space(text: str) -> None:
    places = sentences(text)
    assert "".join("".join(text[a:b].split()) for a, b in places) == "".join(text.split())
    assert all(a < b and text[a:b] == text[a:b].strip() for a, b in places)
    assert all(first[1] <= second[0] for first, second in pairwise(places))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He came. She left.", ["He came.", "She left."]),
        (
            "Dr. Smith of the U.S. Army paid 3.5 million. Why?",
            ["Dr. Smith of the U.S. Army paid 3.5 million.", "Why?"],
        ),
        ("In FCC v. Pacifica the court ruled. It did.", ["In FCC v. Pacifica the court ruled.", "It did."]),
        ("J. K. Rowling wrote it, e.g. In 1997.", ["J. K. Rowling wrote it, e.g. In 1997."]),
        ("It was in 1997. Then it ended.", ["It was in 1997.", "Then it ended."]),
        ("«¿Quién es?» El Sr. García.", ["«¿Quién es?»", "El Sr. García."]),
        ("他来了。她走了！“好。”然后", ["他来了。", "她走了！", "“好。”", "然后"]),
        ("# Title\nText here.", ["# Title", "Text here."]),
        ("- one\n- two. Three", ["- one", "- two.", "Three"]),
        ("1. First item\n2. Second", ["1. First item", "2. Second"]),
        ("| a. B | c |\n| d | e |", ["| a. B | c |", "| d | e |"]),
        ("Phone: 12\nHours: 9 to 5", ["Phone: 12", "Hours: 9 to 5"]),
        (
            "This line is long enough to have been wrapped by an\neditor. Next.",
            ["This line is long enough to have been wrapped by an\neditor.", "Next."],
        ),
        (
            "- Review your\n  [benefits](https://x). Then go.",
            ["- Review your\n  [benefits](https://x).", "Then go."],
        ),
        ("You can install it from\nthe shelf.", ["You can install it from\nthe shelf."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


@pytest.mark.parametrize("piece", ["a", ".", ". ", "\n", "word ", "字", "|", "é", "'", "A."])
def test_huge_texts_take_linear_time(piece: str) -> None:
    def seconds(chars: int) -> float:
        text = piece * (chars // len(piece))
        start = time.process_time()
        sentences(text)
        terms(text)
        return time.process_time() - start

    # Quadratic work would take a hundred times as long; the bound only tells the two apart.
    assert seconds(200_000) < 40 * seconds(20_000) + 1.0


def test_words_that_only_ask_weigh_less_than_words_that_tell() -> None:
    weights = {term.term: term.weight for term in asked_terms("What is the name of the river?")}
    assert 0.0 < weights["what"] < weights["river"]
    chinese = {term.term: term.weight for term in asked_terms("什么河流最长")}
    assert 0.0 < chinese["什么"] < chinese["河流"]


WESTERN = st.text(st.characters(codec="cp1252"))


@given(text=st.text() | WESTERN | st.text("aé’ß½ñÑ“—123,' 中文字"))
def test_a_text_is_found_by_all_of_its_terms_and_by_the_beginnings_of_its_words(text: str) -> None:
    words = [word for word in tokens(text) if word and not is_unspaced(word)]
    held = set(terms(text, "spanish")) | {beginning_of(word) for word in words}
    assert forms_of(text, "spanish") == held


@given(text=st.text() | WESTERN)
def test_sentences_are_read_where_they_lie_with_their_own_forms(text: str) -> None:
    read = read_sentences(text, "english")
    assert [(each.start, each.end) for each in read] == sentences(text)
    assert all(
        each.forms == forms_of(f"{each.header} {text[each.start : each.end]}", "english") for each in read
    )


def test_a_row_is_read_below_the_header_of_its_own_table() -> None:
    table = "| Name | City |\n| --- | --- |\n| Ada | Lisbon |\n\nNames of people.\n\n| Bob | Oslo |"
    rows = [each for each in read_sentences(table, "english") if each.forms & {"lisbon", "oslo"}]
    assert ["city" in row.forms for row in rows] == [True, False]


@given(text=WESTERN)
def test_western_text_is_folded_as_any_other_is(text: str) -> None:
    beyond = "\u0416"  # not Western: the whole text is folded by the rules for any script
    assert fold(text) == fold(text + beyond)[:-1]
