"""Texts for the bench of the API: sentences in three languages whose words are as frequent as real ones."""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

_HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
_SPANISH = (
    "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me "
    "si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde "
    "está mi porque qué sólo han yo hay vez puede todos así nos ni parte tiene él uno donde bien tiempo "
    "mismo ese ahora cada vida otro después te otros aunque esa eso hace otra gobierno tan durante "
    "siempre día tanto ella tres sí dijo sido gran país según menos mundo año antes estado contrato "
    "información canción póliza devolución factura envío dirección teléfono cancelación señor mañana "
    "garantía pedido descripción versión línea "
)
_CHINESE = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得于著下自之年過發後作里用道行所然"
    "家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把"
    "機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果"
)
_ENDS = ". ", "? ", ". "


class Language:
    """Words drawn as often as their rank says (Zipf), joined into sentences."""

    def __init__(self, words: Sequence[str], weights: Sequence[float], space: str) -> None:
        self._words = words
        self._reach = list(accumulate(weights))
        self._space = space

    def say(self, chance: random.Random, count: int) -> str:
        """A text of so many words."""
        reach, last = self._reach, self._reach[-1]
        picked = [self._words[bisect(reach, chance.random() * last)] for _ in range(count)]
        for at in range(7, count, 8):
            picked[at] += "。" if not self._space else chance.choice(_ENDS).rstrip()
        return self._space.join(picked)


def languages() -> tuple[Language, ...]:
    """English (half of what is said), Spanish and Chinese."""
    chance = random.Random(4)  # noqa: S311 - not for secrets
    counted: Counter[str] = Counter()
    for page in sorted(_HANDBOOK.glob("**/*.md")):
        counted.update(page.read_text(encoding="utf-8").split())
    english = Language(list(counted), [float(n) for n in counted.values()], " ")
    syllables = [a + b for a in (*"bcdfglmnprstv", "ch", "ll", "tr") for b in "aeioáéíóu"]
    invented = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(8000)]
    signs = _CHINESE + "".join(map(chr, chance.sample(range(0x4E00, 0x9FA0), 2500)))
    pairs = ["".join(chance.choices(signs[: 30 * n], k=2)) for n in range(4, 90) for _ in range(200)]
    return (english, english, _zipf([*_SPANISH.split(), *invented], " "), _zipf([*signs[:150], *pairs], ""))


def _zipf(words: Sequence[str], space: str) -> Language:
    return Language(words, [1 / (rank + 3) for rank in range(len(words))], space)


def texts(count: int, at_once: int) -> Iterator[str]:
    """What is said in turn: short questions and longer answers, each conversation in one language.

    So many conversations go on at once and are spoken in one after the other. The same at each call.
    """
    chance = random.Random(5)  # noqa: S311 - not for secrets
    spoken = languages()
    for n in range(count):
        language = spoken[n // 2 % at_once % len(spoken)]
        words = chance.randint(4, 20) if n % 2 == 0 else chance.randint(15, 70)
        yield language.say(chance, words)
