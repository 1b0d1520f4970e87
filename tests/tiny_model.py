"""A sentence-transformers model that a test makes: random weights, few dimensions, a low token limit."""

from pathlib import Path

DIMENSIONS = 32
MAX_TOKENS = 62  # of 64, two are special
_WORDS = ("the", "of", "and", "is", "how", "many", "room", "chairs", "lamp", "holds", "does", "library")


def make_tiny_model(folder: Path, seed: int = 0) -> Path:
    """The folder with a BERT of one layer in it and a vocabulary of letters and a few words."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!#-'"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), *_WORDS]
    parts = folder / "parts"
    parts.mkdir()
    (parts / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)))
    tokenizer = BertTokenizerFast(vocab=str(parts / "vocab.txt"))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=DIMENSIONS,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(parts)
    tokenizer.save_pretrained(parts)
    transformer = Transformer(str(parts), max_seq_length=64)
    SentenceTransformer(modules=[transformer, Pooling(DIMENSIONS)]).save(str(folder))
    return folder
