"""Labelled fields: "Name: Anna Schmidt", ``"lastName": "Schmidt"``, ``<vorname>Anna</vorname>``; not the names of things."""

from __future__ import annotations

import re
from typing import Final

from ..patterns import Pattern, Verified
from .person import LETTER, UPPER, Person, holds_any, person_at
from .titles import after_titles
from .vocabulary import THINGS, bare, fold, longest_first

# A label that only persons have; one word is enough.
PERSONAL: Final = (
    "first name|firstname|given name|givenname|forename|middle name|middlename|last name|lastname|family name|"
    "familyname|surname|maiden name|full name|fullname|legal name|real name|patient name|customer name|"
    "employee name|guest name|tenant name|cardholder|cardholder name|card holder|account holder|contact name|"
    "contact person|next of kin|author name|signatory|insured person|policy holder|policyholder|vorname|nachname|"
    "familienname|geburtsname|rufname|vor- und nachname|vor- und zuname|vollständiger name|name vorname|kundenname|"
    "patientenname|mitarbeitername|ansprechpartner|ansprechpartnerin|kontoinhaber|kontoinhaberin|karteninhaber|"
    "versicherungsnehmer|versicherte person|sachbearbeiter|sachbearbeiterin|unterzeichner|mieter|mieterin|vermieter|"
    "patient|patientin|prénom|prénoms|nom de famille|nom complet|nom et prénom|nom de naissance|nom prénom|"
    "titulaire|titulaire du compte|cognome|nome e cognome|nome completo|intestatario|paziente|codice cliente nome|"
    "apellido|apellidos|nombre completo|nombre y apellidos|primer apellido|segundo apellido|titular|paciente|"
    "apelido|apelidos|sobrenome|primeiro nome|último nome|voornaam|achternaam|familienaam|volledige naam|"
    "rekeninghouder|förnamn|efternamn|fullständigt namn|fornavn|efternavn|etternavn|mellemnavn|mellomnavn|"
    "fullt navn|etunimi|sukunimi|koko nimi|eesnimi|perekonnanimi|täisnimi|vārds uzvārds|uzvārds|vardas pavardė|"
    "pavardė|imię|imię i nazwisko|imiona|nazwisko|nazwisko rodowe|příjmení|jméno a příjmení|křestní jméno|"
    "priezvisko|meno a priezvisko|krstné meno|vezetéknév|keresztnév|utónév|családnév|teljes név|születési név|"
    "fullt nafn|fornafn|eiginnafn|eftirnafn|kenninafn|"
    "prenume|nume de familie|numele și prenumele|nume și prenume|фамилия|презиме|бащино име|собствено име|"
    "име и фамилия|επώνυμο|ονοματεπώνυμο|όνομα και επώνυμο|prezime|ime i prezime|priimek|ime in priimek|sloinne|"
    "céadainm|kunjom|isem u kunjom"
)
# A label that things have as well; two words are needed, or a neighbour that only persons have.
_GENERAL: Final = (
    "name|names|nom|nome|nombre|nombres|naam|namn|navn|nimi|vārds|vardas|jméno|meno|név|nume|име|όνομα|ime|ainm|"
    "nafn|isem|author|contact|kontakt|customer|kunde|kundin|employee|mitarbeiter|mitarbeiterin|client|cliente|klient|"
    "recipient|empfänger|sender|absender|from|von|to|an|de|signed|unterschrift|signature|reporter|assignee|owner|"
    "doctor|arzt|beneficiary|begünstigter|bénéficiaire|passenger|applicant|bewerber|student"
)


def plain(label: str) -> str:
    """A label without case, accents and what separates its words."""
    return re.sub(r"[ _-]", "", bare(label))


PERSONAL_LABELS: Final = frozenset(map(plain, fold(PERSONAL)))
GENERAL_LABELS: Final = frozenset(map(plain, fold(_GENERAL)))
_PEOPLE: Final = frozenset(
    map(
        plain,
        fold(
            "my|your|full|patient|patients|customer|client|employee|contact|guest|tenant|student|applicant|parent|"
            "child|legal|real|mein|meine|ihr|ihre|dein|votre|mon|mio|suo|mi|su|cardholder|holder|beneficiary|author|"
            "passenger|insured|and|und|et"
        ),
    )
)
"""Words right before "name" that leave it a person's; any other word there makes it a thing's."""
_SIBLINGS: Final = re.compile(rf"([{LETTER}][{LETTER}_ -]{{1,20}})[\"']? ?[:=>]")
PERSONAL_SIBLINGS: Final = PERSONAL_LABELS | frozenset(
    map(
        plain,
        fold(
            "email|e-mail|mail|phone|telephone|tel|telefon|mobile|mobil|handy|birth|dob|birthday|birthdate|"
            "date of birth|geburtsdatum|geboren|geb|né le|née le|address|adresse|anschrift|street|strasse|straße|"
            "city|zip|plz|postcode|age|alter|gender|geschlecht|ssn|iban|passport|nationality|job|occupation|beruf|"
            "salary|gehalt|téléphone|courriel|indirizzo|telefono|data di nascita|dirección|teléfono|"
            "fecha de nacimiento|adres|telefoon|geboortedatum|patient id|employee id|customer id|diagnosis|diagnose|"
            "insurance|pesel|nip|dni|nif|bsn|fæðingardagur|heimilisfang|sími|netfang|kennitala|data tat-twelid|indirizz|telefown|"
            "dzimšanas datums|tālrunis|e-pasts|gimimo data|telefonas|el paštas|sünniaeg|aadress|syntymäaika|osoite|puhelin|"
            "fødselsdato|fødselsdag|født|födelsedatum|adresa|datum narození|dátum narodenia|születési dátum|lakcím|cím|"
            "data nașterii|адрес|телефон|дата на раждане|διεύθυνση|τηλέφωνο|ημερομηνία γέννησης|datum rođenja|"
            "datum rojstva|naslov|seoladh|fón|dáta breithe|date de naissance|data de nascimento|morada|data urodzenia"
        ),
    )
)
THING_SIBLINGS: Final = frozenset(
    map(
        plain,
        fold(
            "version|description|function|parameters|license|main|uses|run|runs on|steps|image|price|sku|"
            "dependencies|scripts|color|category|product|class|file|path|package|groupid|artifactid|model|brand|url|"
            "homepage|repository|schema|default|required|properties|command|icon|population|capital|country code|"
            "founded|revenue|genre|album|runtime|build|workflow|on|jobs|kind|spec|metadata|namespace|size|format|"
            "width|height|summary"
        ),
    )
)
_NEAR: Final = 160
_WORD_BEFORE: Final = re.compile(rf"([{LETTER}0-9]+)['\x1a]?s?[ _-]\Z")
_OPEN: Final = re.compile(rf"[\"'*]{{0,2}}[ \t]?[:=>][ \t]{{0,4}}[\"'*]{{0,2}}[{UPPER}dv']\Z")
_VALUE_ENDS: Final = re.compile(r"\t|[ \t]*(?:\r?\n|\Z|[\"'<>|;,&(){}\]/\\*]|\.(?:\s|\Z)| {2}|- )")
_SURNAME_FIRST: Final = re.compile(rf", (?=[{UPPER}])")


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    opening = _OPEN.search(shadow, max(0, end - 12), end)
    label = _label_before(shadow, opening.start()) if opening else None
    person = value_at(shadow, end - 1)
    thing = person is None
    if thing and opening is not None:
        person = value_at(shadow, end - 1, strict=False)
    if opening is None or label is None or person is None:
        return None
    kind = plain(shadow[label : opening.start()])
    if kind in PERSONAL_LABELS:
        return None if thing else (person.start, person.end, 0.9)
    before = _WORD_BEFORE.search(shadow, max(0, label - 24), label)
    if before is not None and plain(before.group(1)) not in _PEOPLE:
        return None
    if shadow[label - 1 : label] in (".", "-", "@", "$", "/", "\\", "%"):
        return None
    siblings = {plain(name) for name in _SIBLINGS.findall(_around(shadow, label, person.end))}
    personal = bool(siblings & PERSONAL_SIBLINGS)
    if siblings & THING_SIBLINGS and not personal:
        return None
    if (person.words < 2 or thing) and not (personal and person.words > thing):
        return None
    return person.start, person.end, 0.75 if personal else 0.6


_LABEL_PART: Final = re.compile(rf"[{LETTER}]+")
_LONGEST_LABEL: Final = 32


def _label_before(shadow: str, end: int) -> int | None:
    """Where the longest label that ends at `end` begins."""
    for part in _LABEL_PART.finditer(shadow, max(0, end - _LONGEST_LABEL), end):
        if (written := plain(shadow[part.start() : end])) in PERSONAL_LABELS or written in GENERAL_LABELS:
            return part.start()
    return None


def _around(shadow: str, start: int, end: int) -> str:
    return f"{shadow[max(0, start - _NEAR) : start]}\n{shadow[end : end + _NEAR]}".lower()


def value_at(shadow: str, start: int, *, strict: bool = True) -> Person | None:
    """The name that fills a field's value; nothing else may be in it. Unless `strict`, its last word may be a thing's: Smart."""
    person = person_at(shadow, after_titles(shadow, start))
    if person is None:
        return None
    certain = person if strict else person._replace(end=max(person.start, shadow.rfind(" ", person.start, person.end)))
    if holds_any(shadow, certain, THINGS):
        return None
    if person.words <= 2 and (comma := _SURNAME_FIRST.match(shadow, person.end)):
        given = person_at(shadow, comma.end(), most=2)
        if given is not None and _VALUE_ENDS.match(shadow, given.end) and not holds_any(shadow, given, THINGS):
            return Person(person.start, given.end, person.words + given.words)
    return person if _VALUE_ENDS.match(shadow, person.end) else None


_SIGNS: Final = ("[:=>]", r"[ \t][:=>]", r"[\"'*]{1,2}[ \t]?[:=>]")
"""What comes after a label. One by one, the scanner sees short labels with it as literals ("to:")."""


def _trigger(labels: str, first: str) -> str:
    """Any of the `labels` with a sign and a value that begins with one of `first`."""
    written = "|".join(sorted((re.escape(label).replace(r"\ ", "[ _-]?") for label in fold(labels)), key=longest_first))
    return "|".join(rf"\b(?i:{written}){sign}[ \t]{{0,4}}[\"'*]{{0,2}}[{first}]" for sign in _SIGNS)


PATTERNS: Final = (
    # The second may begin with a particle ("de la Cruz", "van Dijk").
    Pattern("field", "NAME", _trigger(_GENERAL, UPPER), _verify, start_known=False, layer="cues"),
    Pattern("person-field", "NAME", _trigger(PERSONAL, f"{UPPER}dv'"), _verify, start_known=False, layer="cues"),
)
