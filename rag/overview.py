"""Requests for the whole of an attachment ("Summarize this file"), which no single passage answers.

Such a request has no content words of its own: what is left names the attachment, asks for all of it, or says
nothing.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from rag.condense import is_follow_up
from rag.lexicon import fold, is_unspaced
from rag.passages import Question


def _words_of(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_DEMONSTRATIVES = _words_of(
    "this that these those it attached here este esta estos estas ese esa eso esto adjunto adjunta",
    "adjuntos adjuntas",
    "这 這 此 该 該 本 这份 這份 这篇 這篇 这个 這個 这封 這封 这本 這本 这些 這些 这张 這張 上传的",
    "上傳的 附上的",
)
_NAMES = _words_of(
    "file files document documents doc docs attachment attachments pdf docx text txt md page pages",
    "paper article report letter email presentation slides spreadsheet content contents upload",
    "documento documentos archivo archivos fichero ficheros texto textos pagina paginas articulo",
    "informe carta correo presentacion contenido contenidos",
    "文件 文档 文檔 档案 檔案 附件 文章 文本 文字 资料 資料 材料 报告 報告 信 内容 內容",
)
_WHOLE = _words_of(
    "summarize summarise summary summaries overview outline gist tldr tl dr about describe explain say",
    "says contain contains cover covers covered discuss discusses main key points topic topics subject",
    "idea ideas resume resumir resumas resumen resumeme resumelo sintetiza sintesis trata tratan habla",
    "hablan dice dicen describeme explica explicame explicar contiene contienen principal principales",
    "puntos tema temas clave claves",
    "总结 總結 摘要 概括 概述 归纳 歸納 简介 簡介 介绍 介紹 说明 說明 解释 解釋 讲 講 讲述 講述 说 說",
    "写 寫 谈 談 关于 關於 有关 有關 主要 要点 要點 重点 重點 大意 主题 主題 包含",
)
_SMALL = _words_of(
    "a an the of in to for with from into is are was does do did can could would will you your i me us",
    "my we our what whats please give tell make write show provide get read let know short brief",
    "briefly quick quickly all whole entire and or s el la los las lo un una unos unas de del al en y o",
    "que cual cuales es son su sus mi por favor para puede puedes podria podrias hacer haz hazme dame",
    "dime da breve brevemente corto todo toda sobre acerca se con",
    "请 請 请问 請問 帮 幫 帮我 幫我 给 給 给我 給我 我 你 能 可以 能否 一下 一个 一個 一份 用 的 了 吗",
    "嗎 呢 是 什么 什麼 哪些 里 裡 里面 裡面 中 都 有 把 对 對 简单 簡單 简要 簡要 全文 整 整个 整個 做",
)


def _either(words: frozenset[str], *, unspaced: bool) -> str:
    """A pattern of the words with or without blanks between them, longest first."""
    return "|".join(sorted((word for word in words if is_unspaced(word) == unspaced), key=len, reverse=True))


_KNOWN = _DEMONSTRATIVES | _NAMES | _WHOLE | _SMALL
_HAN = "\u3400-\u9fff"
_WORD = re.compile(rf"{_either(_KNOWN, unspaced=True)}|[{_HAN}]|[^\W{_HAN}]+")
_NAMED = re.compile(
    rf"\b(?:{_either(_DEMONSTRATIVES, unspaced=False)}) (?:{_either(_NAMES, unspaced=False)})\b"
    rf"|(?:{_either(_DEMONSTRATIVES, unspaced=True)})(?:{_either(_NAMES, unspaced=True)})",
    re.IGNORECASE,
)
_LONGEST = 200  # characters; a longer request says more than these words
_LONGEST_NAME = 4  # characters of an unknown Chinese name


def asks_for_overview(question: Question) -> bool:
    """Whether the question is about what is attached as a whole, in English, Spanish or Chinese.

    So is one that says nothing, and one with a noun of its own for it: "What is this contract about?".
    """
    if not question.attached or len(question.text) > _LONGEST:
        return False
    words = _WORD.findall(_without_names(question))
    unknown = {place for place, word in enumerate(words) if word not in _KNOWN}
    if unknown:
        return unknown <= _named(words) and not _WHOLE.isdisjoint(words)
    return not words or any(word not in _SMALL for word in words)


def points_back(question: Question) -> bool:
    """Whether the question can't be understood alone, where "this document" is the one that is attached."""
    text = _NAMED.sub(" ", question.text) if question.attached else question.text
    return is_follow_up(text)


def _without_names(question: Question) -> str:
    """The folded question without the names of attached files."""
    text = fold(question.text)
    for attached in question.attached:
        if "." in attached.document.title:
            text = text.replace(fold(attached.document.title), " file ")
    return text


def _named(words: Sequence[str]) -> set[int]:
    """The places of the noun that follows a demonstrative: a word, or a few characters."""
    for place, word in enumerate(words):
        if word in _DEMONSTRATIVES:
            after = range(place + 1, min(len(words), place + 1 + _LONGEST_NAME))
            noun = list(takewhile(lambda each: words[each] not in _KNOWN, after))
            if noun:
                return set(noun if is_unspaced(words[noun[0]]) else noun[:1])
    return set()
