"""A question in another language, word for word in English."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.glossary import Gloss, gloss, gloss_for
from rag.glossary.words import read_table
from rag.lexicon import asked_terms

ENGLISH = "The library is open from nine to six, and on Saturdays it is closed."
SPANISH = "La biblioteca está abierta de nueve a seis, y los sábados está cerrada para el público."
CHINESE = "图书馆从九点到六点开放，星期六闭馆。"


def glossed(question: str) -> Gloss:
    found = gloss(question)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("¿Cuántos días tarda el envío?", "how many day take shipping"),
        ("¿Dónde puedo aparcar los fines de semana?", "where can parking weekend"),
        ("¿Como aparcar los sabados?", "parking Saturday"),
        ("¿Quiénes descubrieron el oxígeno?", "who discover oxygen"),
        ("¿Qué museos visitaron los turistas en Sevilla?", "what museum visit tourist Sevilla"),
    ],
)
def test_spanish_is_read_by_phrases_forms_and_stems(question: str, said: str) -> None:
    assert glossed(question).text == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("图书馆什么时候关闭？", "library when close"),
        ("圖書館什麼時候關閉？", "library when close"),
        ("Python 3 的许可证是什么？", "Python 3 license what"),
        ("北京有多少人口？", "Beijing how many population"),
    ],
)
def test_chinese_is_read_in_both_scripts(question: str, said: str) -> None:
    assert glossed(question).text == said


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fotosíntesis", "photosynthesis"),
        ("hidrografía", "hydrography"),
        ("vegetación", "vegetation"),
        ("solemnidad", "solemnity"),
        ("estático", "static"),
        ("inmunológico", "immunological"),
    ],
)
def test_a_word_of_latin_stock_is_asked_for_as_english_spells_it(written: str, meant: str) -> None:
    asked = {term.term for term in glossed(f"¿Qué es eso: {written}?").asked_terms()}
    assert asked & {term.term for term in asked_terms(meant)}


def test_a_name_is_not_taken_for_the_word_that_it_resembles() -> None:
    assert "mother" not in glossed("¿Qué hay en Madrid?").text
    assert "Madrid" in glossed("¿Qué hay en Madrid?").text


def test_the_meanings_of_a_word_are_alternatives_of_which_the_first_weighs_most() -> None:
    asked = [term for term in glossed("¿Cuánto dura el permiso?").asked_terms() if term.telling]
    permission, leave = (next(t for t in asked if t.term == word) for word in ("permiss", "leav"))
    assert permission.word == leave.word and permission.weight > leave.weight


def test_only_what_says_nothing_to_search_for_has_no_terms() -> None:
    assert not any(term.telling for term in glossed("¿Qué es lo que hay?").asked_terms())
    assert glossed("的了吗").asked_terms() == []


@pytest.mark.parametrize(
    "question", ["What is the deadline?", "", "  ?!", "42", "Was ist das und wer ist es?"]
)
def test_other_languages_have_no_gloss(question: str) -> None:
    assert gloss(question) is None


@pytest.mark.parametrize(
    ("question", "own"), [("¿Cuándo abre la biblioteca?", SPANISH), ("图书馆什么时候开门？", CHINESE)]
)
def test_texts_in_the_question_s_own_language_need_none(question: str, own: str) -> None:
    assert gloss_for(question, [ENGLISH, ENGLISH]) is not None
    assert gloss_for(question, []) is not None
    assert gloss_for(question, [ENGLISH, own]) is None


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(["¿{}", "{}图书馆", "de la {} que"])
)
def test_every_text_has_a_gloss_that_can_be_searched_for(text: str, frame: str) -> None:
    found = gloss(frame.format(text))
    if found is not None:
        assert all(term.term and 0.0 < term.weight <= 1.0 for term in found.asked_terms())
        assert all(forms and weight > 0.0 for forms, weight in found.word_units())


def test_a_pasted_book_is_glossed_as_far_as_a_question_goes() -> None:
    assert len(glossed("图书馆" * 100_000).words) < 1000
    assert len(glossed("¿biblioteca? " * 100_000).words) < 1000


def test_first_questions_of_many_threads_get_the_same_answer() -> None:
    with ThreadPoolExecutor(8) as threads:
        said = set(threads.map(lambda _: glossed("图书馆什么时候关闭？").text, range(32)))
    assert said == {"library when close"}


@pytest.mark.parametrize("name", ["spanish.tsv", "chinese.tsv"])
def test_a_table_holds_every_phrase_once_with_english_meanings(name: str) -> None:
    rows = list(read_table(name))
    phrases = [phrase for phrase, _ in rows]
    assert len(phrases) == len(set(phrases))
    assert all(phrase and phrase == phrase.strip().casefold() for phrase in phrases)
    assert all(meaning.isascii() for _, meanings in rows for meaning in meanings)
