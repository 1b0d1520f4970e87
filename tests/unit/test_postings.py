"""Posting lists to a ranking: packing, BM25 over several lists, ties."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.postings import K1, B, Postings, best_worded

MEAN = 10.0


def postings(weight: float, entries: Sequence[tuple[int, int, int]]) -> Postings:
    """A list of (chunk, frequency, length) as PostgreSQL sends an array of numbers."""
    head = struct.pack(">iiiii", 1, 0, 20, len(entries), 1) if entries else struct.pack(">iii", 0, 0, 20)
    packed = [chunk << 24 | tf << 16 | length for chunk, tf, length in entries]
    return Postings(weight, head + b"".join(struct.pack(">iq", 8, entry) for entry in packed))


def bm25(weight: float, tf: int, length: int) -> float:
    return weight * tf / (tf + K1 * (1 - B + B * length / MEAN))


def test_the_shares_of_several_lists_add_up() -> None:
    rare, common = [(7, 1, 10), (9, 255, 65_535)], [(7, 2, 10), (8, 3, 10)]
    expected = {
        7: bm25(4.0, 1, 10) + bm25(1.0, 2, 10),
        8: bm25(1.0, 3, 10),
        9: bm25(4.0, 255, 65_535),
    }
    ranking = best_worded([postings(4.0, rare), postings(1.0, common)], MEAN)
    assert ranking == sorted(expected, key=lambda chunk_id: -expected[chunk_id])


def test_chunks_of_one_score_come_in_the_order_of_their_ids() -> None:
    assert best_worded([postings(1.0, [(9, 1, 5), (12, 1, 5)]), postings(1.0, [(3, 1, 5)])], MEAN) == [
        3,
        9,
        12,
    ]


@given(
    entries=st.dictionaries(st.integers(1, 60), st.tuples(st.integers(1, 3), st.integers(1, 4))),
    most=st.integers(1, 70),
)
def test_the_first_of_the_ranking_are_those_of_all_of_it(
    entries: dict[int, tuple[int, int]], most: int
) -> None:
    listed = [postings(1.0, [(chunk, *entry) for chunk, entry in sorted(entries.items())])]
    assert best_worded(listed, MEAN, most) == best_worded(listed, MEAN)[:most]


@pytest.mark.parametrize("lists", [[], [postings(1.0, [])]])
def test_empty_lists_rank_nothing(lists: list[Postings]) -> None:
    assert best_worded(lists, MEAN) == []


def test_ids_beyond_32_bits_are_read_whole() -> None:
    assert best_worded([postings(1.0, [(2**39 - 1, 1, 1)])], MEAN) == [2**39 - 1]
