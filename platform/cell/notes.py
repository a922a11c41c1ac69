"""Signed notes (C2SP signed-note, https://c2sp.org/signed-note): text that says who signed it, readable by people.

A note is the text, an empty line, then one line per signature: ``— <name> <base64 of 4-byte key hash and signature>``.
Only Ed25519 keys (algorithm byte 0x01) are made or accepted. Needs nothing but `cryptography`, so the offline verifier
stands on it too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY_BYTES, _SIGNATURE_BYTES, _HASH_BYTES = 32, 64, 4
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_SIGNATURE_LINE = re.compile(r"— ([^\s+\x00-\x1f]+) ([A-Za-z0-9+/]+={0,2})")
_LARGEST_NOTE = 1_000_000
_MOST_SIGNATURES = 100


class NoteError(ValueError):
    """The note does not stand. Never repeats the note's text."""


class MalformedNote(NoteError):
    """Not a signed note, or not a verifier key."""


class UnknownSigner(NoteError):
    """The note is well formed, but none of the keys we trust has signed it."""


class BadSignature(NoteError):
    """A key that we trust is named as a signer and did not sign this text."""


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key as people exchange it: ``<name>+<8 hex digits>+<base64 of the byte of its type and its 32 bytes>``."""

    TYPE: ClassVar[bytes]
    NOUN: ClassVar[str]
    KIND: ClassVar[str]

    name: str
    public_key: bytes

    @property
    def hash(self) -> bytes:
        """The 4 bytes that say in a note which key of this name signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.TYPE + self.public_key).digest()[:_HASH_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(self.TYPE + self.public_key).decode()
        return f"{self.name}+{self.hash.hex()}+{encoded}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Raises MalformedNote if `vkey` is no key of this type or its hash is not that of its key."""
        name, _, rest = vkey.strip().partition("+")
        hash_, _, encoded = rest.partition("+")
        key = decoded(encoded)
        if key is None or len(key) != 1 + _KEY_BYTES or key[:1] != cls.TYPE:
            raise MalformedNote(f"a {cls.NOUN} looks like name+hash+key, with {cls.KIND}")
        parsed = cls(checked_name(name), key[1:])
        if parsed.hash.hex() != hash_:
            raise MalformedNote(f"the {cls.NOUN}'s hash is not that of its name and key: it was mistyped or altered")
        return parsed


@dataclass(frozen=True, slots=True)
class VerifierKey(NamedKey):
    """The public half of a signer."""

    TYPE = b"\x01"
    NOUN = "verifier key"
    KIND = "an Ed25519 key"

    def accepts(self, signature: bytes, text: str) -> bool:
        """Whether `signature` (64 bytes) is this key's over `text`."""
        try:
            _public_key(self.public_key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@cache
def _public_key(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


class Signer:
    """A private key under a name. The seed never leaves it."""

    __slots__ = ("_key", "name", "verifier")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = checked_name(name)
        self._key = key
        self.verifier = VerifierKey(name, key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Self:
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Self:
        """`seed` is the 32-byte Ed25519 private key of RFC 8032."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def vkey(self) -> str:
        return str(self.verifier)

    def signature_line(self, text: str) -> str:
        """The line that goes under `text`, with its newline; lets another party co-sign a note that exists."""
        signature = base64.b64encode(self.verifier.hash + self._key.sign(text.encode())).decode()
        return f"— {self.name} {signature}\n"

    def __repr__(self) -> str:
        return f"Signer({self.vkey})"


def sign(text: str, signers: Signer | Iterable[Signer]) -> str:
    """The note of `text`, which must end in a newline and hold no other control characters than newlines.

    Raises MalformedNote if `text` could not be read back.
    """
    _check_text(text)
    signers = [signers] if isinstance(signers, Signer) else list(signers)
    if not signers:
        raise MalformedNote("a note needs at least one signer")
    return text + "\n" + "".join(signer.signature_line(text) for signer in signers)


def verify(note: str, vkeys: Sequence[str | VerifierKey]) -> str:
    """The signed text of `note`, newline included, if at least one of `vkeys` signed it. Raises as `opened` does."""
    return opened(note, vkeys)[0]


def opened(note: str, vkeys: Sequence[str | VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """The signed text of `note`, newline included, and those of `vkeys` that signed it: at least one.

    Signatures of keys that are not in `vkeys` are ignored, as the specification demands. Raises MalformedNote,
    UnknownSigner, or BadSignature if a line claims to be of one of `vkeys` and is not.
    """
    text, signatures = split(note)
    trusted = {(key.name, key.hash): key for key in map(_parsed, vkeys)}
    known = [(trusted[name, hash_], signature) for name, hash_, signature in signatures if (name, hash_) in trusted]
    if not known:
        raise UnknownSigner("the note is signed by nobody whose key is trusted here")
    for key, signature in known:
        if len(signature) != _SIGNATURE_BYTES or not key.accepts(signature, text):
            raise BadSignature(f"the signature of {key.name} is not over this text: it was altered")
    return text, tuple(key for key, _ in known)


def split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of `note` and its signatures as (name, 4-byte key hash, signature), unchecked. Raises MalformedNote."""
    if len(note) > _LARGEST_NOTE:
        raise MalformedNote(f"a note has at most {_LARGEST_NOTE} characters")
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise MalformedNote("a note is a text, an empty line and signature lines, each ending in a newline")
    text = head + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise MalformedNote(f"a note has at most {_MOST_SIGNATURES} signatures")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    raw = decoded(match[2]) if match else None
    if match is None or raw is None or len(raw) <= _HASH_BYTES:
        raise MalformedNote("a signature line looks like: — name base64")
    return match[1], raw[:_HASH_BYTES], raw[_HASH_BYTES:]


def _parsed(vkey: str | VerifierKey) -> VerifierKey:
    return vkey if isinstance(vkey, VerifierKey) else VerifierKey.parse(vkey)


def checked_name(name: str) -> str:
    """`name`, if it can stand in a signature line. Raises MalformedNote."""
    if _NAME.fullmatch(name) is None:
        raise MalformedNote("a signer's name is not empty and has no spaces and no plus sign")
    return name


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise MalformedNote("the text of a note ends in a newline")
    if any(character < " " and character != "\n" for character in text):
        raise MalformedNote("the text of a note has no control characters but newlines")


def decoded(encoded: str) -> bytes | None:
    """Strict base64: two spellings of one signature would be two different notes."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == encoded else None
