"""Attachments as a place to look: their chunks, offsets and ranks; and requests for the whole of one."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.attached import AttachedTexts, first_attached
from rag.candidates import Retrieval
from rag.cite import Citer
from rag.events import Cited, Token
from rag.generate.extractive import overview
from rag.merge import merged
from rag.overview import asks_for_overview, points_back
from rag.passages import Attached, Citation, Hit, Page, Question, Scope, join_pages
from rag.relevance import BY_WORDS
from rag.retrieve import Retriever
from rag.testing import HashEmbedder

LEASE = (
    "# Lease\n\nThis lease is about the flat in Harbour Street 12. The lease runs for three years.",
    "# Rent\n\nThe rent is due on the third working day of each month.\n\n"
    "# Notice\n\nEither party may end the lease with a notice of eleven weeks.",
)
GARDEN = "Roses are cut back in March. Tulips are planted in October."
FOUND = Hit(7, UUID(int=7), "Base", None, "A text.", 0, 7, None, (), 0.5)


class Counting(HashEmbedder):
    """Counts the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__(256)
        self.embedded = 0

    def embed(self, texts):  # type: ignore[no-untyped-def]
        self.embedded += len(texts)
        return super().embed(texts)


def attached(*pages: str, title: str = "lease.pdf") -> Attached:
    numbered = tuple(Page(text, number) for number, text in enumerate(pages, start=1))
    return Attached(uuid4(), join_pages(numbered, title))


async def found(question: str, *texts: Attached, embedder: HashEmbedder | None = None) -> Retrieval:
    embedder = embedder or HashEmbedder(256)
    return await Retriever(embedder, 0, BY_WORDS).search(AttachedTexts(texts, embedder), question)


def holds(attached: Attached, hit: Hit | Citation) -> bool:
    quoted = hit.text if isinstance(hit, Hit) else hit.excerpt
    return attached.document.text[hit.start : hit.end] == quoted


async def test_the_passage_that_answers_comes_first_with_its_page_and_heading() -> None:
    lease = attached(*LEASE)
    (best, *_) = (await found("How long is the notice to end the lease?", lease)).hits
    assert "eleven weeks" in best.text
    assert (best.document_id, best.title, best.page, best.heading_path) == (
        lease.id, "lease.pdf", 2, ("Notice",),
    )  # fmt: skip
    assert best.is_attached and best.dense_score is not None and best.lexical_rank == 1


async def test_every_hit_is_the_attachment_s_own_text_under_a_number_of_its_own() -> None:
    lease, garden = attached(*LEASE), attached(GARDEN, title="garden.txt")
    hits = (await found("notice rent lease roses tulips", lease, garden)).hits
    texts = {each.id: each for each in (lease, garden)}
    assert {hit.document_id for hit in hits} == set(texts)
    assert all(holds(texts[hit.document_id], hit) for hit in hits)
    assert len({hit.chunk_id for hit in hits}) == len(hits) and max(hit.chunk_id for hit in hits) < 0


@given(st.lists(st.text(alphabet="ab\n #|-.租约", max_size=300), max_size=4))
async def test_offsets_hold_for_any_text(pages: list[str]) -> None:
    text = attached(*pages)
    texts = AttachedTexts((text,), HashEmbedder(max_tokens=24))
    assert all(holds(text, passage.hit) for passage in texts.passages)
    assert all(holds(text, hit) for hit in (await texts.overview()).hits)


async def test_neighbours_become_one_source() -> None:
    text = attached(" ".join(f"Rule {number} is about the pier and its boats." for number in range(60)))
    hits = (await found("What is rule 30 about the pier?", text)).hits
    sources = merged(hits)
    assert len(sources) < len(hits)
    assert all(holds(text, source) for source in sources)


async def test_a_long_attachment_costs_no_more_vectors_than_a_short_one_of_some_pages() -> None:
    pages = [f"# Part {number}\n\n" + "The tide turns at noon. " * 30 for number in range(200)]
    pages[150] += "\n\nThe lighthouse keeper is called Whitfield."
    embedder = Counting()
    hits = (await found("What is the lighthouse keeper called?", attached(*pages), embedder=embedder)).hits
    assert "Whitfield" in hits[0].text and hits[0].page == 151
    assert embedder.embedded < 100


def test_more_than_the_limit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.attached._MOST_CHARS", 40)
    texts = attached("The first page is short.", "The second page is cut."), attached("Never read.")
    hits = [passage.hit for passage in AttachedTexts(texts, HashEmbedder()).passages]
    assert [(hit.page, hit.text) for hit in hits] == [
        (1, "The first page is short."),
        (2, "The second pag"),
    ]
    assert all(holds(texts[0], hit) for hit in hits)


async def test_what_holds_no_text_is_not_found_in() -> None:
    nothing = attached("", "  ")
    assert (await found("What is the rent?", nothing)).hits == ()
    overviewed = await AttachedTexts((nothing,), HashEmbedder()).overview()
    assert (overviewed.hits, overviewed.relevant) == ((), False)


async def test_an_overview_begins_with_each_text_and_spreads_over_it() -> None:
    long = attached(*(f"# Part {number}\n\nPart {number} has its say." for number in range(40)))
    short = attached(GARDEN)
    hits = (await AttachedTexts((long, short), HashEmbedder()).overview()).hits
    pages = [hit.page for hit in hits if hit.document_id == long.id]
    assert pages[:3] == [1, 2, 3] and pages == sorted(pages) and max(pages) > 25
    assert hits[-1].document_id == short.id and len(hits) <= 12


@pytest.mark.parametrize(
    ("attached_fits", "base_fits", "documents"),
    [(True, True, [1, 7]), (True, False, [1]), (False, True, [7]), (False, False, [7])],
)
def test_attachments_come_first_where_they_fit_and_else_are_not_seen(
    attached_fits: bool, base_fits: bool, documents: list[int]
) -> None:
    own = Retrieval((Hit(-1, UUID(int=1), "", None, "", 0, 0, None, (), 0.1),), 0.6, attached_fits)
    base = Retrieval((FOUND,), 0.9, base_fits)
    together = first_attached(own, base)
    assert [hit.document_id.int for hit in together.hits] == documents
    assert together.relevant == (attached_fits or base_fits)


def told(*texts: Attached, hits: tuple[Hit, ...]) -> tuple[str, list[Citation]]:
    sources = merged(hits)
    citer = Citer(sources)
    events = citer.feed(overview(sources)) + citer.finish()
    citations = [event.citation for event in events if isinstance(event, Cited)]
    by_id = {each.id: each for each in texts}
    assert all(holds(by_id[citation.document_id], citation) for citation in citations)
    return "".join(event.text for event in events if isinstance(event, Token)), citations


async def test_an_overview_quotes_the_beginning_and_what_the_text_keeps_saying() -> None:
    page = (
        "# Ferries\n\nThis paper is about the ferries of the bay. It was printed in May. "
        "Every ferry of the bay is driven by batteries. Thanks go to Ms Whitfield for coffee. "
        "The batteries of a ferry are charged at the pier of the bay. Lunch was served at noon."
    )
    paper = attached(page)
    text, citations = told(paper, hits=(await AttachedTexts((paper,), HashEmbedder()).overview()).hits)
    assert text.startswith("This paper is about the ferries of the bay. [1]")
    assert "Every ferry of the bay is driven by batteries." in text and "coffee" not in text
    assert len(citations) == 3


async def test_an_overview_of_several_texts_quotes_each() -> None:
    texts = (
        attached(*LEASE),
        attached(GARDEN),
        attached("图书馆每周一闭馆。读者可以借阅十本书。"),
    )
    text, citations = told(*texts, hits=(await AttachedTexts(texts, HashEmbedder()).overview()).hits)
    assert [citation.document_id for citation in citations] == [each.id for each in texts]
    assert text.startswith("This lease is about") and "Roses are cut back" in text


def asked(text: str, title: str = "notice.pdf") -> Question:
    return Question(text, Scope(()), attached=(attached("A text.", title=title),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Summarize this file",
        "What is this document about?",
        "Can you give me a brief summary of the attached report, please?",
        "What does it say?",
        "What are the main points?",
        "What is this contract about?",
        "Summarise notice.pdf",
        "¿De qué trata este documento?",
        "Resume el archivo adjunto, por favor.",
        "¿Cuáles son los puntos clave?",
        "¿Qué dice este contrato?",
        "这份文件讲了什么？",
        "请帮我总结一下这个附件",
        "這份文件的主要內容是什麼？",
        "这份合同主要讲了什么？",
    ],
)
def test_a_request_without_content_of_its_own_is_for_the_whole(text: str) -> None:
    assert asks_for_overview(asked(text))


@pytest.mark.parametrize(
    "text",
    [
        "What is the grace period?",
        "What does this document say about parking?",
        "Who wrote this?",
        "When is this due?",
        "Summarize the rules for parking",
        "Is this contract valid in Spain?",
        "What can you do for me?",
        "¿Cuánto dura el contrato?",
        "¿Qué dice este documento sobre las vacaciones?",
        "¿Quién firma este contrato?",
        "这份合同的期限是什么？",
        "附件里关于停车有什么规定？",
        "这是谁写的？",
        "Summarize this " + "and that " * 40,
    ],
)
def test_a_request_that_names_what_it_wants_is_not(text: str) -> None:
    assert not asks_for_overview(asked(text))


def test_without_attachments_there_is_no_whole() -> None:
    assert not asks_for_overview(Question("Summarize this file", Scope(())))


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("What does this document say about parking?", False),
        ("¿Qué dice este documento sobre las vacaciones?", False),
        ("这份文件里关于停车有什么规定？", False),
        ("How long is it in this document?", True),
        ("And for part-time staff?", True),
    ],
)
def test_this_document_is_the_attached_one_and_not_one_spoken_of_before(text: str, back: bool) -> None:
    assert points_back(asked(text)) == back
    assert points_back(Question("What does this document say about parking?", Scope(())))
