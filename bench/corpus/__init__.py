"""The corpus that judges the redactor: documents with known personal data in many languages, and as many traps.

    for document in corpus("tuned"): …

Two parts of the same kind. `tuned` may be looked at. `reserved` has other templates, other words and another seed; nobody
who works on the redactor reads it (`bench/corpus/reserved`) or looks at single findings in it: only its totals are
printed. Only so does it say what the redactor does with text that nobody tuned it to.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Final, Literal

from .document import Document, Gold, render
from .draw import COUNTRIES, Draw
from .noise import KINDS, PLAIN

Part = Literal["tuned", "reserved"]
PARTS: Final[tuple[Part, ...]] = ("tuned", "reserved")
_SEEDS: Final = {"tuned": 20_000_000, "reserved": 70_000_000}
_EACH_PROSE, _EACH_FORM, _EACH_MACHINE, _EACH_NEGATIVE, _EACH_NOISY = 5, 2, 10, 10, 24

__all__ = ["KINDS", "PARTS", "PLAIN", "Document", "Gold", "Part", "corpus"]


def corpus(part: Part) -> list[Document]:
    """The documents of a `part`: the same ones every time. About 1,300, made in two seconds."""
    return list(_documents(part))


def _documents(part: Part) -> Iterator[Document]:
    source = import_module(f"bench.corpus.{part}")
    labels: dict[str, dict[str, str]] = source.LABELS
    seed = _SEEDS[part]

    def made(template: tuple[str, str], language: str, noise: str = PLAIN) -> Document:
        nonlocal seed
        seed += 1
        return render(template[1], template[0], Draw(seed, language), labels.get(language, {}), noise)

    for language, templates in source.PROSE.items():
        for template in templates:
            for _ in range(_EACH_PROSE):
                yield made(template, language)
    for template in source.FORMS:
        for language in labels:
            for _ in range(_EACH_FORM):
                yield made(template, language)
    languages = list(COUNTRIES)
    for template in source.MACHINE:
        for turn in range(_EACH_MACHINE):
            yield made(template, languages[(seed + turn) % len(languages)])
    for template in source.NEGATIVE:
        for turn in range(_EACH_NEGATIVE):
            yield made(template, languages[(seed + turn) % len(languages)])
    for noise in KINDS:
        for language, templates in source.PROSE.items():
            for template in templates:
                yield made(template, language, noise)
        for template in source.FORMS[:2]:
            for turn in range(_EACH_NOISY):
                yield made(template, languages[(seed + 7 * turn) % len(languages)], noise)
