"""Which keys wrap everything else, and how to reach them: the part of the configuration that `cell.keys` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE, PKCS11, AWS_KMS, VAULT = "file", "pkcs11", "aws-kms", "vault"

_NAMES = {
    FILE: re.compile(r"/.+"),
    PKCS11: re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
    AWS_KMS: re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]{1,64}"),
    VAULT: re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+"),
}
LONGEST_HORIZON_DAYS = 7


@dataclass(frozen=True, slots=True)
class RootRef:
    """Names a key that wraps others, by where it lives; as text ``<provider>:<name>``.

    ``file:/path`` · ``pkcs11:<label>`` on the configured token · ``aws-kms:<key ARN>`` · ``vault:<mount>/<key>`` of transit.
    """

    provider: str
    name: str

    @classmethod
    def parse(cls, text: str) -> RootRef:
        """Raises ValueError, which does not repeat `text`."""
        provider, _, name = text.partition(":")
        if provider not in _NAMES or _NAMES[provider].fullmatch(name) is None:
            raise ValueError("must be like file:/path, pkcs11:label, aws-kms:arn:aws:kms:… or vault:transit/key")
        return cls(provider, name)

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"

    @property
    def aws_region(self) -> str | None:
        """Where an AWS key is; None for any other."""
        return self.name.split(":")[3] if self.provider == AWS_KMS else None


@dataclass(frozen=True, slots=True)
class Pkcs11Token:
    module: Path
    """The manufacturer's library, e.g. /usr/lib/softhsm/libsofthsm2.so."""
    label: str
    pin_file: Path


@dataclass(frozen=True, slots=True)
class VaultServer:
    address: str
    """https://host:8200, without a trailing slash."""
    token_file: Path
    """Read again at every call, because an agent renews it."""
    ca_file: Path | None
    namespace: str | None


@dataclass(frozen=True, slots=True)
class KeyConfig:
    root: RootRef
    """Wraps every workspace key that is not wrapped by its customer's own."""
    previous: tuple[RootRef, ...]
    """Roots that still open what was wrapped under them, until `bailiwick keys rotate-root` is done."""
    seed_file: Path | None
    """The secret that everything derived comes from, sealed under the root; None where a root in a file is that secret."""
    horizon_days: int
    """Longest time that a backup of the key store is kept: past it nothing destroyed can come back. Printed on certificates."""
    pkcs11: Pkcs11Token | None
    vault: VaultServer | None
    aws_endpoint: str | None
    """Address of KMS where it is not AWS's public one."""

    def problems(self, *, embedded: bool) -> Iterator[str]:
        """What does not fit together, each with the variable's name."""
        used = {ref.provider for ref in (self.root, *self.previous)}
        if self.seed_file is None and (used != {FILE} or self.previous):
            yield (
                "BAILIWICK_SEED_FILE is not set: a root outside of a file, and a root that changes, need one"
                " (`bailiwick keys init` makes it)"
            )
        if PKCS11 in used and self.pkcs11 is None:
            yield "BAILIWICK_PKCS11_MODULE, _TOKEN and _PIN_FILE must all be set for a key of a PKCS#11 token"
        if VAULT in used and self.vault is None:
            yield "BAILIWICK_VAULT_ADDRESS and _TOKEN_FILE must both be set for a key of Vault"
        addresses = {"VAULT_ADDRESS": self.vault.address if self.vault else None, "AWS_KMS_ENDPOINT": self.aws_endpoint}
        for name, url in addresses.items():
            if url is not None and not url.startswith("https://") and not embedded:
                yield f"BAILIWICK_{name} must begin with https:// (only the embedded cell speaks plain HTTP)"
