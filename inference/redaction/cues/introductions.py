"""Introductions ("my name is X Y", "ich heiße X") and what is said of persons only: births, families, roles."""

from __future__ import annotations

from typing import Final

from ..patterns import Pattern, Verified
from .person import LETTER, UPPER, holds_any, person_at, person_before
from .phrase import Phrases, gap_before
from .titles import after_titles
from .vocabulary import THINGS

_NAMED: Final = Phrases(
    "my name is|my name's|name is|people call me|ich heiße|ich heisse|mein name ist|mein name lautet|name ist|"
    "je m'appelle|je me nomme|mon nom est|mi chiamo|il mio nome è|me llamo|mi nombre es|chamo-me|me chamo|"
    "meu nome é|o meu nome é|ik heet|mijn naam is|jag heter|mitt namn är|jeg hedder|mit navn er|jeg heter|"
    "navnet mitt er|mitt navn er|nimeni on|minun nimeni on|mu nimi on|minu nimi on|mani sauc|mans vārds ir|"
    "mano vardas|mano vardas yra|aš esu vardu|nazywam się|mam na imię|jmenuji se|jmenuju se|mé jméno je|volám sa|"
    "moje meno je|a nevem|nevem|mă numesc|numele meu este|mă cheamă|казвам се|името ми е|με λένε|ονομάζομαι|"
    "το όνομά μου είναι|zovem se|moje ime je|ime mi je|is mise|is é mo ainm|jisimni|ismi|m'appelle|née|geborene|"
    "geb.",
    caseless=True,
)
"""After these a single word is a name."""
_MAYBE: Final = Phrases(
    "i am|i'm|ich bin|je suis|sono|soy|eu sou|sou o|sou a|ik ben|jag är|jeg er|jestem|jsem|som|sunt|olen|аз съм|"
    "είμαι|esmu|aš esu|ja sam|jaz sem|signed by|represented by|vertreten durch|unterzeichnet von|représenté par|"
    "représentée par|rappresentato da|rappresentata da|representado por|representada por|vertegenwoordigd door|"
    "reprezentowany przez|reprezentowana przez|on behalf of|im namen von|the patient|patient|patientin|mitarbeiter|"
    "mitarbeiterin|zeuge|zeugin|mandant|mandantin|mieter|mieterin|beklagte|kläger|klägerin|employee|witness|tenant|"
    "hi, this is|hey, this is|hello, this is|good morning, this is|you are speaking to|hallo, hier ist|hi, hier ist|"
    "guten tag, hier ist|hier spricht|am apparat ist|bonjour, ici|bonjour, c'est|salut, c'est|allô, c'est|hola, aquí|"
    "le habla|te habla|qui parla|olá, aqui é|aqui fala|hoi, met|hallo, met|dag, met|goedendag, met|u spreekt met|"
    "je spreekt met|hej, det är|hej, det här är|hej, det er|hei, det er|hei, täällä|moi, täällä|täällä puhuu|tere, siin|"
    "cześć, tu|dzień dobry, tu|halo, tu|ahoj, tady|dobrý den, tady|u telefonu|ahoj, tu|dobrý deň, tu|bok, ovdje|"
    "dobar dan, ovdje|živjo, tukaj|обажда се|είμαι ο|είμαι η|szia, itt|jó napot, itt|labas, čia|sveiki, šeit|"
    "bonġu, jien|hæ, þetta er|ég heiti|"
    "defendant|plaintiff|my colleague|our colleague|meine kollegin|mein kollege|paziente|il paziente|paciente|"
    "el paciente|pacjent|pacjentka|pacjenta|salarié|salariée|le patient|la patiente|werknemer|patiënt",
    caseless=True,
)
"""After these, two words or more are."""
_FAMILY: Final = Phrases(
    "my wife|my husband|my son|my daughter|my brother|my sister|my mother|my father|my partner|my friend|my boss|"
    "my colleague|meine frau|mein mann|mein sohn|meine tochter|mein bruder|meine schwester|meine mutter|mein vater|"
    "mein freund|meine freundin|ma femme|mon mari|mon fils|ma fille|mon frère|ma sœur|ma mère|mon père|mia moglie|"
    "mio marito|mio figlio|mia figlia|mio fratello|mia sorella|mi esposa|mi marido|mi hijo|mi hija|mi hermano|"
    "mi hermana|mi madre|mi padre|minha esposa|meu marido|meu filho|minha filha|mijn vrouw|mijn man|mijn zoon|"
    "mijn dochter|moja żona|mój mąż|mój syn|moja córka|min fru|min man|min kone|min mand|min son|min dotter",
    caseless=True,
)
_BORN: Final = Phrases(
    "born on|born in|geb.|geboren am|geboren in|né le|née le|né à|née à|nato il|nata il|nato a|nata a|nacido el|"
    "nacida el|nascido em|nascida em|nascido a|nascida a|geboren op|geboren te|född|født|syntynyt|ur.|urodzony|"
    "urodzona|narozen|narozená|narodený|narodená|született|născut|născută|роден|родена|γεννηθείς|rođen|rođena|rojen|"
    "rojena|dzimis|dzimusi|gimęs|gimusi|sündinud"
)


def _verify_named(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    return _told(shadow, end, _NAMED, 1, 0.85)


def _verify_maybe(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    return _told(shadow, end, _MAYBE, 2, 0.65)


def _verify_family(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    return _told(shadow, end, _FAMILY, 1, 0.75)


def _told(shadow: str, end: int, phrases: Phrases, least: int, score: float) -> Verified | None:
    stop = gap_before(shadow, end - 1)
    if shadow[stop - 1] in ":,":
        stop -= 1
    begin = phrases.before(shadow, stop)
    if begin is None or shadow[begin - 1 : begin] in ("-", "@", "."):
        return None
    person = person_at(shadow, after_titles(shadow, end - 1))
    if person is None or person.words < least or holds_any(shadow, person, THINGS):
        return None
    return person.start, person.end, score


def _verify_born(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    begin = None if shadow[end : end + 1].isalpha() else _BORN.before(shadow, end)
    if begin is None:
        return None
    person = person_before(shadow, _end_of_word(shadow, begin), THINGS)
    return (person.start, person.end, 0.8) if person and person.words > 1 else None


def _end_of_word(shadow: str, before: int) -> int:
    first = max(0, before - 4)
    return first + len(shadow[first:before].rstrip(" ,("))


PATTERNS: Final = (
    Pattern("named", "NAME", rf"\b{_NAMED.trigger}:? {{1,2}}[{UPPER}]", _verify_named, start_known=False, layer="cues"),
    Pattern("introduced", "NAME", rf"\b{_MAYBE.trigger} [{UPPER}]", _verify_maybe, start_known=False, layer="cues"),
    Pattern("family", "NAME", rf"\b{_FAMILY.trigger},? [{UPPER}]", _verify_family, start_known=False, layer="cues"),
    Pattern("born", "NAME", rf"[{LETTER}] ?[,(] ?{_BORN.trigger}", _verify_born, start_known=False, layer="cues"),
)
