"""Neighbouring hits of one section -> one source, for prompts and quotations."""

from collections.abc import Sequence

from msgspec.structs import replace

from rag.passages import Citation, Hit


def merged(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The sources in ranked order: neighbours of one section and page are one, where the best of them stood.

    `document_text[start:end] == text` holds for a source as it does for a hit.
    """
    starts = {(hit.document_id, hit.start): hit for hit in hits}
    following: dict[int, Hit] = {}
    for hit in hits:
        after = starts.get((hit.document_id, hit.end + len(hit.space_after or "")))
        if after is not None and _goes_on(hit, after):
            following[hit.chunk_id] = after
    led = {after.chunk_id for after in following.values()}
    sources = [_joined(_run(hit, following)) for hit in hits if hit.chunk_id not in led]
    ranks = {hit.chunk_id: rank for rank, hit in enumerate(hits)}
    return tuple(sorted(sources, key=lambda source: ranks[source.chunk_id]))


def placed(citation: Citation, hits: Sequence[Hit]) -> Citation:
    """The citation of a source with the chunk and the score of the hit that its first character lies in."""
    for hit in hits:
        if hit.document_id == citation.document_id and hit.start <= citation.start < hit.end:
            return replace(citation, chunk_id=hit.chunk_id, score=hit.score)
    return citation


def _goes_on(hit: Hit, after: Hit) -> bool:
    """Whether the second goes on with the section and the page of the first, with white space between."""
    if hit.space_after is None or hit.space_after.strip() or hit.page != after.page:
        return False
    same_section = after.heading_path == hit.heading_path and not after.text.startswith("#")
    # A later part of a table has the table's header at the end of its heading path.
    same_table = after.text.startswith("|") and after.heading_path[:-1] == hit.heading_path
    return same_section or same_table


def _run(first: Hit, following: dict[int, Hit]) -> list[Hit]:
    run = [first]
    while (after := following.get(run[-1].chunk_id)) is not None:
        run.append(after)
    return run


def _joined(run: Sequence[Hit]) -> Hit:
    """The run as one hit: text and place of all of it, the headings of its first, all else of its best."""
    if len(run) == 1:
        return run[0]
    best = max(run, key=lambda hit: hit.score)
    parts = [part for hit in run[:-1] for part in (hit.text, hit.space_after or "")]
    return replace(
        best,
        text="".join([*parts, run[-1].text]),
        start=run[0].start,
        end=run[-1].end,
        heading_path=run[0].heading_path,
        space_after=run[-1].space_after,
        parts=tuple(run),
    )
