"""SoftHSM: a PKCS#11 module whose tokens are files. Real PKCS#11, software in the place of the hardware."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cell.key_config import Pkcs11Token
from tests.peers import missing

_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
_LABEL, _PIN = "bailiwick", "5678"


_MANAGE = """
import sys
import pkcs11
from pkcs11 import Attribute, KeyType
module, label, pin, action, key = sys.argv[1:]
with pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=pin) as session:
    if action == "make":
        unreadable = {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True}
        session.generate_key(KeyType.AES, 256, label=key, store=True, template=unreadable)
    elif action == "destroy":
        session.get_key(label=key).destroy()
    else:
        session.get_key(label=key)[Attribute.VALUE]
"""


@dataclass(frozen=True, slots=True)
class SoftHsm:
    token: Pkcs11Token
    environ: dict[str, str]
    """What a process that uses the token needs in its environment."""

    def make_key(self, label: str) -> None:
        """An AES-256 key that can wrap and cannot be read."""
        self._manage("make", label)

    def destroy_key(self, label: str) -> None:
        self._manage("destroy", label)

    def read_key(self, label: str) -> None:
        """Raises subprocess.CalledProcessError, whose output says why the key cannot be read."""
        self._manage("read", label)

    def _manage(self, action: str, label: str) -> None:
        """In a process of its own: a login is the whole process's, and the one of the tests belongs to what is tested."""
        command = [sys.executable, "-c", _MANAGE, str(self.token.module), self.token.label, _PIN, action, label]
        environ = {**os.environ, **self.environ}
        subprocess.run(command, check=True, capture_output=True, text=True, env=environ)


def softhsm(folder: Path) -> SoftHsm:
    """A new token in `folder`."""
    module = next((path for path in map(Path, _MODULES) if path.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        missing("SoftHSM", "apt install softhsm2")
    tokens = folder / "tokens"
    tokens.mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    environ = {"SOFTHSM2_CONF": str(settings)}
    command = ["softhsm2-util", "--init-token", "--free", "--label", _LABEL, "--so-pin", "1234", "--pin", _PIN]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environ})
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(f"{_PIN}\n")
    return SoftHsm(Pkcs11Token(module, _LABEL, pin_file), environ)
