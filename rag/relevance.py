"""Whether what was found speaks about the question: one rule, with each embedder's own scale of nearness.

Odds above 0 say that it does. Where the first ones leave doubt, a closer look at single sentences adds to
them.
"""

import math

from msgspec import Struct, structs

from rag.doubt import Comparison
from rag.evidence import Evidence

_STEEPEST = 60.0
_REFUSED, _ANSWERED = -4.0, 6.0  # odds; between them is doubt
_LEAST_TRUST = 0.3  # a look that may add less than a third costs as much


class Rule(Struct, frozen=True):
    """What an embedder's cosines are worth: `calibrate` finds it.

    `matching` is its usual cosine of a question to the passage that answers it, `unrelated` that to the
    nearest of some others; `trust`, 0 to 1, says how well it tells the two apart. Glosses have a scale of
    their own, where some languages are glossed.
    """

    trust: float = 0.0
    unrelated: float = 0.0
    matching: float = 1.0
    glossed_unrelated: float = 0.0
    glossed_matching: float = 1.0

    def of_glosses(self) -> "Rule":
        """The rule for a question whose gloss was embedded."""
        return structs.replace(self, unrelated=self.glossed_unrelated, matching=self.glossed_matching)


class _Weights(Struct, frozen=True):
    """What each evidence adds to the odds."""

    bias: float
    coverage: float
    information: float
    distinction: float = 0.0
    reached: float = 0.0
    known: float = 0.0
    nearness: float = 0.0
    background: float = 0.0
    glossed: float = 0.0
    together: float = 0.0
    lead: float = 0.0
    named: float = 0.0

    def odds(self, evidence: Evidence, rule: Rule) -> float:
        nearness = _nearness(evidence.cosine, rule)
        background = 0.0 if evidence.background is None else _nearness(evidence.background, rule)
        return (
            self.bias
            + self.coverage * evidence.coverage
            + self.information * evidence.information
            + self.distinction * evidence.distinction
            + self.reached * evidence.reached
            + self.known * evidence.known
            + self.nearness * nearness
            + self.background * background
            + self.glossed * evidence.glossed
            + self.together * evidence.together
            + self.lead * evidence.lead
            + self.named * evidence.named
        )


class _Look(Struct, frozen=True):
    """What a closer look adds to the odds, as far as the embedder is trusted."""

    bias: float
    nearness: float
    named: float
    agrees: float

    def odds(self, compared: Comparison, nearness: float) -> float:
        return (
            self.bias + self.nearness * nearness + self.named * compared.named + self.agrees * compared.agrees
        )


BY_WORDS = Rule()

# Fitted together on questions of indexed articles against those of others; README, "Abstention".
_TRUSTED = _Weights(
    bias=-9.6,
    coverage=8.8,
    information=0.95,
    nearness=6.0,
    background=-3.2,
    glossed=0.9,
    together=2.4,
    lead=1.4,
    named=1.7,
)
_UNTRUSTED = _Weights(
    bias=-17.8,
    coverage=2.6,
    information=1.02,
    distinction=5.0,
    reached=6.8,
    known=7.0,
    together=4.9,
    lead=2.9,
)
_OWN, _EXACT = 11.2, 2.6  # whoever reads the question
# Glosses of any text share the glossary's everyday words.
_BY_GLOSS = -2.2
_LOOK = _Look(bias=-6.2, nearness=3.8, named=1.0, agrees=3.7)


def odds_of(evidence: Evidence, rule: Rule) -> float:
    """What the hits say at first: as far as the embedder is trusted its cosine counts, else words alone.

    Without trust it counts how well the best passage fits by words, and how far it stands out.
    """
    by_gloss = rule.trust * evidence.by_gloss
    trust = rule.trust * evidence.readable + by_gloss
    odds = trust * _TRUSTED.odds(evidence, rule) + (1.0 - trust) * _UNTRUSTED.odds(evidence, rule)
    return odds + _OWN * (evidence.own - 1.0) + _EXACT * (evidence.exact - 1.0) + _BY_GLOSS * by_gloss


def in_doubt(odds: float, evidence: Evidence, rule: Rule) -> bool:
    """Whether a closer look may say more: not clear at first, and the embedder reads the question.

    A question that was put into the passages' language, word for word, is too unlike any sentence of them.
    """
    read = rule.trust * evidence.readable > _LEAST_TRUST and not evidence.glossed
    return read and _REFUSED < odds < _ANSWERED


def odds_after_look(odds: float, compared: Comparison, evidence: Evidence, rule: Rule) -> float:
    """The odds of a doubtful question with what its nearest sentence shows.

    They stay within the bounds of doubt, so that better first odds never end up worse.
    """
    trust = rule.trust * evidence.readable
    added = trust * _LOOK.odds(compared, _nearness(compared.cosine, rule))
    return min(_ANSWERED, max(_REFUSED, odds + added))


def relevance_of(odds: float) -> float:
    """From 0 to 1, how likely the passages speak about the question; at 0.5 and above they do."""
    return 1.0 / (1.0 + math.exp(-min(_STEEPEST, max(-_STEEPEST, odds))))


def _nearness(cosine: float, rule: Rule) -> float:
    return (cosine - rule.unrelated) / max(rule.matching - rule.unrelated, 1e-6)
