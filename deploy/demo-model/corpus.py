"""The training text of the demo model: conversations filled in from `templates/`, held out by slot value.

A template is a question with alternatives `<a|b>` and slots `{name}`, and one answer with the same slots. A lower-case
slot draws from `templates/slots.txt`, an upper-case slot (`{EMAIL}`, `{EMAIL2}`, `{ANY}`) is a placeholder of that type
with a number. The same seed gives the same conversations.
"""

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"

PLACEHOLDER_TYPES = (
    "EMAIL",
    "PHONE",
    "IBAN",
    "CARD",
    "IP",
    "SECRET",
    "BIC",
    "MAC",
    "URL_CREDENTIALS",
    "VAT",
    "NATIONAL_ID",
    "PASSPORT",
    "DRIVING_LICENCE",
    "DATE_OF_BIRTH",
    "HEALTH_INSURANCE",
    "VEHICLE",
    "CRYPTO",
    "LOCATION",
    "NAME",
    "ADDRESS",
)
COMMON_TYPES = PLACEHOLDER_TYPES[:6]
PLACEHOLDER = re.compile(r"\[\[[A-Z_]+_\d+\]\]")

# How often each file of templates is drawn. Carrying placeholders is what the tour shows, so it gets half.
WEIGHTS = {
    "placeholders": 37,
    "carried": 9,
    "copying": 8,
    "bailiwick": 9,
    "gdpr": 8,
    "smalltalk": 9,
    "german": 7,
    "french": 5,
    "offtopic": 9,
}
HELD_OUT_SLOTS = frozenset({"city", "company", "fact", "clause", "number", "amount"})
HELD_OUT_ONE_IN = 8
STYLED_SHARE = 0.08
UNSTYLED_TOPICS = frozenset({"copying", "german", "french"})

_SLOT = re.compile(r"\{([A-Za-z_]+?)(\d*)\}")
_CHOICE = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True)
class Template:
    """One answer and the questions that ask for it; `unseen` questions are never trained on."""

    topic: str
    questions: tuple[str, ...]
    unseen: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Exchange:
    """One filled-in question and answer; `held_out` says that a slot has a value kept out of training."""

    question: str
    answer: str
    held_out: bool
    topic: str


@dataclass(frozen=True)
class Conversation:
    """What the model is trained on: an optional system prompt and one exchange or more."""

    system: str | None
    exchanges: tuple[Exchange, ...]

    def messages(self) -> list[dict[str, str]]:
        """Gives the conversation as chat messages (`role`, `content`)."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for exchange in self.exchanges:
            messages += [
                {"role": "user", "content": exchange.question},
                {"role": "assistant", "content": exchange.answer},
            ]
        return messages


def is_held_out(text: str) -> bool:
    """Says whether a slot value (or the combination of placeholders, joined) is kept out of training."""
    return zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0


def placeholders_held_out(placeholders: list[tuple[str, int]], answer: str) -> bool:
    """Says whether a combination of placeholders is kept out of training.

    Two or more are held out as a combination, whatever the template; one alone together with its template's `answer`.
    Numbers as the gateway gives them first (1, 2, … per type) are always trained on.
    """
    per_type: dict[str, list[int]] = {}
    for kind, number in placeholders:
        per_type.setdefault(kind, []).append(number)
    if all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in per_type.values()):
        return False
    names = sorted(f"{kind}_{number}" for kind, number in placeholders)
    return is_held_out(" ".join(names) if len(names) > 1 else f"{names[0]} {answer}")


def read_templates(folder: Path = TEMPLATES) -> list[Template]:
    """Reads the template files named in WEIGHTS.

    Raises:
        ValueError: a block lacks a question or an answer, or a line has no known prefix.
    """
    return [
        _parse_block(topic, block)
        for topic in WEIGHTS
        for block in (folder / f"{topic}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    ]


def _parse_block(topic: str, block: str) -> Template:
    lines: dict[str, list[str]] = {"Q": [], "H": [], "A": []}
    for line in block.splitlines():
        if line.startswith("#"):
            continue
        prefix, separator, text = line.partition(": ")
        if prefix not in lines or not separator:
            raise ValueError(f"{topic}.txt: a line must start with 'Q: ', 'H: ' or 'A: ': {line!r}")
        lines[prefix].append(text.replace("\\n", "\n"))
    if not lines["Q"] or len(lines["A"]) != 1:
        raise ValueError(f"{topic}.txt: a block needs questions and exactly one answer: {block!r}")
    return Template(topic, tuple(lines["Q"]), tuple(lines["H"]), lines["A"][0])


@dataclass
class Corpus:
    """Draws conversations from the templates.

    Args:
        seed: the same seed gives the same conversations, in the same order.
    """

    seed: int
    templates: list[Template] = field(default_factory=read_templates)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._by_topic = {topic: [t for t in self.templates if t.topic == topic] for topic in WEIGHTS}
        self._slots: dict[str, list[str]] = {}
        for line in _lines("slots.txt"):
            name, _, values = line.partition(": ")
            self._slots[name] = values.split(" | ")
        self._fields: dict[str, list[tuple[str, str]]] = {}
        for line in _lines("fields.txt"):
            language, _, pieces = line.partition(": ")
            given, _, taken = pieces.partition(" => ")
            self._fields.setdefault(language, []).append((given, taken))
        self._systems = _lines("systems.txt")
        self._styles = _lines("styles.txt")
        self._words = " ".join(_lines("words.txt")).split()

    def conversations(self) -> Iterator[Conversation]:
        """Gives training conversations without end; none holds a held-out value."""
        while True:
            yield self._conversation()

    def held_out(self, topic: str | None = None) -> Iterator[Exchange]:
        """Gives exchanges without end in which at least one slot has a held-out value."""
        while True:
            exchange = self._exchange(self._template(topic))
            if exchange.held_out:
                yield exchange

    def unseen_phrasings(self) -> list[Exchange]:
        """Gives each question that no training text holds in any filling (the `H:` lines), filled in once."""
        return [self._fill(t, question) for t in self.templates for question in t.unseen]

    def plain_text(self) -> str:
        """Gives one answer alone, for the completions endpoint."""
        return self._trained_on(self._template(None)).answer

    def _conversation(self) -> Conversation:
        turns = self._random.choices((1, 2, 3, 12), (80, 13, 5, 2))[0]
        system = self._strings(self._random.choice(self._systems)) if self._random.random() < 0.2 else None
        return Conversation(system, tuple(self._trained_on(self._template(None)) for _ in range(turns)))

    def _template(self, topic: str | None) -> Template:
        drawn = topic or self._random.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        return self._random.choice(self._by_topic[drawn])

    def _trained_on(self, template: Template) -> Exchange:
        while (exchange := self._exchange(template)).held_out:
            pass
        return exchange

    def _exchange(self, template: Template) -> Exchange:
        return self._fill(template, self._random.choice(template.questions))

    def _fill(self, template: Template, question: str) -> Exchange:
        question, answer = self._choose(question), template.answer
        question, answer = self._join_fields(question, answer)
        bound: dict[str, str] = {}
        held_out = False
        for match in _SLOT.finditer(question):
            slot, name = match.group(0), match.group(1)
            if slot not in bound and name.islower():
                bound[slot] = self._value(name)
                held_out |= name in HELD_OUT_SLOTS and is_held_out(bound[slot])
        # A value may hold placeholders itself, so they are numbered after the values are in.
        question, answer = (_SLOT.sub(lambda m: bound.get(m.group(0), m.group(0)), text) for text in (question, answer))
        keys = list(dict.fromkeys(m.group(0) for m in _SLOT.finditer(question)))
        placeholders = self._placeholders([_SLOT.sub(r"\1", key) for key in keys])
        bound = {key: f"[[{kind}_{number}]]" for key, (kind, number) in zip(keys, placeholders, strict=True)}
        held_out |= placeholders_held_out(placeholders, template.answer)
        question, answer = (_SLOT.sub(lambda m: bound[m.group(0)], text) for text in (question, answer))
        if template.topic not in UNSTYLED_TOPICS and question[-1] in ".?!" and self._random.random() < STYLED_SHARE:
            question += " " + self._random.choice(self._styles)
        if question[0].islower() and self._random.random() < 0.8:
            question = question[0].upper() + question[1:]
        return Exchange(question, answer, held_out, template.topic)

    def _placeholders(self, kinds: list[str]) -> list[tuple[str, int]]:
        """Numbers placeholders of these types: some as the gateway does, others at random."""
        in_order = self._random.random() < 0.4
        chosen: list[tuple[str, int]] = []
        for kind in kinds:
            if kind == "ANY":
                kind = self._random.choice(COMMON_TYPES if self._random.random() < 0.7 else PLACEHOLDER_TYPES)
            taken = [number for other, number in chosen if other == kind]
            number = len(taken) + 1
            while not in_order and (number := self._number()) in taken:
                pass
            chosen.append((kind, number))
        return chosen

    def _number(self) -> int:
        return self._random.randint(1, 9) if self._random.random() < 0.95 else self._random.randint(10, 29)

    def _join_fields(self, question: str, answer: str) -> tuple[str, str]:
        """Replaces `{given…}` and `{taken…}` by one to four fields of a language, joined as a sentence is."""
        match = re.search(r"\{given(?:_(de|fr))?\}", question)
        if match is None:
            return question, answer
        language = match.group(1) or "en"
        count = self._random.choices((1, 2, 3, 4), (35, 40, 18, 7))[0]
        fields = self._random.sample(self._fields[language], count)
        given, taken = ([pieces[side] for pieces in fields] for side in (0, 1))
        for position in range(count):  # two fields of one type must be two slots
            slot = _SLOT.search(given[position])
            if slot is not None:
                numbered = "{" + slot.group(1) + str(position + 1) + "}"
                given[position] = given[position].replace(slot.group(0), numbered)
                taken[position] = taken[position].replace(slot.group(0), numbered)
        conjunction = {"en": " and ", "de": " und ", "fr": " et "}[language]
        return (
            question.replace(match.group(0), _joined(given, conjunction)),
            answer.replace(match.group(0).replace("given", "taken"), _joined(taken, conjunction)),
        )

    def _value(self, name: str) -> str:
        if name == "word":
            return self._word()
        if name == "soup":
            return " ".join(self._word() for _ in range(self._random.randint(1, 6)))
        return self._strings(self._random.choice(self._slots[name]))

    def _strings(self, text: str) -> str:
        return _SLOT.sub(lambda m: self._value(m.group(1)) if m.group(1).islower() else m.group(0), text)

    def _word(self) -> str:
        draw = self._random.random()
        if draw < 0.05:
            return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz", k=self._random.randint(2, 9)))
        if draw < 0.08:
            return str(self._random.randint(0, 2100))
        return self._random.choice(self._words)

    def _choose(self, text: str) -> str:
        return _CHOICE.sub(lambda match: self._random.choice(match.group(1).split("|")), text)


def _lines(name: str) -> list[str]:
    lines = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _joined(pieces: list[str], conjunction: str) -> str:
    return ", ".join(pieces[:-1]) + conjunction + pieces[-1] if len(pieces) > 1 else pieces[0]
