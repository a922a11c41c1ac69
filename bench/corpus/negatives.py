"""What looks like personal data and is none: the values that a redactor must leave alone."""

from __future__ import annotations

import hashlib
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from stdnum import ean, isbn

from .draw import Draw

_START: Final = datetime(2023, 1, 1, tzinfo=UTC)


def _order(draw: Draw) -> str:
    return draw.fill(
        draw.random.choice(
            (
                "########",
                "#######-##",
                "A-######",
                "2024-#####",
                "##########",
                "PO-####-###",
                "SO######",
                "###-#######-#######",
            )
        )
    )


def _digest(draw: Draw) -> str:
    data = draw.random.randbytes(8)
    return draw.random.choice((hashlib.md5, hashlib.sha1, hashlib.sha256))(data).hexdigest()


def _commit(draw: Draw) -> str:
    return draw.letters(draw.random.choice((7, 8, 10, 12)), "0123456789abcdef")


def _version(draw: Draw) -> str:
    return draw.fill(draw.random.choice(("#.#.#", "#.##.#", "##.#.###", "v#.#.#-rc#"))).replace(".0", ".1")


def _build(draw: Draw) -> str:
    """Four parts, as addresses have them: only to be used after a word that says version."""
    return draw.fill("#.#.#.##").replace(".0", ".1")


def _moment(draw: Draw) -> str:
    moment = _START + timedelta(seconds=draw.random.randrange(60_000_000))
    return moment.strftime(
        draw.random.choice(
            ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%d%H%M%S", "%d/%b/%Y:%H:%M:%S +0200")
        )
    )


def _date(draw: Draw) -> str:
    return (_START + timedelta(days=draw.random.randrange(700))).strftime(
        draw.random.choice(("%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y"))
    )


def _amount(draw: Draw) -> str:
    number = draw.random.randrange(100, 90_000_000)
    whole, cents = divmod(number, 100)
    form = draw.random.randrange(4)
    if form == 0:
        return f"{whole:,}.{cents:02}"
    if form == 1:
        return f"{whole:,}".replace(",", ".") + f",{cents:02}"
    if form == 2:
        return f"{whole:,}".replace(",", " ") + f",{cents:02}"
    return f"{whole}"


def _isbn(draw: Draw) -> str:
    body = draw.fill("978#########")
    number = body + ean.calc_check_digit(body)
    return isbn.format(number) if draw.chance(0.5) else number


def _ean(draw: Draw) -> str:
    body = draw.fill("40##########")
    return body + ean.calc_check_digit(body)


def _tracking(draw: Draw) -> str:
    return draw.fill(
        draw.random.choice(
            (
                "1Z***#########***",
                "JJD##################",
                "00340434############",
                "##############",
                "RR#########DE",
                "#### #### #### ####",
            )
        )
    )


def _formula(draw: Draw) -> str:
    a, b, c = (draw.random.randrange(2, 9999) for _ in range(3))
    return draw.random.choice(
        (
            f"{a} × {b} + {c} = {a * b + c}",
            f"f(x) = {a}x² - {b}x + {c}",
            f"{a}/{b} = {a / b:.8f}",
            f"({a}+{b})*{c}",
            f"{a} - {b} - {c}",
        )
    )


def _table(draw: Draw) -> str:
    rows = [" ".join(f"{draw.random.randrange(1000):>5}" for _ in range(6)) for _ in range(3)]
    return "\n".join(rows)


def _part(draw: Draw) -> str:
    return draw.fill(draw.random.choice(("@@-####-##", "@##-###", "###.###.##", "@@@ ####", "##-##-####-#")))


def _decimal(draw: Draw) -> str:
    return f"{draw.random.uniform(0, 100):.{draw.random.randrange(2, 9)}f}"


def _identifier(draw: Draw) -> str:
    return draw.letters(draw.random.randrange(6, 14), string.ascii_lowercase) + draw.fill("##")


def _years(draw: Draw) -> str:
    return f"{draw.random.randrange(1950, 1999)}-{draw.random.randrange(2000, 2025)}"


NEGATIVES: Final[dict[str, Callable[[Draw], str]]] = {
    "amount": _amount,
    "build": _build,
    "commit": _commit,
    "date": _date,
    "decimal": _decimal,
    "ean": _ean,
    "formula": _formula,
    "hash": _digest,
    "identifier": _identifier,
    "isbn": _isbn,
    "moment": _moment,
    "number": lambda draw: str(draw.random.randrange(10 ** draw.random.randrange(2, 10))),
    "order": _order,
    "part": _part,
    "percent": lambda draw: f"{draw.random.randrange(1000) / 10} %",
    "table": _table,
    "tracking": _tracking,
    "uuid": lambda draw: str(uuid.UUID(bytes=draw.random.randbytes(16), version=4)),
    "version": _version,
    "years": _years,
}
"""By the name that a template uses: ``«-order»``."""
