"""Whether what was found speaks about the question: one rule, with each embedder's own scale of nearness."""

import math

from msgspec import Struct, structs

from rag.evidence import Evidence

_STEEPEST = 60.0


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
    glossed: float = 0.0
    together: float = 0.0
    lead: float = 0.0
    named: float = 0.0

    def odds(self, evidence: Evidence, nearness: float) -> float:
        return (
            self.bias
            + self.coverage * evidence.coverage
            + self.information * evidence.information
            + self.distinction * evidence.distinction
            + self.reached * evidence.reached
            + self.known * evidence.known
            + self.nearness * nearness
            + self.glossed * evidence.glossed
            + self.together * evidence.together
            + self.lead * evidence.lead
            + self.named * evidence.named
        )


BY_WORDS = Rule()

# Fitted together on questions of indexed articles against those of others; README, "Abstention".
_TRUSTED = _Weights(
    bias=-7.5,
    coverage=8.96,
    information=0.82,
    nearness=3.46,
    glossed=1.5,
    together=2.09,
    lead=1.45,
    named=1.65,
)
_UNTRUSTED = _Weights(
    bias=-13.05,
    coverage=1.46,
    information=0.77,
    distinction=2.92,
    reached=4.71,
    known=5.81,
    together=3.39,
    lead=2.9,
)


def relevance_of(evidence: Evidence, rule: Rule) -> float:
    """From 0 to 1, how likely the passages speak about the question; at 0.5 and above they do.

    As far as the embedder is trusted its cosine counts, else how well the best passage fits by words, and how
    far it stands out.
    """
    trust = rule.trust * evidence.readable
    nearness = (evidence.cosine - rule.unrelated) / max(rule.matching - rule.unrelated, 1e-6)
    odds = trust * _TRUSTED.odds(evidence, nearness) + (1.0 - trust) * _UNTRUSTED.odds(evidence, nearness)
    return 1.0 / (1.0 + math.exp(-min(_STEEPEST, max(-_STEEPEST, odds))))
