"""What kind of answer a question asks for, and whether a sentence holds one: numbers, dates, names."""

import re
from enum import Enum


class AnswerType(Enum):
    """A kind of answer that shows on the surface of a sentence."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"


_QUESTIONS = (
    (
        AnswerType.DATE,
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade)\b|\bcuándo\b"
            r"|\b(?:qué|cuál) (?:año|fecha|día|mes|siglo)\b"
            r"|何时|何時|什么时候|什麼時候|哪年|哪一年|哪[个個]?月|哪天"
            r"|哪一天|几年|幾年|年份|日期|\bquand\b|\bwann\b",
            re.IGNORECASE,
        ),
    ),
    (
        AnswerType.NUMBER,
        re.compile(
            r"\bhow (?:many|much|long|old|far|often|large|big|tall|high|fast)\b"
            r"|\bwhat (?:percent|number|amount)"
            r"|\b(?:percentage|population|maximum|minimum)\b|\bcuánt[oa]s?\b"
            r"|\bqué (?:porcentaje|número|cantidad)"
            r"|多少|几[个個名次种種位年天]|幾|多[长長大高久远遠]|百分"
            r"|\bcombien\b|\bwie (?:viele?|lange|hoch)\b",
            re.IGNORECASE,
        ),
    ),
    (
        AnswerType.NAME,
        re.compile(
            r"\bwho(?:m|se)?\b|\bquién(?:es)?\b|谁|誰|\bwhere\b|\bdónde\b"
            r"|\b(?:what|which) (?:city|country|person|company|team|organi[sz]ation)\b|\bqui\b|\bwer\b",
            re.IGNORECASE,
        ),
    ),
)
_SPELLED = (
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|hundred|thousand|million"
    r"|billion|dozen|half|third|quarter|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien|mil|mill[oó]n)"
)
_ANSWERS = {
    AnswerType.NUMBER: re.compile(rf"\d|{_SPELLED}|[一二两兩三四五六七八九十百千万萬亿億半]", re.IGNORECASE),
    AnswerType.DATE: re.compile(
        r"\b1\d{3}\b|\b20\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|\b\d+ (?:years|days|months|weeks|años|días|meses)"
        r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b"
        r"|\b(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|siglo)\b"
        r"|\b(?:century|monday|tuesday|wednesday|thursday|friday)\b"
        r"|\d\s*[年月日]|世[纪紀]|[一二三四五六七八九十]+[年月日]",
        re.IGNORECASE,
    ),
    AnswerType.NAME: re.compile(
        r"(?<=[\w,;)] )(?!January|February|March|April|May|June|July|August|September|October"
        r"|November|December)"
        r"[A-ZÁÉÍÓÚÑ][\w’'-]+|[·・]|[\u4e00-\u9fff]{2,}"
    ),
}


def wanted_types(question: str) -> tuple[AnswerType, ...]:
    """The kinds of answer the question asks for, none when its words do not tell."""
    return tuple(kind for kind, asks in _QUESTIONS if asks.search(question))[:1]


def matches_answer_type(wanted: tuple[AnswerType, ...], sentence: str, question: str) -> bool:
    """Whether the sentence holds something of a wanted kind that the question does not hold already."""
    asked = question.casefold()
    return any(
        match.group().casefold() not in asked
        for kind in wanted
        for match in _ANSWERS[kind].finditer(sentence)
    )
