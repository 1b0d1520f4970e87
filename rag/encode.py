"""BERT's forward pass over a loaded model's own weights: no padding, prepared weights, bfloat16 if native."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, dtype

_BATCH_TOKENS = 1_024  # README, "Speed": measured from 512 to 8,192
_EXACT_TOKENS = 32  # README, "Speed": most questions; each length costs memory
_Step = Callable[["Tensor"], "Tensor"]
_Sum = Callable[["Tensor", "Tensor"], "Tensor"]


class _Layer(Struct, frozen=True):
    """One transformer layer; all in the encoder's precision, but oneDNN and the norms sum in float32."""

    attend: _Step
    project: _Sum
    attended: _Step
    widen: _Step
    narrow: _Sum
    leave: _Step


class _Run(Struct, frozen=True):
    """Where texts of equal length stand in a row of tokens."""

    start: int
    length: int
    count: int

    def of(self, state: "Tensor") -> "Tensor":
        """Shape: (tokens, n) -> (texts, length, n)."""
        return state[self.start : self.start + self.length * self.count].view(self.count, self.length, -1)


class BertEncoder:
    """Token ids to mean-pooled vectors of unit length, without padding: tokens of a batch stand in one row.

    Texts of equal length attend together, so no mask is needed. The weights of the matrix products are laid
    out once for oneDNN; where the CPU multiplies bfloat16 they are kept in it, which halves what a short
    text has to read from memory (cosine to `encode` above 0.9999, which the caller verifies).
    """

    def __init__(self, bert: Any, compute: "dtype") -> None:
        import torch

        self._compute = compute
        self._sdpa = torch.nn.functional.scaled_dot_product_attention
        self._head_width = int(bert.config.hidden_size) // int(bert.config.num_attention_heads)
        with torch.inference_mode():
            parts = bert.embeddings
            self._words = parts.word_embeddings.weight
            self._places = parts.position_embeddings.weight + parts.token_type_embeddings.weight[0]
            self._enter = _norm(parts.LayerNorm)
            self._layers = [_layer(layer, compute) for layer in bert.encoder.layer]

    def encode(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """One vector of unit length per text, given as its token ids with special tokens.

        Shape: (n, dimensions).
        """
        import torch

        with torch.inference_mode():
            if len(ids) == 1:
                return self._run(ids)
            vectors = np.empty((len(ids), self._words.shape[1]), dtype=np.float32)
            for batch in _batches(ids):
                vectors[batch] = self._run([ids[place] for place in batch])
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        import torch

        runs = _runs(ids)
        state = self._entered(ids, runs)
        tokens, width = state.shape
        mixed = torch.empty(tokens, 3 * width)  # float32, in which attention is faster
        seen = torch.zeros(tokens, width, dtype=self._compute)  # what fills the row up sees nothing
        parts = [(*self._heads_of(mixed, run).chunk(3, 1), self._heads_of(seen, run)) for run in runs]
        for layer in self._layers:
            mixed.copy_(layer.attend(state))
            for query, key, value, out in parts:
                out.copy_(self._sdpa(query, key, value))
            state = layer.attended(layer.project(seen, state))
            state = layer.leave(layer.narrow(layer.widen(state), state))
        # The sum points where the mean does.
        sums = torch.cat([run.of(state).sum(1, dtype=torch.float32) for run in runs])
        unit: NDArray[np.float32] = sums.div_(torch.linalg.vector_norm(sums, dim=1, keepdim=True)).numpy()
        return unit

    def _entered(self, ids: Sequence[Sequence[int]], runs: "Sequence[_Run]") -> "Tensor":
        """The row of tokens, filled up, before the first layer.

        Shape: (tokens, dimensions).
        """
        import torch

        words = [token for text in ids for token in text]
        words += [0] * (row_tokens(len(words)) - len(words))
        state = torch.embedding(self._words, torch.from_numpy(np.array(words)))
        for run in runs:
            run.of(state).add_(self._places[: run.length])
        return self._enter(state).to(self._compute)

    def _heads_of(self, state: "Tensor", run: "_Run") -> "Tensor":
        """Shape: (tokens, heads * n) -> (texts, heads, length, n)."""
        part = run.of(state)
        return part.view(*part.shape[:2], -1, self._head_width).transpose(1, 2)


def _runs(ids: Sequence[Sequence[int]]) -> list[_Run]:
    runs: list[_Run] = []
    start = 0
    for length, texts in groupby(map(len, ids)):
        runs.append(_Run(start, length, len(list(texts))))
        start += length * runs[-1].count
    return runs


def row_tokens(tokens: int) -> int:
    """How long a row of tokens is made: a short one as it is, a longer one an eighth longer at the most.

    oneDNN keeps a program for each length that it meets, up to a thousand of them and a gigabyte.
    """
    if tokens <= _EXACT_TOKENS:
        return tokens
    step = max(8, 1 << max(0, (tokens - 1).bit_length() - 4))
    return -(-tokens // step) * step


def bert_encoders(model: "SentenceTransformer") -> Iterator[BertEncoder]:
    """The encoders that may stand for the model's `encode`, fastest first; none for another architecture."""
    import torch

    bert = _bert_of(model)
    if bert is None or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for compute in (torch.bfloat16, torch.float32) if _multiplies_bfloat16() else (torch.float32,):
        try:
            encoder = BertEncoder(bert, compute)
        except (AttributeError, RuntimeError, TypeError):
            return  # weights of another form, such as quantised ones
        yield encoder


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of texts, longest first, in batches of about equally many tokens."""
    batch: list[int] = []
    tokens = 0
    for place in sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True):
        if batch and tokens + len(ids[place]) > _BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += len(ids[place])
    if batch:
        yield batch


def _bert_of(model: "SentenceTransformer") -> Any:
    """The BERT on the CPU that the model pools; else None. How it pools, the caller's comparison shows."""
    from transformers import BertModel

    bert = getattr(model[0], "auto_model", None)
    if not isinstance(bert, BertModel) or model.device.type != "cpu":
        return None
    return bert if bert.config.hidden_act == "gelu" and not bert.config.is_decoder else None


def _multiplies_bfloat16() -> bool:
    import torch

    capable = torch.cpu.get_capabilities()
    return any(capable.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _layer(layer: Any, compute: "dtype") -> _Layer:
    import torch

    attention, output = layer.attention.self, layer.attention.output
    inputs = (attention.query, attention.key, attention.value)
    weight = torch.cat([part.weight for part in inputs])
    bias = torch.cat([part.bias for part in inputs])
    return _Layer(
        attend=_product(weight, bias, compute),
        project=_sum(output.dense, compute),
        attended=_norm(output.LayerNorm),
        widen=_product(layer.intermediate.dense.weight, layer.intermediate.dense.bias, compute, "gelu"),
        narrow=_sum(layer.output.dense, compute),
        leave=_norm(layer.output.LayerNorm),
    )


def _product(weight: "Tensor", bias: "Tensor", compute: "dtype", activation: str = "none") -> _Step:
    """The product with a weight that oneDNN has laid out; such weights are what torch.compile freezes to."""
    import torch

    laid_out, added = _laid_out(weight, compute), bias.to(compute)
    run = torch.ops.mkldnn._linear_pointwise.default
    return lambda state: run(state, laid_out, added, activation, [], "none")


def _sum(dense: Any, compute: "dtype") -> _Sum:
    """The product with a weight, added to what stood before."""
    import torch

    laid_out, added = _laid_out(dense.weight, compute), dense.bias.to(compute)
    run = torch.ops.mkldnn._linear_pointwise.binary
    return lambda state, before: run(state, before, laid_out, added, "add")


def _laid_out(weight: "Tensor", compute: "dtype") -> "Tensor":
    import torch

    laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.to(compute).contiguous(), None)
    return laid_out


def _norm(norm: Any) -> _Step:
    import torch

    weight, bias, shape, eps = norm.weight, norm.bias, norm.normalized_shape, norm.eps
    return lambda state: torch.layer_norm(state, shape, weight, bias, eps)
