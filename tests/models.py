"""Small models that tests make themselves."""

from pathlib import Path

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:?"
_WORDS = ("one", "two", "three", "words", "the", "passage", "says", "some", "more", "other", "text", "and")


def make_bert(folder: Path, pooling: str = "mean", *, prompt: str = "", seed: int = 7) -> None:
    """Saves a sentence-transformers model of two small BERT layers with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = [*_SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    parts = folder / "parts"
    parts.mkdir()
    (parts / "vocab.txt").write_text("\n".join([*pieces, *_WORDS]), encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces) + len(_WORDS),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(parts)
    BertTokenizerFast(vocab=str(parts / "vocab.txt")).save_pretrained(parts)
    transformer = Transformer(str(parts), max_seq_length=64)
    prompts = {"passage": prompt} if prompt else None
    model = SentenceTransformer(
        modules=[transformer, Pooling(48, pooling_mode=pooling)],
        prompts=prompts,
        default_prompt_name="passage" if prompt else None,
    )
    model.save(str(folder))
