"""The stand-alone form of follow-up questions, by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.condense import is_follow_up, standalone
from rag.passages import Question, Scope, Turn

HISTORY = (Turn("user", "How much sick leave do employees accrue?"), Turn("assistant", "Four hours [1]."))


def after_history(text: str, history: tuple[Turn, ...] = HISTORY) -> str:
    return standalone(Question(text, Scope(()), history))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "And in 2020?",
            "What about part-time employees?",
            "Why?",
            "How long?",
            "When was it founded?",
            "Who is he?",
        ),
        *(
            "Does it apply to interns?",
            "Is there a limit on that?",
            "part-time employees?",
            "What does this cost?",
        ),
        *("¿Y en verano?", "¿Cuándo expira eso?", "¿Cuánto?", "Et pour les stagiaires ?", "Und im Sommer?"),
        *(
            "那病假呢？",
            "它是什么时候成立的？",
            "為什麼？",
            "他什麼時候出生？",
            "还有呢？",
            "这个需要批准吗？",
        ),
    ],
)
def test_a_follow_up_is_put_behind_the_question_it_continues(text: str) -> None:
    assert after_history(text) == f"How much sick leave do employees accrue? {text}"


@pytest.mark.parametrize(
    "text",
    [
        *("How many hours of annual leave can I carry over?", "Who founded Microsoft?", "What is GSA?"),
        *(
            "What is annual leave?",
            "What policy applies to the contractors that work abroad?",
            "Where is Paris?",
        ),
        *("Is it possible to work from home?", "When did Maria Smith publish her first novel?"),
        *(
            "¿Cuántos días de vacaciones hay?",
            "¿Dónde está la oficina de Madrid?",
            "¿Cuál es la medida que se usa?",
        ),
        *("病假需要谁批准？", "公司的休假政策是什么？", "其他国家的总统是谁？"),
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(text: str) -> None:
    assert after_history(text) == text


def test_the_last_question_that_stands_alone_is_carried_over() -> None:
    history = (
        *HISTORY,
        Turn("user", "Who approves overtime requests?"),
        Turn("assistant", "The supervisor."),
    )
    assert after_history("And on weekends?", history) == "Who approves overtime requests? And on weekends?"


def test_follow_ups_in_a_row_go_back_to_the_question_that_began() -> None:
    history = (*HISTORY, Turn("user", "And interns?"), Turn("assistant", "Two."), Turn("user", "Why?"))
    assert after_history("Since when?", history) == "How much sick leave do employees accrue? Since when?"


def test_without_a_conversation_nothing_changes() -> None:
    assert after_history("And in 2020?", ()) == "And in 2020?"
    assert after_history("Why?", (Turn("assistant", "Hello, how can I help?"),)) == "Why?"


def test_a_long_earlier_question_is_cut() -> None:
    history = (Turn("user", "How do employees request leave " + "very " * 500 + "early?"),)
    assert len(after_history("Why?", history)) < 700


@given(
    st.text(max_size=200),
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text()), max_size=4),
)
def test_the_question_itself_is_always_kept(text: str, turns: list[tuple[str, str]]) -> None:
    history = tuple(Turn(role, content) for role, content in turns)
    assert after_history(text, history).endswith(text.strip())
    assert is_follow_up(text) in (True, False)
