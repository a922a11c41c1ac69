"""Text to token ids and back, by the checkpoint's own tokenizer.json. Imports no torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import tokenizers

from inference.engine import tools as tool_text
from inference.engine.errors import CheckpointError, refuse
from inference.engine.protocol import Message, Tool
from inference.engine.template import ChatTemplate

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in character of each byte, turned round."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(rest)}


_BYTES = _byte_alphabet()


class Tokenizer:
    """A checkpoint's tokenizer and chat template."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, template: ChatTemplate | None) -> None:
        # Limits are this engine's to check and report, never to apply silently.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # Byte-pair and unigram models remember words with their tokens, for ever and for everybody: the callers' words.
        remember = getattr(tokenizer.model, "_resize_cache", None)
        if remember is not None:
            remember(0)
        self._tokenizer = tokenizer
        self._template = template
        decoder = json.loads(tokenizer.decoder.__getstate__()) if tokenizer.decoder is not None else {}
        kinds = {decoder.get("type"), *(part.get("type") for part in decoder.get("decoders", []))}
        self._byte_level = "ByteLevel" in kinds

    @classmethod
    def open(cls, path: Path) -> Tokenizer:
        """Reads the folder's tokenizer.json and chat template. Raises CheckpointError when one cannot be used."""
        file = path / "tokenizer.json"
        if not file.is_file():
            raise CheckpointError("tokenizer.json is missing; save the checkpoint with a fast tokenizer")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # noqa: BLE001  # the package raises plain Exception
            raise CheckpointError(f"tokenizer.json: {error}; download the file again") from None
        return cls(tokenizer, _open_template(path))

    def encode(self, text: str) -> list[int]:
        """Ids of `text` with the special tokens the tokenizer puts around a text."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def encode_places(self, text: str) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Ids of `text` without special tokens, and of each its first character, its end, and the number of its word.

        Characters are code points. Tokens without a character of the text are left out.
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids: list[int] = []
        places: list[tuple[int, int, int]] = []
        for token, (start, end), word in zip(encoding.ids, encoding.offsets, encoding.word_ids, strict=True):
            if end > start:
                ids.append(token)
                places.append((start, end, -1 if word is None else word))
        return ids, places

    def around(self) -> tuple[list[int], list[int]]:
        """The special tokens that the tokenizer puts before a text, and those behind it."""
        encoding = self._tokenizer.encode("a")
        special = [bool(flag) for flag in encoding.special_tokens_mask]
        inside = [place for place, flag in enumerate(special) if not flag] or [len(special)]
        return encoding.ids[: inside[0]], encoding.ids[inside[-1] + 1 :]

    def source(self) -> str:
        """The tokenizer as the text of a tokenizer.json."""
        text: str = self._tokenizer.to_str()
        return text

    def encode_chat(self, messages: list[Message], tools: list[Tool] | None = None) -> list[int]:
        """Ids of the prompt the chat template makes. Raises Refusal 400 when there is no template or it refuses."""
        if self._template is None:
            raise refuse(
                400,
                "chat_template_missing",
                "this model has no chat template; use /v1/completions with a prompt",
                param="model",
            )
        if self._template.knows_tools:
            prompt = self._template.render(*tool_text.for_template(messages, tools or []))
        else:
            prompt = self._template.render(tool_text.as_text(messages, tools or []))
        ids: list[int] = self._tokenizer.encode(prompt, add_special_tokens=False).ids
        return ids

    def decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids)
        return text

    def token_text(self, token: int) -> tuple[str, bytes]:
        """A token alone: as text, with U+FFFD where it is part of a character, and as bytes."""
        piece = self._tokenizer.id_to_token(token)
        if piece is None:
            return "", b""
        if self._byte_level and all(character in _BYTES for character in piece):
            raw = bytes(_BYTES[character] for character in piece)
        elif match := _BYTE_TOKEN.fullmatch(piece):
            raw = bytes([int(match[1], 16)])
        else:
            raw = piece.replace("▁", " ").encode()
        return raw.decode(errors="replace"), raw


class TextStream:
    """Turns one answer's tokens into text as they come, never half a character.

    Decoding a token alone loses spaces and splits characters, so each step decodes a short window of tokens and gives what is
    new in it; a trailing U+FFFD may be the beginning of a character and waits for the next token.
    """

    __slots__ = ("_context", "_ids", "_sent", "_tokenizer")
    MAX_WINDOW = 32

    def __init__(self, tokenizer: Tokenizer, prompt: list[int]) -> None:
        """The end of `prompt` is the first context, so that a completion's leading space is kept.

        A prompt that ends in the middle of a character gives no context: its bytes are not the answer's to show.
        """
        self._tokenizer = tokenizer
        context = prompt[-6:]
        text = tokenizer.decode(context)
        if self._settled(text) < len(text):
            context, text = [], ""
        self._ids = context
        self._context = len(context)
        """Tokens of the window whose text is out already."""
        self._sent = len(text)

    def push(self, token: int) -> str:
        """The text that `token` makes final; often "" in the middle of a character."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        settled = self._settled(text)
        piece = text[self._sent : settled]
        self._sent = max(self._sent, settled)
        if settled == len(text) and piece:
            self._slide(self._context)
        elif len(self._ids) > self.MAX_WINDOW:
            self._slide(len(self._ids) - 8)
        return piece

    def flush(self) -> str:
        """What is still held, broken characters as U+FFFD; nothing may be pushed afterwards."""
        return self._tokenizer.decode(self._ids)[self._sent :]

    def _slide(self, start: int) -> None:
        self._ids = self._ids[start:]
        self._context = len(self._ids)
        self._sent = self._settled(self._tokenizer.decode(self._ids))

    @staticmethod
    def _settled(text: str) -> int:
        """Length of `text` without a tail that the next token may still turn into a character (at most three bytes)."""
        end = len(text)
        while end > max(0, len(text) - 3) and text[end - 1] == "\ufffd":
            end -= 1
        return end


def _open_template(path: Path) -> ChatTemplate | None:
    """The template of chat_template.jinja or else of tokenizer_config.json; None when there is none."""
    file = path / "tokenizer_config.json"
    try:
        config: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
        alone = path / "chat_template.jinja"
        source = alone.read_text(encoding="utf-8") if alone.is_file() else config.get("chat_template")
    except ValueError:
        raise CheckpointError(
            "tokenizer_config.json or chat_template.jinja cannot be read; download them again"
        ) from None
    if isinstance(source, list):
        named = {entry.get("name"): entry.get("template") for entry in source if isinstance(entry, dict)}
        source = named.get("default")
    if not isinstance(source, str):
        return None
    specials: dict[str, str] = {}
    for key, value in config.items():
        if key.endswith("_token"):
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                specials[key] = text
    return ChatTemplate(source, specials)
