"""The log: exported, verified by somebody else, and sent to a SIEM."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from bailiwick.tour.siem import Siem
from bailiwick.tour.visit import SECRETS, Tour, require, wait


def export(tour: Tour) -> None:
    checkpoint = tour.admin.call("GET", f"{tour.path}/audit/checkpoint").body
    tour.vkeys = checkpoint["vkeys"]
    tour.say.fact(f"the log has {checkpoint['size']} sealed entries, root {checkpoint['root']}")
    export = tour.admin.call("POST", f"{tour.path}/audit/exports").body
    path = f"{tour.path}/audit/exports/{export['id']}"
    done = wait(tour, path, lambda now: now["state"] in ("ready", "done", "completed", "failed"))
    require(done["state"] != "failed", "the export failed")
    content = tour.admin.call("GET", f"{path}/download").content
    folder = tour.home.tour / "export"
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        _unpack(archive, folder)
    tour.say.fact(f"export {export['id']}: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    text = b"".join(_plain(file) for file in folder.iterdir())
    require(not any(secret.encode() in text for secret in SECRETS), "personal data is in the export")
    tour.say.fact("neither the address nor the account number is in it")


def verify(tour: Tour) -> None:
    for name in ("export", "certificate.json"):
        path = tour.home.tour / name
        status, said = _run_verifier(tour, path)
        tour.say.quote("bailiwick verify", said)
        require(status == 0, f"bailiwick verify {path} says {status}")
    tour.say.fact("both intact, by Python and cryptography alone, with the key that the cell named beforehand")
    with tempfile.TemporaryDirectory() as folder:
        altered = Path(folder) / "certificate.json"
        text = (tour.home.tour / "certificate.json").read_text()
        altered.write_text(text.replace(tour.workspace, tour.cell["workspace"], 1))
        status, said = _run_verifier(tour, altered)
    tour.say.quote("bailiwick verify", said)
    require(status == 1, f"a certificate altered to name another workspace was answered {status}")
    tour.say.fact("the certificate altered to name another workspace: found")


def send_weekly(tour: Tour) -> None:
    regions = tour.admin.call("GET", "/api/regions").body["results"]
    area = next(region["legal_area"] for region in regions if region["here"])
    another = next(region["legal_area"] for region in regions if region["legal_area"] != area)
    path = f"{tour.path}/audit/schedules"
    with Siem() as siem:
        destination = {"kind": "webhook", "legal_area": area, "url": siem.url, "ca": siem.authority}
        schedule = {
            "destination": destination,
            "secrets": {"signing": [siem.secret]},
            "format": "ocsf",
            "interval_hours": 7 * 24,
        }
        refused = tour.admin.try_("POST", path, {**schedule, "destination": {**destination, "legal_area": another}})
        require(400 <= refused.status < 500, f"a destination abroad was answered {refused.status}")
        tour.say.fact(f"to a SIEM under another law: refused ({refused.status}): {refused.said}")
        made = tour.admin.call("POST", path, schedule).body
        tour.say.fact(f"every {made['interval_hours']} hours to one under the law of {area}: {made['id']}")
        deliveries = f"{path}/{made['id']}/deliveries"
        first = wait(tour, deliveries, lambda now: now["results"] and now["results"][-1]["state"] == "acknowledged")[
            "results"
        ][-1]
        require(
            len(siem.lines) == first["end"] - first["first"] and not siem.refused,
            "the SIEM has other entries than were sent",
        )
        text = b"\n".join(siem.lines)
        require(not any(secret.encode() in text for secret in SECRETS), "personal data is in what was sent")
        tour.say.fact(
            f"the SIEM has {len(siem.lines)} entries, each signed call checked; acknowledged: {first['evidence']}"
        )
        tour.admin.call("DELETE", f"{path}/{made['id']}")
        wait(tour, f"{path}/{made['id']}", lambda now: now["state"] == "ended")
        require(any(b"schedule" in line for line in siem.lines[first["end"] :]), "nobody told the SIEM of the end")
        tour.say.fact("turned off, and the last delivery says who did it")


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """An export is plain files in no folder; anything else is not taken. (The filters of `extractall` came with Python 3.11.4.)"""
    for member in archive:
        content = archive.extractfile(member)
        require(content is not None and Path(member.name).name == member.name, "the export holds more than plain files")
        if content is not None:
            (folder / member.name).write_bytes(content.read())


def _run_verifier(tour: Tour, path: Path) -> tuple[int, str]:
    """Its exit status and the first line of what it says."""
    keys = [part for vkey in tour.vkeys for part in ("--key", vkey)]
    command = [sys.executable, "-m", "bailiwick.cli", "verify", str(path), *keys]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).partition("\n")[0]


def _plain(file: Path) -> bytes:
    content = file.read_bytes()
    return gzip.decompress(content) if file.suffix == ".gz" else content
