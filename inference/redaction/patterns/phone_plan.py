"""Numbering plans: which digits make a telephone number. Sources: ITU-T E.164 assigned codes, the national plans."""

from __future__ import annotations

import re
from typing import Final

_CODES: Final = (
    # Fewest and most digits after the country code, then the codes. Plans that matter most here are exact; the rest is wide.
    (10, 10, "1"),
    (6, 9, "376 423 352"),
    (7, 7, "238 239 246 248 269 291 297 592 673 674 680 690 691 692"),
    (7, 8, "372"),
    (7, 9, "353 354"),
    (7, 10, "46"),
    (7, 11, "31 44 358 886 90"),
    (8, 8, "45 47 371 373 370 356 357 377 265 386 500"),
    (8, 9, "32 350 385"),
    (8, 10, "36 359 381 382 387 389 40 421 216 222 223 224 225 226 227 228 229"),
    (9, 9, "33 34 41 48 351 420 380 355 383 212 213 221 251 255 256 994 995 998"),
    (10, 10, "30 7 91 52 54 57"),
    (6, 12, "39"),
    (6, 12, "43"),
    (7, 12, "49"),
    (7, 12, "20 27 51 53 55 56 58 60 61 62 63 64 65 66 81 82 84 86 92 93 94 95 98"),
    (
        6,
        11,
        "211 218 220 230 231 232 233 234 235 236 237 240 241 242 243 244 245 247 249 250 252 253 254 257 258 260 261 262 "
        "263 264 266 267 268 290 298 299 374 375 378 501 502 503 504 505 506 507 508 509 590 591 593 594 595 596 597 598 "
        "599 670 672 675 676 677 678 679 681 682 683 685 686 687 688 689 800 808 850 852 853 855 856 870 878 880 881 882 "
        "883 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 996",
    ),
)
LENGTHS: Final = {code: (least, most) for least, most, row in _CODES for code in row.split()}
"""Fewest and most digits of a national number by country code. No code is the start of another."""

TRUNK: Final = re.compile(
    # What follows the leading zero, which most of Europe dials inside a country.
    r"0(?:"
    r"[1-9][0-9]{8}"  # CH, FR, GB, NL, BE mobile, SE, FI, HR, RO, SK … : ten digits with the zero
    r"|[1-9][0-9]{7}"  # BE, DE, AT, IT landline
    r"|[2-9][0-9]{9,10}"  # DE landline, GB (020 …), IT
    r"|1[1-9][0-9]{8}"  # GB
    r"|1[5-7][0-9]{8,9}"  # DE mobile
    r"|6[4-9][0-9]{7,11}"  # AT mobile
    r")"
)
"""A whole national number with its trunk zero, separators removed."""

SHORT_TRUNK: Final = re.compile(r"0[1-9][0-9]{6}")
"""Eight digits: a telephone number only where the area code stands in brackets or before a slash."""

PAIRS: Final = re.compile(r"\(?0[1-9]\)?(?:[ ./-]?[0-9]{2}){4}(?![0-9])")
"""Ten digits in pairs, as FR writes them: what follows is another number."""

GROUPED: Final = re.compile(
    r"(?:[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}"  # US, CA, GR
    r"|[6-9][0-9]{2}([ -])[0-9]{2}\1[0-9]{2}\1[0-9]{2}"  # ES
    r"|[2-9][0-9]{2}([ -])[0-9]{3}\2[0-9]{3}"  # ES, PL, PT, CZ
    r"|[1-9][0-9]\)?[ -][0-9]{3}([ -])[0-9]{2}\3[0-9]{2}"  # PL, HU
    r"|2[1-9] [0-9]{3} [0-9]{4}"  # PT
    r"|3[1-9][0-9][ /-](?:[0-9]{6,7}|[0-9]{3}[ -][0-9]{3,4}|[0-9]{2}[ -][0-9]{2}[ -][0-9]{3})"  # IT
    r")(?![0-9])"
)
"""Numbers without a trunk zero that are told by their grouping."""

_NORDIC: Final = re.compile(r"[2-9][0-9](?: ?[0-9]{2}){3}")
BY_LANGUAGE: Final = {
    "da": _NORDIC,
    "es": re.compile(r"[679][0-9]{8}"),
    "it": re.compile(r"3[1-9][0-9]{7,8}"),
    "nb": _NORDIC,
    "nn": _NORDIC,
    "no": _NORDIC,
    "pl": re.compile(r"(?:4[5-9]|5[0137]|6[069]|7[2389]|88)[0-9]{7}"),
    "pt": re.compile(r"9[1236][0-9]{7}"),
}
"""Forms that could be any number, and count only where the caller names the language of the text."""
