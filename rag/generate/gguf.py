"""A GGUF model in this process: chat messages -> text, token by token; blocking, for one thread at a time."""

import codecs
import ctypes
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from rag.errors import ModelUnavailable
from rag.prompt import Message

_BATCH_TOKENS = 256  # how much of a prompt is read before a cancellation is seen
_FEWEST_ANSWER_TOKENS = 16
_STOP = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<end_of_turn>", "</s>")
_PLAIN_STOP = ("\nUser:", "\nSystem:", "\nAssistant:")  # the next turn of a prompt without a template


class Sampling(Struct, frozen=True):
    """How an answer is drawn; temperature 0 takes the likeliest token always."""

    max_tokens: int
    temperature: float


class Chunk(Struct, frozen=True):
    """A piece of generated text, whole characters only; the last one has the reason and the counts."""

    text: str
    finish_reason: str | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0


class GgufModel:
    """A loaded model with its chat template and context.

    Raises: ModelUnavailable when llama-cpp-python or the file is missing, or the file can't be loaded.
    """

    def __init__(self, path: Path, context_tokens: int) -> None:
        self._cpp = _import_llama_cpp()
        if not path.is_file():
            raise ModelUnavailable(
                f"The language model {path} does not exist; set LECTERN_LLM to a GGUF file."
            )
        try:
            self._llm = self._cpp.Llama(
                str(path),
                n_ctx=context_tokens,
                n_batch=_BATCH_TOKENS,
                n_ubatch=_BATCH_TOKENS,
                seed=0,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError, AssertionError, _template_error()) as error:
            raise ModelUnavailable(
                f"The language model {path.name} can't be loaded ({error}); is it a complete GGUF file?"
            ) from error
        self._vocab = self._cpp.llama_model_get_vocab(self._llm.model)
        trained = self._cpp.llama_model_n_ctx_train(self._llm.model)
        self.context_tokens = int(min(self._llm.n_ctx(), trained))
        self._control = self._control_pattern()
        self._render = self._template()

    def count(self, text: str) -> int:
        """The number of tokens of a text, special tokens read as plain text."""
        return len(self._llm.tokenize(text.encode(), add_bos=False, special=False))

    def answer_tokens(self, wanted: int) -> int:
        """How many tokens an answer may take: what is wanted, at most half of the context."""
        return max(1, min(wanted, self.context_tokens // 2))

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, cancelled: threading.Event
    ) -> Iterator[Chunk]:
        """The reply in pieces; ends within one token, or one slice of the prompt, of a cancellation.

        Raises: ModelUnavailable when the prompt does not fit or the model fails.
        """
        prompt, stops = self._rendered(messages)
        tokens = self._llm.tokenize(prompt.encode(), add_bos=self._adds_start(prompt), special=True)
        room = self.context_tokens - len(tokens)
        if room < _FEWEST_ANSWER_TOKENS:
            raise ModelUnavailable(
                f"The question does not fit into the model's context of {self.context_tokens} tokens; "
                "ask a shorter one or raise LECTERN_LLM_CONTEXT_TOKENS."
            )
        fitting = Sampling(min(sampling.max_tokens, room), sampling.temperature)
        try:
            yield from self._generated(tokens, fitting, stops, cancelled)
        except (RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"The language model failed ({error}); ask again.") from error

    def close(self) -> None:
        """Frees the model's memory."""
        self._llm.close()

    def _generated(
        self, tokens: list[int], sampling: Sampling, stops: tuple[str, ...], cancelled: threading.Event
    ) -> Iterator[Chunk]:
        text, made, reason = StopText(stops), 0, "length"
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in self._drawn(tokens, sampling, cancelled):
            made += 1
            ended = bool(self._cpp.llama_vocab_is_eog(self._vocab, token))
            piece = "" if ended else text.feed(decoder.decode(self._bytes_of(token)))
            if piece:
                yield Chunk(piece)
            if ended or text.stopped:
                reason = "stop"
                break
            if made == sampling.max_tokens:
                break
        rest = text.feed(decoder.decode(b"", final=True)) + text.rest()
        yield Chunk(rest, "cancelled" if cancelled.is_set() else reason, len(tokens), made)

    def _drawn(self, tokens: list[int], sampling: Sampling, cancelled: threading.Event) -> Iterator[int]:
        """The tokens the model draws; a cancellation is seen between them and between prompt slices."""
        self._llm.reset()
        for start in range(0, len(tokens) - 1, _BATCH_TOKENS):
            if cancelled.is_set():
                return
            self._llm.eval(tokens[start : min(start + _BATCH_TOKENS, len(tokens) - 1)])
        for token in self._llm.generate(
            tokens, temp=sampling.temperature, top_p=0.95, top_k=40, repeat_penalty=1.0
        ):
            if cancelled.is_set():
                return
            yield int(token)

    def _bytes_of(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self._cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _control_pattern(self) -> re.Pattern[str] | None:
        """The written forms of the control tokens, which a source or a question must not be able to use."""
        cpp, vocab = self._cpp, self._vocab
        ids = (i for i in range(cpp.llama_vocab_n_tokens(vocab)) if cpp.llama_vocab_is_control(vocab, i))
        forms = {cpp.llama_vocab_get_text(vocab, i).decode("utf-8", "replace") for i in ids}
        written = sorted((form for form in forms if len(form) > 1), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, written))) if written else None

    def _defused(self, message: Message) -> dict[str, str]:
        content = message.content
        if self._control is not None:
            content = self._control.sub(lambda match: match.group()[0] + " " + match.group()[1:], content)
        return {"role": message.role, "content": content}

    def _template(self) -> Any:
        source = self._llm.metadata.get("tokenizer.chat_template")
        if not source:
            return None
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        start, end = (self._written(token) for token in (self._llm.token_bos(), self._llm.token_eos()))
        return Jinja2ChatFormatter(template=source, eos_token=end, bos_token=start)

    def _written(self, token: int) -> str:
        return (
            self._cpp.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")
            if token >= 0
            else ""
        )

    def _rendered(self, messages: Sequence[Message]) -> tuple[str, tuple[str, ...]]:
        """The prompt text: by the file's template, without a system message if it has none, or plain."""
        chat = [self._defused(message) for message in messages]
        for form in (chat, _without_system(chat)) if self._render else ():
            try:
                return self._render(messages=form, enable_thinking=False).prompt, _STOP
            except (ValueError, TypeError, _template_error()):
                continue
        lines = [f"{message['role'].capitalize()}: {message['content']}" for message in chat]
        return "\n\n".join(lines) + "\n\nAssistant:", _STOP + _PLAIN_STOP

    def _adds_start(self, prompt: str) -> bool:
        """Whether the start token is still to be put before the prompt: wanted, and not in the template."""
        start = self._written(self._llm.token_bos())
        wanted = bool(self._cpp.llama_vocab_get_add_bos(self._vocab))
        return wanted and not (start and prompt.startswith(start))


class StopText:
    """Text up to the first stop string; holds back only what could be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stopped = False
        self._stops = tuple(stops)
        self._held = ""

    def feed(self, text: str) -> str:
        """What is certain to come before a stop string."""
        if self.stopped:
            return ""
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            certain, self._held = self._held[: min(found)], ""
            return certain
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        certain = self._held[: len(self._held) - keep]
        self._held = self._held[len(certain) :]
        return certain

    def rest(self) -> str:
        """What was held back, once no more text comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of the text that begins the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if stop.startswith(text[-size:])), 0)


def _without_system(chat: list[dict[str, str]]) -> list[dict[str, str]]:
    """The messages with the system's words at the start of the person's first message."""
    system = "\n\n".join(message["content"] for message in chat if message["role"] == "system")
    rest = [dict(message) for message in chat if message["role"] != "system"]
    if rest:
        rest[0]["content"] = f"{system}\n\n{rest[0]['content']}"
    return rest


def _import_llama_cpp() -> Any:
    try:
        import llama_cpp
    except ImportError as error:
        raise ModelUnavailable(
            "LECTERN_LLM names a GGUF file, but llama-cpp-python is not installed; "
            "install it with: pip install 'lectern[llm]'"
        ) from error
    return llama_cpp


def _template_error() -> type[Exception]:
    from jinja2 import TemplateError

    return TemplateError
