"""Regular expressions, read as far as it takes to bound them and to write a short text that matches. Imports no torch.

The grammar library compiles them; what it takes for a nest of counted repetitions grows with the product of the counts
and has no bound of its own, so that product is bounded here, before it sees the expression.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ATOMS = 5000
"""Most characters, classes and points of an expression whose counted repetitions are written out."""
_ZERO_WIDTH = "AzZ"
_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": " ", "S": "a", "p": "a", "P": " "}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0", "a": "\a"}


class ExpressionError(Exception):
    """The expression cannot be used; the message says why without quoting it."""


@dataclass(frozen=True, slots=True)
class Expression:
    shortest: str
    """A text that matches, about as short as there is."""
    atoms: int


def read(pattern: str) -> Expression:
    """Raises ExpressionError for an expression that is broken, too large or uses what is not supported."""
    reader = _Reader(pattern)
    found = reader.alternatives()
    if reader.at < len(pattern):
        raise ExpressionError("a parenthesis is closed that was not opened")
    return found


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self._depth = 0

    def alternatives(self) -> Expression:
        options = [self._sequence()]
        while self._next_is("|"):
            self.at += 1
            options.append(self._sequence())
        atoms = sum(option.atoms for option in options)
        return _bounded(min((option.shortest for option in options), key=len), atoms)

    def _sequence(self) -> Expression:
        text, atoms = [], 0
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            part = self._repeated(self._atom())
            text.append(part.shortest)
            atoms += part.atoms
        return _bounded("".join(text), atoms)

    def _repeated(self, part: Expression) -> Expression:
        while self.at < len(self.pattern):
            sign = self.pattern[self.at]
            if sign == "{":
                least, most = self._counts()
            elif sign in "*+?":
                least, most = (1, 1) if sign == "+" else (0, 1)
                self.at += 1
            else:
                break
            if self._next_is("?"):
                self.at += 1
            if part.atoms * max(1, most) > MAX_ATOMS:
                raise ExpressionError(f"its repetitions come to more than {MAX_ATOMS} characters")
            part = _bounded(part.shortest * least, part.atoms * max(1, most))
        return part

    def _counts(self) -> tuple[int, int]:
        end = self.pattern.find("}", self.at)
        low, _, high = self.pattern[self.at + 1 : max(end, 0)].partition(",")
        if end < 0 or len(low + high) > 12 or not low.isdigit() or not (high.isdigit() or high == ""):
            raise ExpressionError("a brace must be a count such as {2}, {2,} or {2,5}, or be escaped")
        self.at = end + 1
        least = int(low)
        return least, max(least, int(high)) if high else least

    def _atom(self) -> Expression:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return Expression(self._class(), 1)
        if sign == "\\":
            return self._escape()
        if sign in "^$":
            return Expression("", 0)
        if sign in "*+?{":
            raise ExpressionError("a repetition has nothing to repeat")
        return Expression("a" if sign == "." else sign, 1)

    def _group(self) -> Expression:
        self._depth += 1
        if self._depth > 50:
            raise ExpressionError("its parentheses are nested more than 50 deep")
        if self._next_is("?"):
            end = min((at for at in (self.pattern.find(c, self.at) for c in ":>)") if at >= 0), default=-1)
            head = self.pattern[self.at + 1 : end]
            if end < 0 or head[:1] in ("=", "!") or head[:2] in ("<=", "<!"):
                raise ExpressionError("look-around is not supported")
            self.at = end
            if self._take() == ")":
                self._depth -= 1
                return Expression("", 0)
        inside = self.alternatives()
        if not self._next_is(")"):
            raise ExpressionError("a parenthesis is not closed")
        self.at += 1
        self._depth -= 1
        return inside

    def _escape(self) -> Expression:
        sign = self._take()
        if sign in _ZERO_WIDTH:
            return Expression("", 0)
        if sign in "bB<>" or (sign.isdigit() and sign != "0"):
            raise ExpressionError("word borders and back-references are not supported")
        if sign in "xuU":
            return Expression(self._code(sign), 1)
        if sign in "pP" and self._next_is("{"):
            self.at = max(self.at, self.pattern.find("}", self.at)) + 1
        return Expression(_CLASSES.get(sign) or _ESCAPES.get(sign, sign), 1)

    def _code(self, sign: str) -> str:
        if self._next_is("{"):
            end = self.pattern.find("}", self.at)
            digits, self.at = self.pattern[self.at + 1 : max(end, 0)], end + 1
        else:
            width = {"x": 2, "u": 4, "U": 8}[sign]
            digits = self.pattern[self.at : self.at + width]
            self.at += width
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise ExpressionError("a character code is not hexadecimal") from None

    def _class(self) -> str:
        """A character of the class; classes within classes are only skipped."""
        negated = self._next_is("^")
        self.at += negated
        first: str | None = None
        members: set[str] = set()
        depth = 1
        began = self.at
        while depth:
            sign = self._take()
            if sign == "[":
                depth += 1
            elif sign == "]" and self.at - 1 > began:
                depth -= 1
            else:
                if sign == "\\":
                    sign = self._escape().shortest
                first = first or sign
                members.add(sign)
        if negated:
            return next(c for c in "a0 b1c-_." + chr(0xE9) if c not in members)
        return first or "a"

    def _take(self) -> str:
        if self.at >= len(self.pattern):
            raise ExpressionError("it ends in the middle of something")
        self.at += 1
        return self.pattern[self.at - 1]

    def _next_is(self, sign: str) -> bool:
        return self.pattern.startswith(sign, self.at)


def _bounded(shortest: str, atoms: int) -> Expression:
    if atoms > MAX_ATOMS or len(shortest) > MAX_ATOMS:
        raise ExpressionError(f"it has more than {MAX_ATOMS} characters once its repetitions are written out")
    return Expression(shortest, atoms)
