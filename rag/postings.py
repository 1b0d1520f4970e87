"""Posting lists as they are stored to the chunks that BM25 puts first; pure, no I/O."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

K1, B = 0.9, 0.75
# An array as PostgreSQL sends it: a head, then each number behind its length.
_HEAD_BYTES = 20
_SENT = np.dtype([("length", ">i4"), ("entry", ">i8")])


class Postings(Struct, frozen=True):
    """Entries of one term (`terms.entries` says what is packed in them), and what the term weighs."""

    weight: float
    sent: bytes


def best_worded(lists: Sequence[Postings], mean_terms: float, most: int | None = None) -> list[int]:
    """The ids of the listed chunks, or of the first `most`, those with the highest BM25 over the lists first.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), 3.4.
    """
    bodies = [each.sent[_HEAD_BYTES:] for each in lists]
    entries = np.frombuffer(b"".join(bodies), _SENT)["entry"].astype(np.int64)
    counts = [len(body) // _SENT.itemsize for body in bodies]
    weights = np.repeat(np.array([each.weight for each in lists], dtype=np.float64), counts)
    tf, terms_count = entries >> 16 & 255, entries & 65_535
    shares = weights * tf / (tf + K1 * (1 - B + B * terms_count / mean_terms))
    chunk_ids, places = np.unique(entries >> 24, return_inverse=True)
    scores = np.bincount(places, shares, minlength=len(chunk_ids))
    if most is not None and most < len(scores):
        among_best = scores >= np.partition(scores, -most)[-most]
        chunk_ids, scores = chunk_ids[among_best], scores[among_best]
    ranking: list[int] = chunk_ids[np.lexsort((chunk_ids, -scores))][:most].tolist()
    return ranking
