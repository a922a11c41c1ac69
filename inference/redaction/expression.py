r"""Expressions that customers write, read once and written anew so that every linear-time engine takes them alike.

The language is what such expressions have in common: literals, ``.``, classes, ``\d \w \s`` and their opposites, ``^ $ \b \B``,
groups, alternatives and counted repetition. There is no look-around, no back-reference, and nothing without an end: an engine
needs neither to be trusted nor to be asked how long a match can be. Literals are folded as texts are (`shadow`): an expression
with ``ł`` or a no-break space means what the scanner will see. ``^`` and ``$`` are the ends of lines, ``\b`` and ``\w`` know the
letters of latin-1, but ``\b`` only beside ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from .charset import ALL, CLASSES, ExpressionError, cased, fold, written

LONGEST_EXPRESSION: Final = 512
"""Characters."""
WIDEST_MATCH: Final = 4096
"""Characters of the longest text that an expression may match."""
MOST_REPEATS: Final = 1000
_DEEPEST: Final = 32
_WIDEST_RANGE: Final = 4096
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Expression:
    """`text` is ASCII and means the same to Vectorscan and RE2 over latin-1 bytes."""

    text: str
    shortest: int
    longest: int
    """Characters of what it matches, at least and at most."""
    samples: tuple[bytes, bytes]
    """Bytes that it matches, if no ``\\b`` or end of line is in the way: few repetitions, and as many as it allows."""


class _Piece(NamedTuple):
    text: str
    shortest: int
    longest: int
    few: bytes
    many: bytes


_NOTHING: Final = _Piece("", 0, 0, b"", b"")


def read(pattern: str, *, caseless: bool = False, dot_all: bool = False) -> Expression:
    """`pattern` folded and bounded. Raises ExpressionError."""
    if len(pattern) > LONGEST_EXPRESSION:
        raise ExpressionError(f"is {len(pattern)} characters long; at most {LONGEST_EXPRESSION} are allowed")
    piece = _Reader(pattern, caseless, dot_all).read()
    if piece.shortest < 2:
        raise ExpressionError("may match fewer than two characters; it must ask for two at least")
    if piece.longest > WIDEST_MATCH:
        raise ExpressionError(f"may match {piece.longest} characters; at most {WIDEST_MATCH} are allowed")
    return Expression(piece.text, piece.shortest, piece.longest, (piece.few, piece.many))


class _Reader:
    def __init__(self, pattern: str, caseless: bool, dot_all: bool) -> None:
        self._pattern = pattern
        self._at = 0
        self._caseless = caseless
        self._any = ALL if dot_all else ALL - {0x0A}
        self._depth = 0

    def read(self) -> _Piece:
        piece = self._alternatives()
        if self._at < len(self._pattern):
            raise self._error("has a ')' without its '('")
        return piece

    def _error(self, problem: str) -> ExpressionError:
        return ExpressionError(f"{problem}, at character {self._at + 1}")

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, wanted: str) -> bool:
        if self._pattern.startswith(wanted, self._at):
            self._at += len(wanted)
            return True
        return False

    def _alternatives(self) -> _Piece:
        pieces = [self._sequence()]
        while self._take("|"):
            pieces.append(self._sequence())
        if len(pieces) == 1:
            return pieces[0]
        return _Piece(
            f"(?:{'|'.join(piece.text for piece in pieces)})",
            min(piece.shortest for piece in pieces),
            max(piece.longest for piece in pieces),
            min((piece.few for piece in pieces), key=len),
            max((piece.many for piece in pieces), key=len),
        )

    def _sequence(self) -> _Piece:
        pieces: list[_Piece] = []
        while (next_one := self._peek()) and next_one not in "|)":
            pieces.append(self._repeated(self._atom()))
        return _Piece(
            "".join(piece.text for piece in pieces),
            sum(piece.shortest for piece in pieces),
            sum(piece.longest for piece in pieces),
            b"".join(piece.few for piece in pieces),
            b"".join(piece.many for piece in pieces)[:WIDEST_MATCH],
        )

    def _atom(self) -> _Piece:
        character = self._peek()
        if character == "(":
            return self._group()
        self._at += 1
        match character:
            case "[":
                return _one(self._class())
            case "\\":
                return self._escape()
            case ".":
                return _one(self._any)
            case "^" | "$":
                return _Piece(f"(?m:{character})", 0, 0, b"", b"")
            case "*" | "+" | "?" | "{":
                self._at -= 1
                raise self._error("repeats what is not there")
        return self._literal(character)

    def _group(self) -> _Piece:
        if self._depth == _DEEPEST:
            raise self._error(f"is nested more than {_DEEPEST} deep")
        self._at += 1
        if self._take("?") and not self._take(":"):
            raise self._error("has a group that is not plain; only ( ) and (?: ) can be used, flags go into `flags`")
        self._depth += 1
        piece = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            raise self._error("has a '(' without its ')'")
        return piece._replace(text=f"(?:{piece.text})")

    def _repeated(self, piece: _Piece) -> _Piece:
        """`piece` with the quantifier that follows, if one does. Lazy or not: what counts is the longest match."""
        least, most = 1, 1
        character = self._peek()
        if character == "?":
            self._at += 1
            least = 0
        elif character and character in "*+":
            raise self._error("goes on without an end; say how often at most, such as {1,40} instead of +")
        elif character == "{":
            self._at += 1
            least, most = self._bounds()
        else:
            return piece
        self._take("?")
        if self._peek() and self._peek() in "*+?{":
            raise self._error("repeats a repetition; put it into a group")
        # An anchor or nothing, repeated, is what some engines refuse and others loop over.
        if not piece.longest:
            raise self._error("repeats what has no characters")
        return _Piece(
            f"{piece.text}{{{least},{most}}}",
            piece.shortest * least,
            piece.longest * most,
            piece.few * max(least, 1),
            (piece.many * most)[:WIDEST_MATCH],
        )

    def _bounds(self) -> tuple[int, int]:
        least = self._number()
        most = least
        if self._take(","):
            if self._peek() == "}":
                raise self._error("goes on without an end; say how often at most, such as {1,40}")
            most = self._number()
        if not self._take("}") or least > most or not 0 < most <= MOST_REPEATS:
            raise self._error(f"has a repetition that is not {{m}} or {{m,n}} with n from 1 to {MOST_REPEATS}")
        return least, most

    def _number(self) -> int:
        start = self._at
        while self._peek() and self._peek() in "0123456789":
            self._at += 1
        if not 0 < self._at - start <= 4:
            raise self._error(f"has a repetition that is not {{m}} or {{m,n}} with n from 1 to {MOST_REPEATS}")
        return int(self._pattern[start : self._at])

    def _escape(self) -> _Piece:
        if self._peek() and self._peek() in "bB":
            self._at += 1
            return _Piece(f"\\{self._pattern[self._at - 1]}", 0, 0, b"", b"")
        found = self._escaped()
        return self._literal(found) if isinstance(found, str) else _one(found)

    def _escaped(self) -> str | frozenset[int]:
        """The character or the class after a backslash."""
        character = self._peek()
        self._at += 1
        if character in CLASSES:
            return CLASSES[character]
        if character in _CONTROLS:
            return _CONTROLS[character]
        digits = {"x": 2, "u": 4}.get(character)
        if digits is not None:
            code = self._pattern[self._at : self._at + digits]
            self._at += digits
            if len(code) != digits or not all(digit in "0123456789abcdefABCDEF" for digit in code):
                raise self._error("has an incomplete \\x or \\u")
            return chr(int(code, 16))
        if not character or character.isalnum():
            raise self._error("has an escape that is not known; back-references and look-around cannot be used")
        return character

    def _literal(self, character: str) -> _Piece:
        folded = fold(character)
        if not folded:
            return _NOTHING  # a combining mark or a zero-width character: texts lose theirs, too
        point = ord(folded)
        return _one(cased(point) if self._caseless else frozenset((point,)), first=point)

    def _class(self) -> frozenset[int]:
        negated = self._take("^")
        points: set[int] = set()
        first = True
        while first or self._peek() != "]":
            first = False
            start = self._member()
            if not isinstance(start, str):
                points |= start
                continue
            end = start
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                after = self._member()
                if not isinstance(after, str) or not 0 <= ord(after) - ord(start) <= _WIDEST_RANGE:
                    raise self._error("has a range that is none")
                end = after
            for point in range(ord(start), ord(end) + 1):
                points.update(map(ord, fold(chr(point))))
        self._at += 1
        if self._caseless:
            points = {each for point in points for each in cased(point)}
        found = ALL - points if negated else frozenset(points)
        if not found:
            raise self._error("has a class that nothing is in")
        return frozenset(found)

    def _member(self) -> str | frozenset[int]:
        character = self._peek()
        if not character:
            raise self._error("has a '[' without its ']'")
        if character == "[" and self._pattern[self._at + 1 : self._at + 2] in (":", "=", "."):
            raise self._error("has a class such as [:digit:]; write \\d, \\w or \\s")
        self._at += 1
        return self._escaped() if character == "\\" else character


def _one(points: frozenset[int], first: int | None = None) -> _Piece:
    """One character out of `points`."""
    sample = bytes((min(points, key=_plainness) if first is None else first,))
    return _Piece(written(points), 1, 1, sample, sample)


def _plainness(point: int) -> tuple[bool, int]:
    """Orders letters and digits before all else: samples should look like text."""
    return not chr(point).isalnum(), point
