"""Opening a root by its name: each kind is a module of its own, imported only where it is used."""

from __future__ import annotations

from pathlib import Path

from cell.key_config import AWS_KMS, FILE, PKCS11, VAULT, KeyConfig, RootRef
from cell.keys.file_root import FileRoot
from cell.keys.provider import Root, RootKeyError


def open_root(ref: RootRef, keys: KeyConfig) -> Root:
    """The root `ref`, reached as `keys` says. Raises RootKeyError; one over a network is asked only when it is used."""
    if ref.provider == FILE:
        return FileRoot(Path(ref.name))
    try:
        if ref.provider == AWS_KMS:
            from cell.keys.kms_root import KmsRoot

            return KmsRoot(ref, keys.aws_endpoint)
        if ref.provider == VAULT and keys.vault is not None:
            from cell.keys.vault_root import VaultRoot

            return VaultRoot(ref, keys.vault)
        if ref.provider == PKCS11 and keys.pkcs11 is not None:
            from cell.keys.pkcs11_root import Pkcs11Root

            return Pkcs11Root(ref, keys.pkcs11)
    except ModuleNotFoundError as error:
        extra = {AWS_KMS: "aws", PKCS11: "pkcs11"}[ref.provider]
        raise RootKeyError(f"A root key of {ref.provider} needs: pip install 'bailiwick[{extra}]'") from error
    raise RootKeyError(
        f"This cell is not configured to reach keys of {ref.provider}: set BAILIWICK_{ref.provider.upper()}_…"
    )
