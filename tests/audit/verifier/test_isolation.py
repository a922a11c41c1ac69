from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cryptography

from tests.audit.logs import Log
from tests.audit.verifier.world import proof

_ROOT = Path(__file__).resolve().parents[3]

# Everything but the standard library, `cryptography` with what it needs, and our own two folders is refused.
_GUARDED = """
import sys
allowed = set(sys.stdlib_module_names) | {"cryptography", "_cffi_backend", "cffi", "audit", "cell"}
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"the verifier needs {name}")
sys.meta_path.insert(0, Guard())
from audit.verifier.__main__ import main
status = main(sys.argv[1:])
assert not {"django", "msgspec", "rfc8785", "psycopg", "celery", "structlog"} & set(sys.modules)
sys.exit(status)
"""


def test_the_verifier_runs_with_python_and_cryptography_alone(tmp_path: Path) -> None:
    log = Log().grow(20)
    log.export(tmp_path / "export", 5, 20)
    (tmp_path / "certificate.json").write_bytes(log.certificate({"workspace": log.workspace}))
    (tmp_path / "it.tlog-proof").write_text(proof(log, 3, 20).to_text())
    libraries = Path(cryptography.__file__).parents[1]

    for name in ("export", "certificate.json", "it.tlog-proof"):
        done = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path += {[str(_ROOT), str(_ROOT / 'platform'), str(libraries)]}"
             + _GUARDED, str(tmp_path / name), "--key", log.signer.vkey],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("intact: ")
