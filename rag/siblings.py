"""Whether a title names a sibling of what is asked about, as "Line 16" does for "Line 18"."""

from collections.abc import Callable, Sequence, Set
from difflib import SequenceMatcher

from rag.lexicon import is_unspaced

_KIND = 0.6  # of what picks one chunk of all: less than that in common is no kind of thing


def names_sibling(
    asked: Sequence[str], title: Sequence[str], held: Set[str], tells: Callable[[str], float]
) -> float:
    """From 0 to 1, how telling the token is with which the question goes on where the title does otherwise.

    0 where they have nothing telling in common, where the question names all of the title, and where the
    passage holds that token, too. `tells` weighs a token by what picks one chunk of all.
    """
    if set(title).isdisjoint(asked):
        return 0.0
    at, there, length = SequenceMatcher(None, asked, title, autojunk=False).find_longest_match()
    end = at + length
    if length == len(title) or sum(map(tells, asked[at:end])) < _KIND:
        return 0.0
    instead: list[float] = []
    if there and at:
        instead.append(_instead(asked[at - 1], asked[at - 1 : at + 1], held, tells))
    if there + length < len(title) and end < len(asked):
        instead.append(_instead(asked[end], asked[end - 1 : end + 1], held, tells))
    return max(instead, default=0.0)


def _instead(token: str, pair: Sequence[str], held: Set[str], tells: Callable[[str], float]) -> float:
    """Characters are held as pairs, but no pair spans two scripts."""
    unspaced = all(each and is_unspaced(each) for each in pair)
    if not token or ("".join(pair) if unspaced else token) in held:
        return 0.0
    return min(1.0, tells(token))
