"""Check digits of VAT numbers, by country.

Sources: the European Commission's algorithms for VIES, and those of HMRC, Brønnøysund and the Swiss UID register.

Every function takes the bare characters in upper case, without separators and without the country's prefix, in a form that
its pattern has checked (length, digits or letters at each place); it answers whether the check digits are right.
"""

from __future__ import annotations

from typing import Final

from .checks import luhn, mod11_10, mod97, weighted_sum
from .checks_vat_person import bg_egn, bg_lnch, cz_birth_number, es_dni, es_nie, lv_personal_code, ro_cnp

_RISING: Final = tuple(range(1, 9))
_FALLING: Final = tuple(range(8, 1, -1))


def at_uid(number: str) -> bool:
    """Austria: U and eight digits, mod 10 with every other one doubled, plus 4."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[2:8:2])
    return (6 - doubled - sum(map(int, number[1:8:2]))) % 10 == int(number[8])


def be_enterprise(number: str) -> bool:
    """Belgium: ten digits from 0 or 1, the last two 97 less the remainder; nine digits are older ones without the 0."""
    number = number.zfill(10)
    return number[0] in "01" and int(number) > 0 and 97 - int(number[:8]) % 97 == int(number[8:])


def bg_vat(number: str) -> bool:
    """Bulgaria: nine digits of a company (ЕИК); ten of a person (ЕГН, ЛНЧ) or of someone else."""
    if len(number) == 9:
        rest = weighted_sum(number, _RISING) % 11
        if rest == 10:
            rest = weighted_sum(number, (3, 4, 5, 6, 7, 8, 9, 10)) % 11 % 10
        return rest == int(number[8])
    if bg_egn(number) or bg_lnch(number):
        return True
    return -weighted_sum(number, (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(number[9])


_CY_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)


def cy_tic(number: str) -> bool:
    """Cyprus: eight digits and a letter, mod 26 with the odd places translated."""
    total = sum(_CY_ODD[int(digit)] for digit in number[:8:2]) + sum(map(int, number[1:8:2]))
    return not number.startswith("12") and number[8] == chr(65 + total % 26)


def cz_dic(number: str) -> bool:
    """Czechia: eight digits of a company, nine from 6 of a person with a special number, or a rodné číslo."""
    if len(number) == 8:
        return number[0] != "9" and (-weighted_sum(number, _FALLING) % 11 or 1) % 10 == int(number[7])
    if len(number) == 9 and number[0] == "6":
        return (weighted_sum(number[1:], _FALLING) % 11 - 2) % 10 == int(number[8])
    return cz_birth_number(number)


def de_vat(number: str) -> bool:
    """Germany: nine digits, ISO 7064 MOD 11,10."""
    return number[0] != "0" and mod11_10(number)


def dk_cvr(number: str) -> bool:
    """Denmark: the eight digits of the CVR, mod 11."""
    return number[0] != "0" and weighted_sum(number, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def ee_kmkr(number: str) -> bool:
    """Estonia: nine digits, mod 10 with weights 3, 7, 1."""
    return weighted_sum(number, (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0


def el_afm(number: str) -> bool:
    """Greece: nine digits, powers of two mod 11."""
    return int(number) > 0 and weighted_sum(number, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(number[8])


def es_nif(number: str) -> bool:
    """Spain: a company's NIF (once CIF), a DNI, or a NIE."""
    return es_cif(number) or es_dni(number) or es_nie(number)


def es_cif(number: str) -> bool:
    """Spain, NIF of entities: a letter for the kind, seven digits, Luhn (Orden EHA/451/2008).

    The check is a digit or stands for one as a letter; which kinds have which, sources tell differently, so both are right.
    """
    kind, digits, last = number[0], number[1:8], number[8]
    if kind not in "ABCDEFGHJNPQRSUVW" or not digits.isdigit():
        return False
    if last.isdigit():
        return luhn(digits + last)
    return last in "JABCDEFGHI" and luhn(digits + str("JABCDEFGHI".index(last)))


def fi_business_id(number: str) -> bool:
    """Finland: the eight digits of the Y-tunnus, mod 11."""
    return weighted_sum(number, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0


_FR_KEY: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def fr_tva(number: str) -> bool:
    """France and Monaco: a key of two characters and a SIREN (Luhn; Monaco's begin with 000 and are none)."""
    key, siren = number[:2], number[2:]
    if not siren.startswith("000") and not luhn(siren):
        return False
    if key.isdigit():
        return int(siren + "12") % 97 == int(key)
    first, second = _FR_KEY.find(key[0]), _FR_KEY.find(key[1])
    if first < 0 or second < 0:
        return False
    value = first * 24 + second - 10 if first < 10 else first * 34 + second - 100
    return (int(siren) + 1 + value // 11) % 11 == value % 11


def gb_vat(number: str) -> bool:
    """United Kingdom and Northern Ireland: nine digits mod 97, or mod 97 plus 55 (from 100, since 2010); three more for a branch.

    GD and HA numbers are of authorities, not persons, and are left out.
    """
    rest = weighted_sum(number, (8, 7, 6, 5, 4, 3, 2, 10, 1)) % 97
    return int(number[:7]) > 0 and (rest == 0 or (rest == 42 and number[0] != "0"))


def hr_oib(number: str) -> bool:
    """Croatia: the eleven digits of the OIB, ISO 7064 MOD 11,10."""
    return mod11_10(number)


def hu_anum(number: str) -> bool:
    """Hungary: eight digits, mod 10; the domestic adószám has three more (kind of taxation 1 to 5, tax office)."""
    taxed = len(number) == 8 or number[8] in "12345"
    return taxed and weighted_sum(number, (9, 7, 3, 1, 9, 7, 3, 1)) % 10 == 0


_IE_LETTERS: Final = "WABCDEFGHIJKLMNOPQRSTUV"


def ie_vat(number: str) -> bool:
    """Ireland: seven digits and one or two letters, mod 23; older ones have a letter, + or * in the second place."""
    if number[:7].isdigit():
        extra = 9 * _IE_LETTERS.find(number[8]) if len(number) > 8 else 0
        return extra >= 0 and _IE_LETTERS[(weighted_sum(number[:7], _FALLING) + extra) % 23] == number[7]
    return _IE_LETTERS[weighted_sum("0" + number[2:7] + number[0], _FALLING) % 23] == number[7]


def it_partita_iva(number: str) -> bool:
    """Italy: eleven digits, Luhn, with the office in the eighth to tenth."""
    office = int(number[7:10])
    return int(number[:7]) > 0 and (1 <= office <= 100 or office in (120, 121, 888, 999)) and luhn(number)


def lt_pvm(number: str) -> bool:
    """Lithuania: nine digits of a company, twelve of someone registered for a time; the last but one is 1; mod 11."""
    if number[-2] != "1":
        return False
    rest = sum(int(digit) * (1 + place % 9) for place, digit in enumerate(number[:-1])) % 11
    if rest == 10:
        rest = sum(int(digit) * (1 + (place + 2) % 9) for place, digit in enumerate(number[:-1])) % 11 % 10
    return rest == int(number[-1])


def lu_tva(number: str) -> bool:
    """Luxembourg: eight digits, the last two the remainder by 89."""
    return int(number[:6]) > 0 and int(number[:6]) % 89 == int(number[6:])


def lv_pvn(number: str) -> bool:
    """Latvia: eleven digits; of a company (from 4) mod 11, else a person's code."""
    if number[0] > "3":
        return weighted_sum(number, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3
    return lv_personal_code(number)


def mt_vat(number: str) -> bool:
    """Malta: eight digits, mod 37."""
    return number[0] != "0" and weighted_sum(number, (3, 4, 6, 7, 8, 9, 10, 1)) % 37 == 0


def nl_btw(number: str) -> bool:
    """Netherlands: nine digits, B and two digits. Eleven-test of the nine, or mod 97 of all (sole traders, since 2020)."""
    nine, suffix = number[:9], int(number[10:])
    if int(nine) == 0 or suffix == 0:
        return False
    eleven = weighted_sum(nine, (9, 8, 7, 6, 5, 4, 3, 2)) - int(nine[8])
    return eleven % 11 == 0 or mod97(number[-4:] + "NL" + number[:-4])


def pl_nip(number: str) -> bool:
    """Poland: ten digits, mod 11."""
    return weighted_sum(number, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9]) and int(number) > 0


def pt_nif(number: str) -> bool:
    """Portugal: nine digits, mod 11 (10 becomes 0)."""
    return number[0] != "0" and -weighted_sum(number, (9, 8, 7, 6, 5, 4, 3, 2)) % 11 % 10 == int(number[8])


def ro_cif(number: str) -> bool:
    """Romania: two to ten digits, mod 11 (10 becomes 0); thirteen are the CNP of a person."""
    if len(number) == 13:
        return ro_cnp(number)
    padded = number.zfill(10)
    return number[0] != "0" and 10 * weighted_sum(padded, (7, 5, 3, 2, 1, 7, 5, 3, 2)) % 11 % 10 == int(padded[9])


def se_vat(number: str) -> bool:
    """Sweden: the ten digits of an organisation or person (Luhn), then 01 to 94."""
    return luhn(number[:10]) and number[10:] == "01"


def si_ddv(number: str) -> bool:
    """Slovenia: eight digits, mod 11 (10 becomes 0, 11 is not used)."""
    check = 11 - weighted_sum(number, _FALLING) % 11
    return number[0] != "0" and check < 11 and check % 10 == int(number[7])


def sk_dph(number: str) -> bool:
    """Slovakia: ten digits divisible by 11, the third of them 2, 3, 4, 7, 8 or 9; or a rodné číslo."""
    company = number[0] != "0" and number[2] in "234789" and int(number) % 11 == 0
    return company or cz_birth_number(number)


def ch_uid(number: str) -> bool:
    """Switzerland: the nine digits of the UID, mod 11 (10 is not used)."""
    return -weighted_sum(number, (5, 4, 3, 2, 7, 6, 5, 4)) % 11 == int(number[8])


def no_orgnr(number: str) -> bool:
    """Norway: the nine digits of the organisasjonsnummer, mod 11 (10 is not used)."""
    return -weighted_sum(number, (3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(number[8])
