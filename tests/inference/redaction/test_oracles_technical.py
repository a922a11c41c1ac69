from __future__ import annotations

import hashlib
import random

import pytest
from stdnum import bic, bitcoin, iban, luhn, mac

from inference.redaction import Redactor, checks
from inference.redaction.base58 import BITCOIN, decode_checked
from inference.redaction.bech32 import bech32
from inference.redaction.countries import CODES
from inference.redaction.keccak import keccak256, sponge
from inference.redaction.patterns.crypto import eip55
from inference.redaction.patterns.iban import LENGTHS

SAMPLES = 10_000
REDACTOR = Redactor()


@pytest.fixture
def dice() -> random.Random:
    return random.Random(4)


def base58check(body: bytes) -> str:
    data = body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]
    value, digits = int.from_bytes(data, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        digits = BITCOIN[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def changed(dice: random.Random, text: str, alphabet: str, first: int = 0) -> str:
    """`text` with one character after `first` changed in every other case."""
    if dice.random() < 0.5:
        return text
    place = dice.randrange(first, len(text))
    return text[:place] + dice.choice(alphabet) + text[place + 1 :]


def test_base58_agrees_with_the_oracle(dice: random.Random) -> None:
    valid = 0
    for _ in range(SAMPLES):
        address = changed(dice, base58check(dice.choice([b"\0", b"\5"]) + dice.randbytes(20)), BITCOIN, 1)
        body = decode_checked(address)
        ours = body is not None and len(body) == 21 and body[0] in (0, 5)

        assert ours == bitcoin.is_valid(address), address
        valid += ours
    assert valid > SAMPLES / 3


def test_bech32_agrees_with_the_oracle(dice: random.Random) -> None:
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    generators = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

    def polymod(values: list[int]) -> int:
        check = 1
        for value in values:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for place in range(5):
                check ^= generators[place] if top >> place & 1 else 0
        return check

    valid = 0
    for _ in range(SAMPLES):
        program = int.from_bytes(dice.randbytes(20), "big")
        data = [0] + [program >> shift & 31 for shift in range(155, -1, -5)]
        check = polymod([3, 3, 0, 2, 3, *data, 0, 0, 0, 0, 0, 0]) ^ 1
        address = "bc1" + "".join(alphabet[v] for v in data + [check >> 5 * (5 - i) & 31 for i in range(6)])
        address = changed(dice, address, alphabet, 3)

        assert bech32(address) == bitcoin.is_valid(address), address
        valid += bech32(address)
    assert valid > SAMPLES / 3


def test_ibans_agree_with_the_oracle(dice: random.Random) -> None:
    # The oracle has the registry only; the countries that are not in it have no opinion to differ from.
    registered = [country for country in LENGTHS if iban._ibandb.info(country)[0][1]]
    assert len(registered) == 89
    unregistered = " ".join(sorted(set(LENGTHS) - set(registered)))
    assert unregistered == "AO BF BJ CF CG CI CM CV DZ GA GQ GW IR KM MA MG ML MZ NE SN TD TG"
    for _ in range(SAMPLES):
        country = dice.choice(registered)
        account = "".join(dice.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=LENGTHS[country] - 4))
        rearranged = "".join(str(int(character, 36)) for character in f"{account}{country}00")
        value = changed(dice, f"{country}{98 - int(rearranged) % 97:02}{account}", "0123456789", 2)

        # Which characters are letters in an account of which bank is nothing that a mistyped IBAN keeps to.
        ours = checks.mod97(value) if value[2:4].isdigit() else False
        assert ours == (iban.calc_check_digits(value) == value[2:4]), value


def test_luhn_agrees_with_the_oracle(dice: random.Random) -> None:
    for _ in range(SAMPLES):
        digits = "".join(dice.choices("0123456789", k=dice.randrange(12, 20)))

        assert checks.luhn(digits) == luhn.is_valid(digits)


def test_hardware_addresses_agree_with_the_oracle(dice: random.Random) -> None:
    for _ in range(SAMPLES // 10):
        address = ":".join(f"{byte:02x}" for byte in dice.randbytes(6))

        assert mac.is_valid(address, validate_manufacturer=False)
        assert [finding.type for finding in REDACTOR.find(f"from {address} on")] == ["MAC"]


def test_bank_identifiers_agree_with_the_oracle(dice: random.Random) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    differ = set()
    for _ in range(SAMPLES):
        country = "".join(dice.choices(letters, k=2))
        code = "".join(dice.choices(letters, k=4)) + country + dice.choice(["FF", "2A", "MM"])
        ours = [finding.type for finding in REDACTOR.find(f"BIC: {code} x")] == ["BIC"]

        assert ours == (country in CODES)
        if ours != bic.is_valid(code):
            differ.add(country)
    # The oracle takes any two letters for a country.
    assert not differ & CODES


def test_the_sponge_is_that_of_sha3(dice: random.Random) -> None:
    for size in (*range(0, 280, 9), 135, 136, 137):
        message = dice.randbytes(size)

        assert sponge(message, 0x06) == hashlib.sha3_256(message).digest()
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    "digits",
    # The test cases of EIP-55.
    [
        "52908400098527886E0F7030069857D2E4169EE7",
        "de709f2102306220921060314715629080e2fb77",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_eip55(digits: str) -> None:
    assert eip55(digits)
    assert not eip55(digits.swapcase())
