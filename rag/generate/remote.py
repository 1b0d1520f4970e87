"""The generator over an OpenAI-compatible server: vLLM, llama-server and the like."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from urllib.parse import urlsplit, urlunsplit

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from rag.errors import ModelBusy, ModelUnavailable, RagError
from rag.generate import Ask, Piece
from rag.passages import Hit, Question
from rag.prompt import Budget, Message, answer_prompt, condense_messages, condensed

_CONDENSE_TOKENS = 96
_BUSY = (429, 503)
_WORDS = re.compile(r"[A-Za-z]+")
_BLANK_AND_WORD = re.compile(r" ?[A-Za-z]+")  # a tokenizer reads a word with the blank before it
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 120.0  # between two pieces; long prompts take their time


class RemoteGenerator:
    """Answers with the model `name` of `http(s)://host/v1#name`, or with the first one the server lists.

    A password in the address (`https://:KEY@host/v1`) is sent as the API key.
    """

    def __init__(self, url: str, context_tokens: int = 4096, queue: int = 8) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or url
        self._model = parts.fragment
        self._context_tokens = context_tokens
        self._queue = queue
        self._running = 0
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        self._client = openai.AsyncOpenAI(
            base_url=urlunsplit(bare),
            api_key=parts.password or "none",
            timeout=openai.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            max_retries=0,
        )

    @property
    def name(self) -> str:
        """The model's name; the server's before the first answer if the address names no model."""
        return self._model or self._host

    async def condense(self, question: Question) -> str | None:
        """The stand-alone question by the model, or None when there is no conversation or no usable reply.

        Raises: ModelBusy when the server has no room, ModelUnavailable when it fails.
        """
        if not question.history:
            return None
        reply = await self.complete(lambda budget: condense_messages(question, budget), _CONDENSE_TOKENS)
        return condensed(reply, question)

    async def complete(self, ask: Ask, most_tokens: int) -> str:
        """The model's reply at temperature 0.

        Raises: ModelBusy when the server has no room, ModelUnavailable when it fails.
        """
        messages = ask(self._budget(most_tokens))
        return "".join([piece.text async for piece in self._stream(messages, most_tokens, 0.0)])

    async def generate(
        self, question: Question, standalone_question: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        """The answer's pieces.

        Raises: ModelBusy when the server has no room, ModelUnavailable when it fails.
        """
        answer_tokens = min(question.max_answer_tokens, self._context_tokens // 2)
        prompt = answer_prompt(question, standalone_question, hits, self._budget(answer_tokens))
        stream = self._stream(prompt.messages, answer_tokens, question.temperature)
        try:
            async for piece in stream:
                yield piece
        finally:
            await stream.aclose()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def _budget(self, answer_tokens: int) -> Budget:
        return Budget(self._context_tokens - answer_tokens, estimated_tokens)

    async def _stream(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> AsyncGenerator[Piece, None]:
        if self._running >= self._queue:
            raise ModelBusy(f"{self._running} questions are being answered; try again soon.")
        self._running += 1
        try:
            async for piece in self._received(messages, max_tokens, temperature):
                yield piece
        except (RagError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:  # the end of the stream: connections break in many ways
            raise self._translated(error) from error
        finally:
            self._running -= 1

    async def _received(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> AsyncGenerator[Piece, None]:
        prompt_tokens = answer_tokens = 0
        reason: str | None = None
        async with await self._client.chat.completions.create(
            model=await self._chosen_model(),
            messages=[_param(message) for message in messages],
            max_tokens=max_tokens,
            temperature=temperature,
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            async for chunk in chunks:
                if chunk.usage is not None:
                    prompt_tokens, answer_tokens = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
                text, ended = _content(chunk)
                reason = ended or reason
                if text:
                    yield Piece(text)
        if reason is None:
            raise ModelUnavailable(f"The language model at {self._host} broke off; ask again.")
        yield Piece("", prompt_tokens, answer_tokens, reason)

    async def _chosen_model(self) -> str:
        if not self._model:
            listed = await self._client.models.list()
            if not listed.data:
                raise ModelUnavailable(f"The server at {self._host} lists no model; load one there.")
            self._model = listed.data[0].id
        return self._model

    def _translated(self, error: Exception) -> RagError:
        if isinstance(error, openai.APIStatusError):
            if error.status_code in _BUSY:
                return ModelBusy(f"The language model at {self._host} is busy; try again soon.")
            detail = " ".join(error.message.split())[:200]
            return ModelUnavailable(f"The language model at {self._host} refused the question: {detail}")
        if isinstance(error, openai.APITimeoutError):
            return ModelUnavailable(f"The language model at {self._host} did not answer in time; ask again.")
        if isinstance(error, openai.APIConnectionError):
            return ModelUnavailable(f"The language model at {self._host} can't be reached; is it running?")
        return ModelUnavailable(f"The language model at {self._host} broke off ({error}); ask again.")


def estimated_tokens(text: str) -> int:
    """An upper estimate of a text's tokens, since the server's tokenizer is not known here."""
    words = sum((len(word) + 2) // 3 for word in _WORDS.findall(text))
    return words + (sum(map(_halves, _BLANK_AND_WORD.sub("", text))) + 1) // 2


def _halves(character: str) -> int:
    """Half tokens: each digit and mark may be a token, what a tokenizer does not know is one a byte."""
    if character.isascii() or (character.isalpha() and character < "\u0800"):
        return 2
    if "\u3000" <= character <= "\ud7af" or "\uf900" <= character <= "\uffef":
        return 3  # Chinese, Japanese, Korean: a token or two
    return 2 * len(character.encode("utf-8", "replace"))


def _param(message: Message) -> ChatCompletionMessageParam:
    if message.role == "system":
        return {"role": "system", "content": message.content}
    if message.role == "assistant":
        return {"role": "assistant", "content": message.content}
    return {"role": "user", "content": message.content}


def _content(chunk: ChatCompletionChunk) -> tuple[str, str | None]:
    """The text of a chunk and why the answer ended with it, if it did."""
    if not chunk.choices:
        return "", None
    choice = chunk.choices[0]
    return choice.delta.content or "", choice.finish_reason
