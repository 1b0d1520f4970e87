"""The stand-alone form of a follow-up question by a rule, for when no model is there to write it."""

import re
from collections.abc import Sequence

from rag.passages import Question, Turn

_LONGEST = 600  # characters of an earlier question that are carried over
_FEW_WORDS = 3  # content words; fewer cannot say what the question is about

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_OPENING = re.compile(
    r"^[¿¡\s\"'“(]*(?:"
    r"(?:and|but|or|so)\b|(?:what|how) about\b|what else\b|why not\b"
    r"|(?:y|e|pero|o|entonces)\b|(?:et|mais|und|aber|ed|mas)\b"
    r"|那(?:么|麼)?(?!个|個|些|里|裡)|还有|還有|另外|而且|以及|不过|不過|それで|では|じゃあ|그럼|그리고)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"呢[?？。\s]*$|\b(?:it|this|that|these|those|them|there|then|instead|eso|esto|allí|ahí|ello|cela|ça|davon|dort)"
    r"\b[\s?？!.]*$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|theirs?|he|him|his|she|hers?|(?:this|these|those)(?! (?:year|month|week)\b)"
    r"|the (?:same|former|latter)|ellos?|ellas?|él|(?:es[aeo]s?|est[aeo]s?)(?! (?:año|mes|semana)\b)"
    r"|aquello|dich[oa]s?|cela|celui|celle|ceux|davon|dafür|deren|dessen|ihn|ihm|diese[rs]?"
    r"|isso|isto|aquilo|el[ea]s?|quest[oa]|loro)\b|(?<!其)[他她它牠]们?|(?<!其)[他她它牠]們?|这个|這個|这些|這些|那个|那個|那些"
    r"|[此该該]|其(?!他|它|实|實|中|余|餘)"
    r"|这样|這樣|上述|前者|后者|後者|この|その|これ|それ|彼|그것|이것|그는",
    re.IGNORECASE,
)
_EMPTY_IT = re.compile(
    r"\bis it (?=(?:possible|allowed|true|ok)\b)|\bdoes it (?=(?:cost|take)\b)", re.IGNORECASE
)
_DEFINES = re.compile(
    r"^[¿\s]*(?:what(?:'s| is| are)|who(?:'s| is| was)|define|qué (?:es|son)|quién (?:es|fue))\b"
    r"|什么是|什麼是|是什么|是什麼",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^[¿\s]*(?:what|who|whom|whose|which|when|where|why|how|is|are|do|does|did|can|could|may|must|should|will"
    r"|qué|quién(?:es)?|cu[aá]\w+|dónde|cómo|por qué|hay"
    r"|wer|was|wann|wo|wie|warum|qui|que|quand|où|comment|combien)\b",
    re.IGNORECASE,
)
_SMALL_WORDS = frozenset(
    word
    for words in (
        "a an the of to in on at by for with from as is are was were be been do does did has have had",
        "can could will would should may might must i me my we our you your what which who whom whose",
        "when where why how much many long and or but not no yes please tell more about also then so if",
        "any some there exactly else el la los las un una unos unas de del al en con por para que qué",
        "cuál cuáles quién quiénes cuándo dónde cuánto cuánta cuántos cuántas cómo y o pero no sí es son",
        "fue era hay se su sus me mi más también le les des du et ou est sont que qui quoi quand comment",
        "pourquoi combien dans pour avec der die das ein eine und oder ist sind war wer was wann wo wie",
        "warum wieviel viele mit für von",
    )
    for word in words.split()
)
_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d[\w.,%]*")
_CJK_SMALL = re.compile(
    r"什么|什麼|怎么|怎麼|怎样|怎樣|为什么|為什麼|多少|几个|幾個|哪里|哪裡|哪些|哪个|哪個|何时|何時|谁|誰"
    r"|如何|是否|可以"
    r"|[的了吗嗎呢吧是有在我你和与與或几幾多个個不请請问問]"
)


def standalone(question: Question) -> str:
    """The question as it is if it can be understood alone, else with the last one that could be before it."""
    text = question.text.strip()
    if not is_follow_up(text):
        return text
    earlier = _last_standalone(question.history)
    if earlier is None or earlier == text:
        return text
    return f"{earlier[:_LONGEST]} {text}"


def is_follow_up(text: str) -> bool:
    """Whether a question points to something said before or leaves out what it is about."""
    if _OPENING.search(text) or _CLOSING.search(text) or _points_back(text):
        return True
    words = _content_words(text)
    if words == 0:
        return True
    if words == 1:
        return not (_names_something(text) or _DEFINES.search(text))
    asks = _ASKS.search(text) or _CJK.search(text) or not text.rstrip().endswith("?")
    return words < _FEW_WORDS and not asks and not _names_something(text)


def _points_back(text: str) -> bool:
    """Whether a pronoun comes before anything in the question that it could stand for."""
    pronoun = _PRONOUN.search(_EMPTY_IT.sub("", text))
    if pronoun is None:
        return False
    before = pronoun.string[: pronoun.start()]
    return _content_words(before) < _FEW_WORDS - 1 and not _names_something(before)


def _last_standalone(history: Sequence[Turn]) -> str | None:
    """The latest question of the person that can be understood alone; the first one if none can."""
    asked = [turn.content.strip() for turn in history if turn.role == "user" and turn.content.strip()]
    return next((text for text in reversed(asked) if not is_follow_up(text)), asked[0] if asked else None)


def _content_words(text: str) -> int:
    """How many words carry meaning; two Chinese, Japanese or Korean characters count as one."""
    rest = _CJK_SMALL.sub(" ", text)
    characters = len(_CJK.findall(rest))
    words = [word for word in _WORD.findall(_CJK.sub(" ", rest)) if word.casefold() not in _SMALL_WORDS]
    return len(words) + (characters + 1) // 2


def _names_something(text: str) -> bool:
    """Whether a short question has a name, a number or an abbreviation in it."""
    return re.search(r"(?<=[a-zà-ÿ] )[A-ZÀ-Þ]\w+|\b[A-Z]{2,}\b|\d", text) is not None
