"""The words that announce a value, by type: for policies that want a type only where something says what it is.

A pattern that has words itself gives them (`Pattern.context`, `Pattern.words`); here are those for types whose patterns tell a
value by its form. Names and addresses have none: cues and parts, which are their context, are how they are found.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Final

from .context import Words
from .patterns import BUILT_IN
from .patterns.location_words import LOCATION_WORDS
from .patterns.national.identifier import GENERIC
from .patterns.vat.words import ANY
from .words.vehicle import CHASSIS

_BY_FORM: Final[dict[str, Words]] = {
    "PHONE": Words(
        "tel", "phone", "mobile", "mobil", "móvil", "móveis", "handy", "portable", "cell", "cellular", "cellulare", "gsm", "fax",
        "call", "reach", "ring", "anruf", "erreichbar", "erreichen", "appeler", "appelez", "joindre", "llamar", "llame", "chiamare",
        "ligar", "bellen", "zadzwoń", "hotline", "hotline no", "whatsapp", "komorka", "komórka", "puhelin", "puh", "tlf", "gsm nr",
        "durchwahl", "telemóvel", "telemovel", "kännykkä", "matkapuhelin", "τηλέφωνο", "τηλ", "κινητό", "тел", "телефон", "мобилен",
        "fón", "guthán", "sími", "farsími", "numru", "ċempel", "tālrunis", "mob",
        stems=("telefo", "telepho", "télépho", "teléfo", "telefó", "mobiltelefo", "handynum", "mobilnum", "rufnum", "rückruf",
               "telefaks", "telefax", "puhelin", "phonenum", "contactnum"),
    ),
    "IP": Words(
        "ip", "ipv4", "ipv6", "ip address", "ip adresse", "adresse ip", "dirección ip", "indirizzo ip", "host", "client",
        "server", "peer", "remote", "remote addr", "x forwarded for", "x real ip", "source", "src", "dst", "gateway", "from",
        stems=("ipadd", "ipadr", "remoteadd", "clientip", "serverip", "forwarded"),
    ),
    "MAC": Words(
        "mac", "bssid", "eui", "eui 64", "ethernet", "ether", "wlan", "wifi", "wi fi", "bluetooth", "arp", "hwaddr", "nic",
        "physical address", "device", stems=("macadd", "hardwareadd", "hardware add", "netzwerkkart"),
    ),
    "BIC": Words(
        "bic", "swift", "bic code", "swift code", "bank identifier", "iban", "bank", "banque", "banco", "banca",
        stems=("swiftcode", "biccode", "bankidentif", "bankleitz", "bankverbind"),
    ),
    "URL_CREDENTIALS": Words(
        "login", "log in", "sign in", "credential", "access", "user", "username", "password", "passwort", "mot de passe",
        "senha", "wachtwoord", "hasło", "heslo", "lösenord", "adgangskode", "salasana", "url", "uri", "dsn", "link", "database",
        "connection", "connection string", "token", "curl", "git", "clone", "repo", "repository", "endpoint", "server", "host",
        stems=("credential", "anmeld", "zugang", "datenbank", "verbindung", "connectionstr", "databaseurl", "datasource"),
    ),
    "SECRET": Words(
        "password", "passwort", "passwd", "pwd", "kennwort", "passphrase", "passcode", "pin", "mot de passe", "contraseña",
        "senha", "parola", "wachtwoord", "hasło", "haslo", "heslo", "lösenord", "losenord", "adgangskode", "salasana", "jelszó",
        "lozinka", "geslo", "parool", "parole", "slaptažodis", "κωδικός", "парола", "pasfhocal", "lykilorð", "passord", "secret",
        "token", "key", "api", "api key", "apikey", "access key", "private key", "bearer", "basic", "authorization", "auth",
        "credential", "credentials", "jwt", "webhook", "login", "schlüssel", "clé", "clave", "chiave", "chave", "sleutel", "klucz",
        stems=("secret", "credential", "passwor", "zugangs", "geheim", "apikey", "accesskey", "accesstoken", "clientsecret"),
    ),
    "VAT": ANY,
    "NATIONAL_ID": GENERIC,
    "VEHICLE": CHASSIS,
    "CRYPTO": Words(
        "btc", "bitcoin", "ltc", "litecoin", "doge", "dogecoin", "dash", "zec", "zcash", "trx", "tron", "usdt", "ada", "cardano",
        "atom", "cosmos", "eth", "ether", "ethereum", "erc20", "xrp", "ripple", "xmr", "monero", "xlm", "stellar", "sol", "solana",
        "crypto", "wallet", "address", "adresse", "coin", "token", "deposit", "payout", "withdrawal",
        stems=("krypto", "crypto", "wallet", "blockchain", "coinbase", "walletadd"),
    ),
    "LOCATION": LOCATION_WORDS,
}  # fmt: skip


def _announcing() -> dict[str, Words]:
    words: dict[str, list[Words]] = {kind: [known] for kind, known in _BY_FORM.items()}
    for pattern in BUILT_IN:
        for known in (pattern.context, pattern.words):
            if known is not None and known not in words.setdefault(pattern.type, []):
                words[pattern.type].append(known)
    return {kind: reduce(or_, known) for kind, known in words.items()}


ANNOUNCING: Final = _announcing()
"""Of each type, the words that announce it, or are asked for, in any of its patterns."""
