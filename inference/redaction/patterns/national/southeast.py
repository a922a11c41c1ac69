"""Bulgaria, Romania, Croatia, Slovenia."""

from __future__ import annotations

from typing import Final

from ...checks import weighted_sum
from ...checks_dates import is_date
from ...checks_vat import hr_oib
from ...checks_vat_person import bg_egn, bg_lnch, ro_cnp
from ...context import Words
from .form import DAY, ELEVEN, GAP, MONTH, TEN, THIRTEEN, groups
from .identifier import identifier

_EMSO: Final = (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_SI_TAX: Final = (8, 7, 6, 5, 4, 3, 2)


def lnch(number: str) -> bool:
    """Bulgarian ЛНЧ of foreign residents: the weighted sum modulo 10."""
    return bg_lnch(number) and number.strip("0") != ""


def emso(number: str) -> bool:
    """Slovenian EMŠO (and the JMBG of other successors of Yugoslavia): date of birth with three digits of the year, register,
    serial, check digit modulo 11, 10 counting as 0."""
    year = int(number[4:7])
    born = is_date(year + (2000 if year < 800 else 1000), int(number[2:4]), int(number[:2]))
    return born and -weighted_sum(number, _EMSO) % 11 % 10 == int(number[12])


def tax_number(number: str) -> bool:
    """Slovenian davčna številka: 11 less the weighted sum modulo 11, 10 counting as 0; 11 is not issued."""
    check = 11 - weighted_sum(number, _SI_TAX) % 11
    return check != 11 and check % 10 == int(number[7])


PATTERNS: Final = (
    identifier(
        "bg-egn",
        "BG",
        TEN,
        rf"[0-9]{{2}}[0-5][0-9]{DAY}{GAP}[0-9]{{4}}",
        bg_egn,
        Words("егн", "е г н", "egn", "единен граждански номер", "единния граждански номер", "граждански номер",
              "edinen grazhdanski nomer"),
    ),
    identifier(
        "bg-lnch",
        "BG",
        TEN,
        r"[0-9]{10}",
        lnch,
        Words("лнч", "л н ч", "lnch", "lnc", "личен номер на чужденец", "личен номер", "чужденец", "lichen nomer"),
    ),
    identifier(
        "ro-cnp",
        "RO",
        THIRTEEN,
        rf"[1-9]{GAP}[0-9]{{2}}{GAP}{MONTH}{GAP}{DAY}{GAP}[0-9]{{2}}(?:{GAP}[0-9]{{4}}|[0-9]{{3}}{GAP}[0-9])",
        ro_cnp,
        Words("cnp", "c n p", "cod numeric personal", "codul numeric personal", "codului numeric personal", "numeric personal",
              "nif", "cod de identificare fiscală"),
    ),
    identifier(
        "hr-oib",
        "HR",
        ELEVEN,
        groups(3, 3, 3, 2) + "|" + groups(2, 3, 3, 3),
        hr_oib,
        Words("oib", "o i b", "osobni identifikacijski broj", "osobnog identifikacijskog broja", "identifikacijski broj",
              "osobni broj", "porezni broj", stems=("oib",)),
    ),
    identifier(
        "si-emso",
        "SI",
        THIRTEEN,
        rf"{DAY}{GAP}{MONTH}{GAP}[089][0-9]{{2}}{GAP}[0-9]{{2}}{GAP}?[0-9]{{3}}{GAP}[0-9]",
        emso,
        Words("emšo", "emso", "enotna matična številka občana", "enotna matična številka", "matična številka", "jmbg",
              "matični broj", "enotne matične številke"),
        telling=r"[0-9]{7}[ -]?50[ -]?[0-9]{3}[ -]?[0-9]",
    ),
    identifier(
        "si-tax",
        "SI",
        r"\b[0-9]{8}\b",
        r"[1-9][0-9]{7}",
        tax_number,
        Words("davčna številka", "davčna št", "davčne številke", "davčno številko", "davčni številki", "davcna stevilka", "dš",
              "davčna", "davčni zavezanec", stems=("davčn",)),
    ),
)  # fmt: skip
