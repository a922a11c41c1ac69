"""The training text of the demo tagger: sentences filled in from `templates/`, each character's label known by construction.

A template is a line `T: …` (trained on) or `H: …` (never trained on) with slots: `{name}`, `{first}`, `{last}` are labelled
PER, `{address}` is labelled ADDRESS, the others (`{city}`, `{company}`, `{date}` …) are not. Names and addresses are Faker's;
one name in seven is held out, and one in five of those trained on is invented letter by letter. So that templates are not
learned by heart, three words in ten of a trained one are exchanged for others of the language, and three sentences in ten are
words in no order at all with slots among them. The same seed gives the same sentences.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import Match
from re import compile as expression

from faker import Faker

TEMPLATES = Path(__file__).parent / "templates"
LOCALES = {
    "de": ("de_DE", "de_AT"),
    "en": ("en_GB", "en_US"),
    "fr": ("fr_FR",),
    "es": ("es_ES",),
    "it": ("it_IT",),
    "nl": ("nl_NL",),
    "pl": ("pl_PL",),
}
"""Languages of the templates, and whose names and addresses stand in them."""
WORDS = {"de": "de_DE", "en": "en_US", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "nl": "nl_NL", "pl": "pl_PL"}
NAMES_ONLY = (
    "cs_CZ",
    "da_DK",
    "fi_FI",
    "hr_HR",
    "hu_HU",
    "no_NO",
    "pt_PT",
    "ro_RO",
    "sk_SK",
    "sl_SI",
    "sv_SE",
    "tr_TR",
)
ALL_LOCALES = (*NAMES_ONLY, *(locale for locales in LOCALES.values() for locale in locales))
TOWN_FIRST = frozenset({"en_GB", "en_US"})
HELD_OUT_ONE_IN = 7
EXCHANGED_SHARE = 0.3
DISORDERED_SHARE = 0.3
CAPITAL_SHARE = 0.1
"""Of words that stand in no order."""
AMONG_WORDS = (
    "name",
    "name",
    "name",
    "first",
    "last",
    "address",
    "city",
    "company",
    "product",
    "month",
    "date",
    "number",
)
PARTICLES = ("van der", "de", "von", "di", "da", "del", "le", "zu", "O'", "Mac")
LABELLED = {"name": "PER", "first": "PER", "last": "PER", "address": "ADDRESS"}
LABELS = ("O", *(f"{prefix}-{label}" for label in ("PER", "ADDRESS") for prefix in "BIES"))
"""Of the tokens, in the order of the model's outputs."""

_SLOT = expression(r"\{([a-z]+)\}")


@dataclass(frozen=True)
class Sentence:
    """`spans` are (start, end, label) in code points, by position."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    language: str


def is_held_out(name: str) -> bool:
    """Whether a first or last name is kept out of training."""
    return zlib.crc32(name.encode()) % HELD_OUT_ONE_IN == 0


@cache
def _faker(locale: str) -> Faker:
    return Faker(locale)


class Sentences:
    """Draws sentences. `held_out` ones have other templates and, in each sentence, other names than those trained on."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        self._random = random.Random(seed)
        self._held_out = held_out
        kind = "H: " if held_out else "T: "
        self._templates = {language: _lines(f"{language}.txt", kind) for language in LOCALES}
        self._slots = {name: values.split(" | ") for name, _, values in map(_parted, _lines("slots.txt"))}
        for locale in ALL_LOCALES:
            _faker(locale).seed_instance(seed)
        self._letters: dict[str, list[str]] = defaultdict(list)
        # What follows two letters in names that are trained on; a name begins after two spaces and ends with one.
        for _ in range(4000):
            name = f"  {self._part('last')} "
            for place in range(2, len(name)):
                self._letters[name[place - 2 : place]].append(name[place])

    def draw(self) -> Iterator[Sentence]:
        """Sentences without end."""
        while True:
            language = self._random.choice(tuple(LOCALES))
            count = 1 if self._held_out else self._random.choices((1, 2, 3), (50, 30, 20))[0]
            text, spans = "", []
            for _ in range(count):
                more, found = self._fill(self._template(language), language)
                text = f"{text} {more}" if text else more
                start = len(text) - len(more)
                spans += [(start + begin, start + end, label) for begin, end, label in found]
            yield Sentence(text, tuple(spans), language)

    def _template(self, language: str) -> str:
        if self._held_out:
            return self._random.choice(self._templates[language])
        if self._random.random() < DISORDERED_SHARE:
            return self._disordered(language)
        words = self._random.choice(self._templates[language]).split(" ")
        return " ".join(
            self._word(language, capital=word[0].isupper())
            if word.isalpha() and self._random.random() < EXCHANGED_SHARE
            else word
            for word in words
        )

    def _disordered(self, language: str) -> str:
        count = self._random.randint(3, 14)
        words = [
            self._word(language, capital=number == 0 or self._random.random() < CAPITAL_SHARE)
            for number in range(count)
        ]
        for slot in self._random.choices(AMONG_WORDS, k=self._random.choice((0, 0, 1, 1, 2))):
            words.insert(self._random.randint(0, len(words)), f"{{{slot}}}")
        for number in range(count - 1):
            if self._random.random() < 0.1:
                words[number] += self._random.choice((",", ",", ":", " –", ";", "\n"))
        return " ".join(words) + self._random.choice((".", ".", "?", "!", ""))

    def _word(self, language: str, *, capital: bool) -> str:
        word = str(_faker(WORDS[language]).word())
        return word.capitalize() if capital else word

    def _fill(self, template: str, language: str) -> tuple[str, list[tuple[int, int, str]]]:
        spans: list[tuple[int, int, str]] = []
        shift = 0

        def filled(match: Match[str]) -> str:
            nonlocal shift
            value = self._value(match[1], language)
            start = match.start() + shift
            shift += len(value) - len(match[0])
            if match[1] in LABELLED:
                spans.append((start, start + len(value), LABELLED[match[1]]))
            return value

        return _SLOT.sub(filled, template), spans

    def _value(self, slot: str, language: str) -> str:
        locale = self._random.choice(LOCALES[language])
        makers: dict[str, Callable[[], str]] = {
            "name": self._name,
            "first": lambda: self._part("first"),
            "last": self._last,
            "address": lambda: self._address(locale),
            "city": lambda: str(_faker(locale).city()),
            "number": lambda: self._number(),
            "email": lambda: f"{self._part('last').lower()}@example.org",
        }
        return makers[slot]() if slot in makers else self._random.choice(self._slots[slot])

    def _name(self) -> str:
        first, last = self._part("first"), self._last()
        form = self._random.random()
        if form < 0.08:
            first = f"{first[0]}."
        elif form < 0.16:
            first = f"{first} {self._part('first')}"
        elif form < 0.2:
            first = f"{first}-{self._part('first')}"
        whole = f"{first} {last}"
        return whole.upper() if self._random.random() < 0.03 else whole

    def _last(self) -> str:
        last = self._part("last")
        form = self._random.random()
        if form < 0.06:
            return f"{last}-{self._part('last')}"
        if form < 0.14:
            particle = self._random.choice(PARTICLES)
            return f"{particle}{last}" if particle in ("O'", "Mac") else f"{particle} {last}"
        return last

    def _part(self, which: str) -> str:
        """A first or last name, of the right side of what is held out."""
        while True:
            if not self._held_out and self._letters and self._random.random() < 0.2:
                part = self._invented()
            else:
                fake = _faker(self._random.choice(ALL_LOCALES))
                part = str(fake.first_name() if which == "first" else fake.last_name())
            if is_held_out(part) == self._held_out and part.strip():
                return part

    def _invented(self) -> str:
        name = "  "
        while len(name) < 14 and not (len(name) > 5 and name[-1] == " "):
            name += self._random.choice(self._letters[name[-2:]])
            if name[-1] == " " and len(name) < 6:
                name = "  "
        return name.strip() or "Xandor"

    def _address(self, locale: str) -> str:
        fake = _faker(locale)
        street, code, town = str(fake.street_address()).replace("\n", ", "), fake.postcode(), fake.city()
        return f"{street}, {town} {code}" if locale in TOWN_FIRST else f"{street}, {code} {town}"

    def _number(self) -> str:
        digits = str(self._random.randrange(10**6))
        return self._random.choice(
            (digits, f"RE-{digits}", f"#{digits}", f"2024/{digits}", f"v{digits[0]}.{digits[-1]}")
        )


def _lines(name: str, prefix: str = "") -> list[str]:
    lines = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix) and line]


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(": ")
