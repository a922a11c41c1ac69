"""Texts to time a redactor with: chat and contract prose as people write it, with personal data seldom or everywhere."""

from __future__ import annotations

from random import Random
from typing import Final

from .document import render
from .draw import Draw

_SENTENCES: Final = {
    "en": (
        "The tenant shall give notice in writing no later than three months before the term ends, unless section 4.2 applies.",
        "Could you summarise the attached minutes in five bullet points and keep the tone friendly but precise?",
        "In 2023 revenue grew by 12.4 % to 1,204 million, mainly because two plants came back on stream after the summer.",
        "I tried what you said yesterday, but the build still fails with exit code 2 when the cache is cold; any other idea?",
        "For the avoidance of doubt, nothing in this agreement limits liability that cannot be limited by law.",
        "First sort the list, then walk it once from left to right; that takes O(n log n) and needs no extra memory.",
        "Thanks a lot, that was really helpful! Let me think about it over the weekend and come back to you on Monday at 10:30.",
    ),
    "de": (
        "Der Mieter trägt die Betriebskosten im Sinne von § 2 der Verordnung, soweit nichts anderes vereinbart ist.",
        "Kannst du mir bitte erklären, warum die Abfrage so lange dauert, obwohl ein Index auf der Spalte liegt?",
        "Im Jahr 2022 sank der Verbrauch um 8,3 %, während die Preise gegenüber dem Vorjahr um gut ein Drittel stiegen.",
        "Die Kündigung bedarf zu ihrer Wirksamkeit der Schriftform; § 126 BGB bleibt unberührt.",
        "Ich hätte gern einen kurzen Text für die Einladung, höchstens 80 Wörter, gern mit einem kleinen Augenzwinkern.",
        "Nach Auffassung des Gerichts kommt es darauf nicht an, weil die Frist bereits am 31. März abgelaufen war.",
    ),
    "fr": (
        "Le bailleur est tenu de délivrer au preneur la chose louée en bon état de réparations de toute espèce.",
        "Peux-tu réécrire ce paragraphe plus simplement, sans changer le sens, et en gardant les deux exemples ?",
        "Selon l'article 12, la résiliation prend effet trente jours après réception de la lettre recommandée.",
        "Les ventes ont progressé de 4,7 % au premier trimestre 2024, portées par la demande des pays voisins.",
    ),
    "es": (
        "El arrendatario podrá desistir del contrato una vez que hayan transcurrido al menos seis meses.",
        "¿Me ayudas a preparar una receta para ocho personas con lo que queda en la nevera, sin horno?",
        "La tasa de paro bajó hasta el 11,8 % en 2023, según los datos publicados por el instituto.",
    ),
    "pl": (
        "Umowa została sporządzona w dwóch jednobrzmiących egzemplarzach, po jednym dla każdej ze stron.",
        "Napisz mi proszę krótkie podsumowanie tego rozdziału i wypisz trzy najważniejsze wnioski.",
    ),
    "it": ("Il conduttore si obbliga a restituire l'immobile nello stato in cui lo ha ricevuto, salvo il normale uso.",),
}  # fmt: skip
_SNIPPETS: Final = (
    "You can reach me at «EMAIL» or «PHONE».",
    "Bitte überweisen Sie auf «IBAN».",
    "Mon numéro est le «PHONE», écrivez à «EMAIL».",
    "«?NATIONAL_ID»: «NATIONAL_ID».",
    "Card number «CARD», thanks.",
    "The login came from «IP».",
)
_RECORD: Final = (
    "«EMAIL», tel. «PHONE». ",
    "IBAN «IBAN», «?NATIONAL_ID» «NATIONAL_ID». ",
    "Card «CARD», VAT «VAT», from «IP». ",
)
_LANGUAGES: Final = ("de", "en", "fr", "es", "pl", "it")
_EVERY: Final = 3_000


def typical(seed: int, size: int) -> str:
    """`size` characters of prose with one personal snippet in 3,000 characters."""
    random = Random(seed)
    pieces: list[str] = []
    length = 0
    due = random.randrange(_EVERY)
    while length < size:
        language = random.choices(_LANGUAGES, weights=(3, 4, 2, 1, 1, 1))[0]
        piece = random.choice(_SENTENCES[language])
        if length >= due:
            draw = Draw(random.randrange(1 << 30), language)
            piece = render(random.choice(_SNIPPETS), "chat", draw, {}).text
            due += _EVERY
        piece += random.choice((" ", " ", " ", "\n"))
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:size]


def dense(seed: int, size: int) -> str:
    """`size` characters with ten values in 1,000: records between sentences."""
    random = Random(seed)
    pieces: list[str] = []
    length = values = 0
    while length < size:
        language = random.choice(_LANGUAGES)
        if values * 100 <= length:
            record = random.choice(_RECORD)
            document = render(record, "chat", Draw(random.randrange(1 << 30), language), {})
            values += len(document.gold)
            piece = document.text
        else:
            piece = random.choice(_SENTENCES[language]) + " "
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:size]
