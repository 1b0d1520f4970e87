"""Pages: by number, by signed cursor; a part of a list and what lies on either side of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.paging import DEFAULT_SIZE, MAX_LIMIT, Cursors, page_number, page_size
from app.domain.errors import NoSuchPage
from app.domain.paging import PageNumber, Stretch, Window, stretch
from app.security.signing import Signer

SIGNER = Signer(b"secret")
CURSORS = Cursors(SIGNER, "messages:1")


class FixedLink:
    """A link that keeps what it is asked for."""

    def to(self, **changes: str | None) -> str:
        return str(changes["cursor"])


@given(st.integers(0, 1000), st.integers(1, 100))
def test_every_item_is_on_one_page(total: int, size: int) -> None:
    last = PageNumber(size, None).within(total)
    spans = [PageNumber(size, number).span(total) for number in range(1, last + 1)]
    assert [place for span in spans for place in range(span.offset, min(total, span.offset + size))] == list(
        range(total)
    )
    with pytest.raises(NoSuchPage):
        PageNumber(size, last + 1).within(total)


@given(st.text() | st.integers().map(str))
def test_a_page_number_is_a_number_or_last_or_refused(raw: str) -> None:
    try:
        number = page_number({"page": raw}).number
    except NoSuchPage:
        assert not (raw.isascii() and raw.isdecimal() and 0 < int(raw) < 10**12)
    else:
        assert number is None if raw == "last" else number == int(raw or "1")


@given(st.text() | st.integers().map(str))
def test_a_page_size_is_always_usable(raw: str) -> None:
    size = page_size({"pageSize": raw})
    assert 1 <= size <= MAX_LIMIT
    if not (raw.isascii() and raw.isdecimal() and int(raw) > 0):
        assert size == DEFAULT_SIZE


@given(st.lists(st.integers(0, 500), unique=True, max_size=40), st.integers(1, 7), st.data())
def test_cursors_lead_through_a_list_once_while_items_are_added(
    start: list[int], size: int, data: st.DataObject
) -> None:
    items, seen = set(start), list[int]()
    cursor: str | None = None
    while True:
        window = CURSORS.window({"pageSize": str(size), **({"cursor": cursor} if cursor else {})})
        part = part_of(items, window)
        seen += part.items
        cursor, before = CURSORS.links(FixedLink(), part, lambda item: (item,))  # type: ignore[arg-type]
        assert (before is None) == (window.position is None or not part.items)
        if cursor is None:
            break
        items |= {501 + number for number in data.draw(st.sets(st.integers(0, 50), max_size=3))}
    assert seen == sorted(start, reverse=True)


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=40), st.integers(1, 7))
def test_the_way_back_shows_the_same(start: list[int], size: int) -> None:
    items = set(start)
    part = part_of(items, Window(size, (sorted(start)[0],), newer=True))
    back = list(part.items)
    while part.has_newer:
        part = part_of(items, Window(size, (part.items[0],), newer=True))
        back = [*part.items, *back]
    assert back == sorted(start, reverse=True)[:-1]


def part_of(items: set[int], window: Window) -> Stretch[int]:
    """What a store gives: up to one more than wanted, next to the position, newest first."""
    ordered = sorted(items, reverse=True)
    if window.position is None:
        return stretch(tuple(ordered[: window.size + 1]), window)
    (place,) = window.position
    if window.newer:
        return stretch(tuple([item for item in ordered if item > place][-window.size - 1 :]), window)
    return stretch(tuple([item for item in ordered if item < place][: window.size + 1]), window)


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor, _ = CURSORS.links(FixedLink(), Stretch((1, 2), True, False), lambda item: (item,))  # type: ignore[arg-type]
    assert cursor is not None
    assert CURSORS.window({"cursor": cursor}).position == (2,)
    for other in (Cursors(SIGNER, "messages:2"), Cursors(Signer(b"other"), "messages:1")):
        with pytest.raises(NoSuchPage):
            other.window({"cursor": cursor})
