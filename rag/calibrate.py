"""The rule of abstention of an embedder."""

from rag.embed import Embedder
from rag.relevance import BY_WORDS, RULES, Rule


def calibrate(embedder: Embedder) -> Rule:
    """The rule of a known embedder; another one is judged by the words alone."""
    return RULES.get(embedder.name, BY_WORDS)
