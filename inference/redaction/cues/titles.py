"""Titles before a name ("Frau Dr. Anna Schmidt", "pan Kowalski") and, where that is the language's way, after it ("Kovács úr")."""

from __future__ import annotations

import re
from typing import Final

from ..patterns import Pattern, Verified
from .person import LETTER, UPPER, person_at, person_before
from .phrase import Phrases, gap_before
from .vocabulary import bare, fold

SCORE: Final = 0.85

# Written in lower case: found so and with a capital.
_WORDS: Final = (
    "herr|herrn|frau|fräulein|monsieur|madame|mademoiselle|maître|docteur|professeur|signor|signora|signorina|"
    "dottor|dottore|dottoressa|avvocato|señor|señora|señorita|don|doña|doctor|doctora|licenciado|senhor|senhora|"
    "dona|doutor|doutora|meneer|mijnheer|de heer|geachte heer|beste heer|"
    "heer en mevrouw|mevrouw|mevr.|dhr.|mw.|fru|fröken|frøken|hr.|herra|rouva|neiti|"
    "härra|proua|preili|ponas|ponia|pono|ponios|ponui|poniai|pan|pana|panu|panem|panie|pani|panią|panna|pane|paní|"
    "pán|pána|pánovi|slečna|slečno|gospod|gospoda|gospodu|gospa|gospe|gospo|gospodin|gospodina|gospodinu|gospodine|"
    "gospođa|gospođe|gospođi|gospođo|gđa|gosp.|gđica|domnul|domnului|domnule|doamna|doamnei|doamnă|domnișoara|dl.|"
    "dlui|d-l|d-na|dna.|господин|господина|господине|госпожа|госпожо|госпожица|г-н|г-жа|г-ца|д-р|проф.|κύριος|κύριο|"
    "κυρίου|κύριε|κυρία|κυρίας|κα|κ.|δρ.|doktor|doktors|dr.|prof.|ing.|mgr|mgr.|inż.|mudr.|judr.|drs.|ir.|magistr|"
    "sinjura|sinjur|dott.|dott.ssa|prof.ssa|avv.|sig.|sig.ra|sig.na|geom.|arch."
)
_FURTHER_WORDS: Final = "Frhr|Freiherr|Freifrau|Graf|Gräfin|med|jur|phil|rer|nat|h.c|hab|Mag|Dipl|heer|Herr|Frau"
# Found as written only: they mean something else otherwise.
_EXACT: Final = (
    "an tUasal|An tUasal|is-Sur|Is-Sur|is-Sinjura|Is-Sinjura|Mr|Mrs|Ms|Mx|Miss|Sir|Dame|Messrs|Rev.|Dr|Prof|"
    "Professor|Mme|Mlle|M.|MM.|Me.|Dra|Sr|Sra|Srta|Sr.|Sra.|Srta.|D.ª|Sr.ª|Dr.ª|Eng.|Exmo.|Sig|Dott|Avv|Ing|Geom|"
    "Fr.|Hr|Mgr|Mag.|Dipl.-Ing.|Uas.|DR.|HERR|HERRN|FRAU|MR|MRS|MADAME|MONSIEUR|SIGNOR|SIGNORA|Onorevole|g.|ga.|p."
)
_ALONE: Final = frozenset(("m", "mm", "g", "p", "k", "fr", "sr", "ing", "me", "ga"))
"""Abbreviations that count after a space, a quote or a bracket only: "e.g. Some" has none."""
_BRANDS: Final = frozenset(
    fold(
        "dr oetker|dr pepper|dr martens|dr hauschka|dr scholl|dr scholls|dr best|dr beckmann|dr bronner|dr who|"
        "doctor who|dr dre|dr strange|doctor strange|mr clean|mr bean|mr robot|mr proper|mrs doubtfire|frau holle|"
        "don quixote|don quijote|pan tadeusz|miss world|miss universe|miss america|miss piggy|madame tussauds|"
        "madame bovary|fr oct|pan am|dr house|ms word|ms office|ms excel|ms teams|ms windows|ms sql|ms outlook"
    )
)
"""A title and a word that together are no person."""
_ALL: Final = Phrases("|".join([*(f"{word}|{word[:1].upper()}{word[1:]}" for word in _WORDS.split("|")), _EXACT]))
_TITLES: Final = frozenset(title.rstrip(".") for title in fold(_FURTHER_WORDS)) | frozenset(
    phrase.rstrip(".") for phrase in _ALL.phrases if " " not in phrase
)
_MOST_TITLES: Final = 5
_WORD_AND_GAP: Final = re.compile(rf"([{LETTER}][{LETTER}.\xaa-]{{0,24}})(?:\r?\n *| {{1,2}})")


def after_titles(shadow: str, position: int) -> int:
    """Where the name begins that titles at `position`, if there are any, lead to."""
    for _ in range(_MOST_TITLES):
        word = _WORD_AND_GAP.match(shadow, position)
        if word is None or word.group(1).rstrip(".") not in _TITLES:
            break
        position = word.end()
    return position


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    stop = gap_before(shadow, end - 1)
    begin = _ALL.before(shadow, stop)
    if begin is None and shadow[stop - 1] == ".":
        begin = _ALL.before(shadow, stop - 1)
    if begin is None:
        return None
    before = shadow[begin - 1 : begin]
    if before in ("_", "@", "/", "\\", "'") or (before == "-" and begin > 1):
        return None
    first = bare(shadow[begin:stop]).rstrip(".")
    if first in _ALONE and before not in ("", " ", "\n", "(", '"', "\t", ">", ":"):
        return None
    person = person_at(shadow, after_titles(shadow, end - 1), most=3)
    if person is None:
        return None
    name = shadow[person.start : person.end]
    if f"{first} {bare(name).split()[0]}" in _BRANDS or (name.isupper() and len(name) < 3):
        return None
    return person.start, person.end, SCORE


_AFTER: Final = Phrases(
    "úr|úrnak|urat|úrral|úrhoz|asszony|asszonynak|úrhölgy|kungs|kunga|kungam|kungu|kundze|kundzes|kundzei|kundzi|"
    "a chara|a stór"
)


def _verify_after(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    stop = _AFTER.before(shadow, end)
    if stop is None or shadow[end : end + 1].isalnum():
        return None
    person = person_before(shadow, gap_before(shadow, stop) - (shadow[gap_before(shadow, stop) - 1] == ","))
    return (person.start, person.end, SCORE) if person else None


PATTERNS: Final = (
    # The name may begin with a particle or another title.
    Pattern(
        "title",
        "NAME",
        rf"\b{_ALL.trigger}\.?(?: {{1,2}}|\r?\n)[{UPPER}adimoptuv'\xf3]",
        _verify,
        start_known=False,
        layer="cues",
    ),
    Pattern("title-after", "NAME", rf"[{LETTER}],? {_AFTER.trigger}\b", _verify_after, start_known=False, layer="cues"),
)
