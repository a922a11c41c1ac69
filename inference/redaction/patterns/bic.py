"""Bank identifier codes (BIC, "SWIFT code"; ISO 9362): eight or eleven characters with an ISO country code in the middle.

They have no check digits, and words such as CUSTOMER have their form. So a code counts where a word such as BIC is near, where a
valid IBAN is near, or where it has a telling form: the bank is a known one, or the branch is XXX, the head office.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from ..countries import CODES
from . import iban
from .pattern import Pattern, Verified

_SCORE_NAMED: Final = 0.9
_SCORE_TELLING: Final = 0.85


def _row(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BANKS: Final = _row(
    """
    AARB ABNA ABKS AGRI AIBK AKBK ALPE ARAB ARGE ASPK ATRU BACX BAPP BARC BAWA BBRU BBVA BCEE BCIT BCOE BCYP BDFE BELA BFKK BGLL
    BITA BKAU BKCH BKTR BLUX BMPS BNAG BNCR BNGR BNLI BNPA BOFI BOTK BPKO BPMO BPPI BRDE BREX BSCH BSUI BTRL BUKB BUND BYLA CAIX
    CBRV CCBP CCFR CCRT CECA CEKO CEPA CGDI CHAS CITI CMCI COBA CRBA CRBN CREG CRES CRGE CRLY DAAE DABA DABB DAKV DEUT DNBA DSSD
    DUSS EBAP ECBF EEUH ESSE ETHN FEBR FIOB FTSB FVLB GEBA GENO GIBA GKCC HASP HBUK HELA HEID HSBC HYVE INGB INGD IRVT KASI KBLX
    KNAB KOMB KRED LHVB LOYD LUBA MALA MIDL MIRO NATA NATX NDEA NEDS NORD NTRB NTSB NWBK OBKL OENB OEVB OKOY OLBO OTPV PALS PBNK
    PICT PIRB PKOP POAL POFI PSST QNTO RABO RBOS RCJA REVO RLNW RZBA RZBR RZOO SABA SBAN SBOS SCBL SKHR SLOV SOGE SOLA SOLD
    SPAR SPRO SSKM SUBA SWED TARB TATR TEBU TOTA TRIO TRWI TUBD UBSW UNCR VBOE VKBL VOWA VPBV WELA ZKBK
    """
)
"""Institution codes of large banks in Europe, such as DEUT and BNPA."""
_NO_CODES: Final = _row(
    """
    ACCEPTED ARGUMENT ATTACHED BENEFICIARY BUSINESS CALLBACK CONTAINS CONTINUE CUSTOMER DATABASE DECLARED DELIVERY DESTINATION
    DISABLED DOCUMENT EXAMPLES FACEBOOK FILENAME FINISHED FRAGMENT INDEPENDENT LANGUAGE MESSAGES MODIFIED OFFICIAL OPERATOR
    ORIGINAL PACKAGES PLATFORM PREVIOUS PROPERTY PROVIDED PROVIDER RECOMMENDED REGISTER REGISTRY REPEATED REQUESTS REQUIRED
    REQUIRES RESEARCH RESOLVED REVISION SECTIONS SETTINGS TEMPLATE TERMINAL THURSDAY TRANSACTION TRANSLATION UNAVAILABLE
    UNSPECIFIED USERNAME VERSIONS
    """
)
"""Words of the language of payments and forms that have the form of a code."""
_WORDS: Final = Words(
    *(
        "bic",
        "swift",
        "swiftbic",
        "bic code",
        "swift code",
        "bank identifier",
        "bank identifier code",
        "biccode",
        "swiftcode",
    ),
    *(
        "bankidentifier",
        "code banque",
        "kod swift",
        "kod bic",
        "swift kod",
        "swift kodas",
        "bankkod",
        "банков идентификатор",
    ),
    stems=("swiftk", "swiftc", "bankidentifi", "geschäftspartnerk"),
)
_CUE: Final = re.compile(
    r"\b(?:bic|swift)(?:[ /_-]*(?:bic|swift|code|kod[a-z]*|k\xf3d|nummer|nr\.?|number))*[\"')]*"
    r"(?: (?:is|ist|lautet|est|es|\xe8|to|:))?[ \t]*[:=]?\s*[\"'(]?\Z",
    re.IGNORECASE,
)
_CUE_LONGEST: Final = 40
_CAPITALS: Final = re.compile(r"[A-Z\xc0-\xde]{4,}\W*\Z|[A-Z\xc0-\xde]+[ ,]+[A-Z\xc0-\xde]{2,}\W*\Z")
_CAPITALS_AFTER: Final = re.compile(r"[ ,]+[A-Z\xc0-\xde]{2,} ?[A-Z\xc0-\xde]*")
_LABELS: Final = re.compile(r"(?:BIC|SWIFT|CODE|IBAN|SEPA|[ :/=-])+")
_NEAR: Final = 80
_IBAN: Final = re.compile(iban.TRIGGER)
_WRITTEN: Final = re.compile(
    r"[A-Za-z]{4} ?[A-Za-z]{2} ?[A-Za-z0-9]{2}(?: ?(?:XXX|xxx|[0-9]{3}|(?<! )[A-Za-z0-9]{3}))?(?![0-9A-Za-z_])"
)


def _verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if shadow[start + 4 : start + 6] not in CODES:
        return None
    code = shadow[start:end]
    after = shadow[end : end + 1]
    if (start and shadow[start - 1] in "_-./@") or after in ("_", "-", "(", "@") or code in _NO_CODES:
        return None
    if _CUE.search(shadow, max(0, start - _CUE_LONGEST), start):
        return start, end, _SCORE_NAMED
    if code[6] in "01" or code[7] == "O":
        return None  # no location: 0 and 1 are for tests and passive members, and the letter O is not used
    digits = not code[6:8].isalpha()
    if code[:4] in _BANKS and (digits or len(code) == 8 or code.endswith("XXX")) and not _shouted(shadow, start, end):
        return start, end, _SCORE_TELLING
    if len(code) == 11 and code.endswith("XXX"):
        return start, end, _SCORE_TELLING
    if not digits and _shouted(shadow, start, end):
        return None
    if named(shadow, start, end, _WORDS) or _iban_near(shadow, start, end):
        return start, end, _SCORE_NAMED
    return None


def _shouted(shadow: str, start: int, end: int) -> bool:
    """Whether the words around are in capitals too, so that capitals say nothing."""
    before = shadow[max(0, start - 24) : start].rpartition("\n")[2]
    loud = _CAPITALS.search(before)
    if loud and not _LABELS.fullmatch(loud.group()):
        return True
    follows = _CAPITALS_AFTER.match(shadow, end)
    return follows is not None and not _LABELS.fullmatch(follows.group())


def _iban_near(shadow: str, start: int, end: int) -> bool:
    first = max(0, start - _NEAR)
    for place in (*_IBAN.finditer(shadow, first, start), *_IBAN.finditer(shadow, end, end + _NEAR)):
        if iban.verify(shadow, place.start(), place.end(), None):
            return True
    return False


def _cued(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """After "BIC:", also in small letters and with spaces: ``deut de ff 500``."""
    place = end - 4
    code = _WRITTEN.match(shadow, place)
    if code is None or "".join(code.group().split())[4:6].upper() not in CODES:
        return None
    return place, code.end(), _SCORE_NAMED


PATTERNS: Final = (
    Pattern("bic", "BIC", r"\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b", _verify),
    Pattern(
        "bic-cued",
        "BIC",
        r"\b(?:bic|swift)(?:[ _/-]?(?:code|bic|swift)){0,2}[\"')]{0,2} ?[:=] ?[\"']?[a-z]{4}",
        _cued,
        caseless=True,
    ),
)
