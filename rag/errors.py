"""What can go wrong in the engine; every message is a sentence for a person."""


class RagError(Exception):
    """The root of the engine's errors."""


class Unreadable(RagError):
    """A file that can't be read: unknown type, empty, encrypted, broken, too large; for good."""


class ModelUnavailable(RagError):
    """The embedder or the language model can't be loaded or reached."""


class ModelBusy(RagError):
    """The queue before the language model is full; worth trying again soon."""


class ModelSwitched(RagError):
    """Another embedding model was put into service meanwhile; prepare again with that one."""
