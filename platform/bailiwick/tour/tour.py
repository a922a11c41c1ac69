"""The steps of the tour, in order. Each one does something real and checks what came back."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bailiwick.embedded.home import Home
from bailiwick.tour.client import Client, Refused
from bailiwick.tour.narrator import Narrator
from bailiwick.tour.siem import Siem

WAIT_S = 60.0
RETENTION_DAYS = 14
PROMPT = "Please confirm to erika.mustermann@example.org that the transfer to DE89 3704 0044 0532 0130 00 went out."
SECRETS = ("erika.mustermann@example.org", "DE89 3704 0044 0532 0130 00")


class Unexpected(Exception):
    """The cell answered, but not as it promises to."""


@dataclass(slots=True)
class Tour:
    """What the steps hand to each other."""

    home: Home
    cell: Mapping[str, Any]
    say: Narrator
    admin: Client
    workspace: str = ""
    key: str = ""
    """Of the tour's own workspace: chat and embeddings only."""
    request: str = ""
    """The chat call whose payload is erased."""
    vkeys: list[str] = field(default_factory=list)
    """The keys that sign the log, as the cell said before it exported anything."""

    @property
    def path(self) -> str:
        return f"/api/workspaces/{self.workspace}"

    @property
    def application(self) -> Client:
        return Client(self.cell["base_url"], self.key)


def run(home: Home) -> int:
    """Takes the tour through the cell in `home`; 0 if every step held. Raises CellError if no cell runs there."""
    cell = home.cell()
    tour = Tour(home, cell, Narrator(), Client(cell["base_url"], cell["admin_key"]))
    shutil.rmtree(home.tour, ignore_errors=True)
    home.tour.mkdir(mode=0o700)
    for text, step in STEPS:
        tour.say.heading(text)
        try:
            step(tour)
        except (Refused, Unexpected) as error:
            tour.say.failure(str(error))
            tour.say.end(False, "The tour stops here.")
            return 1
    tour.say.end(True, f"Every step held. What you were given is in {home.tour}")
    return 0


def _create_workspace(tour: Tour) -> None:
    regions = tour.admin.call("GET", "/api/regions").body["results"]
    here = next(region for region in regions if region["here"])
    _require(here["id"] == tour.cell["region"], "the cell is in another region than it says")
    tour.say.fact(
        f"this cell is {here['id']}, legal area {here['legal_area']}; it may fail over to {here['dr_peer']} only"
    )
    made = tour.admin.call(
        "POST", "/api/workspaces", {"name": "Claims desk", "environment": "production", "region": here["id"]}
    ).body
    tour.workspace = made["id"]
    tour.say.fact(f"workspace {made['id']} ({made['environment']}) in {made['region']}")
    elsewhere = next(region for region in regions if region["legal_area"] != here["legal_area"])
    refused = tour.admin.try_("POST", "/api/workspaces", {"name": "Elsewhere", "region": elsewhere["id"]})
    _require(refused.status >= 400, f"a workspace for {elsewhere['id']} was made in {here['id']}")
    tour.say.fact(f"one for {elsewhere['id']} is refused here: {refused.status}, {refused.said}")


def _lock_region(tour: Tour) -> None:
    current = tour.admin.call("GET", tour.path)
    locked = tour.admin.call("PATCH", tour.path, {"region_locked": True}, If_Match=current.headers["etag"]).body
    _require(locked["region_locked"] is True, "the lock did not hold")
    tour.say.fact(f"locked: only {locked['region']} serves it, until somebody unlocks it on the record")
    stale = tour.admin.try_("PATCH", tour.path, {"region_locked": False}, If_Match=current.headers["etag"])
    _require(stale.status == 412, "a change by somebody who had not seen the lock went through")
    tour.say.fact(f"a change made without having seen the lock is refused: {stale.status}")
    foreign = tour.admin.try_("GET", f"/api/workspaces/ws_usva1_{'0' * 32}")
    _require(foreign.status == 421, "a request for another region was not sent back")
    tour.say.fact(f"a request for another region's workspace: {foreign.status}, {foreign.said}")


def _set_retention(tour: Tour) -> None:
    path = f"{tour.path}/retention-policy"
    current = tour.admin.call("GET", path)
    _require(current.body["store_payloads"] is False, "payloads are stored although nobody asked for it")
    tour.say.fact("payloads are not stored unless somebody decides so")
    decision = {"store_payloads": True, "payload_days": RETENTION_DAYS}
    decided = tour.admin.call("PUT", path, decision, If_Match=current.headers["etag"])
    tour.say.fact(f"now stored, sealed, for {decided.body['payload_days']} days")
    beyond = tour.admin.try_("PUT", path, decision | {"payload_days": 400}, If_Match=decided.headers["etag"])
    _require(beyond.status == 400, "400 days without a reason were accepted")
    tour.say.fact(f"400 days without a reason: {beyond.status}, {beyond.said}")


def _keys_and_roles(tour: Tour) -> None:
    issued = tour.admin.call(
        "POST",
        f"{tour.path}/keys",
        {"name": "Claims bot", "scopes": ["inference:chat", "inference:embeddings"], "expires_in_days": 30},
    ).body
    tour.key = issued["token"]
    tour.say.fact(f"key {issued['prefix']}-… may {' and '.join(issued['scopes'])}, until {issued['expires_at'][:10]}")
    denied = tour.application.try_("GET", f"{tour.path}/keys")
    _require(denied.status == 403, f"listing keys with an inference key was answered {denied.status}")
    tour.say.fact(f"listing the workspace's keys with it: {denied.status}, {denied.said}")
    other = tour.application.try_("GET", f"/api/workspaces/{tour.cell['workspace']}")
    absent = tour.application.try_("GET", f"/api/workspaces/ws_{tour.workspace.split('_')[1]}_{'0' * 32}")
    _require(other.status == absent.status == 404 and other.content == absent.content, "another workspace shows itself")
    tour.say.fact("another workspace and one that does not exist: the same 404")
    person = {"email": f"dpo-{tour.workspace[-8:]}@demo.example", "name": "Data protection officer"}
    officer = tour.admin.call("POST", "/api/members", person)
    role = tour.admin.call("PUT", f"{tour.path}/members/{officer.body['id']}", {"role": "dpo"}).body
    tour.say.fact(f"member {role['member']['id']} is {role['role']} here and nothing anywhere else")
    rotated = tour.admin.call("POST", f"{tour.path}/keys/{issued['id']}/rotate", {"overlap_seconds": 0}).body
    began = time.monotonic()
    while tour.application.try_("GET", "/v1/models").status != 401:
        _require(time.monotonic() - began < 2, "a key still works 2 s after it was replaced")
        time.sleep(0.01)
    tour.say.fact(
        f"replaced by {rotated['prefix']}-…; the old one was dead after {(time.monotonic() - began) * 1000:.0f} ms"
    )
    tour.key = rotated["token"]


def _inference(tour: Tour) -> None:
    chat, embedding = tour.cell["models"]["chat"], tour.cell["models"]["embedding"]
    body = {"model": chat, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 60, "temperature": 0}
    tour.say.quote("you", PROMPT)
    answer = tour.application.call("POST", "/v1/chat/completions", body)
    tour.request = answer.headers["x-request-id"]
    tour.say.quote(chat, answer.body["choices"][0]["message"]["content"])
    redactions = answer.headers.get("x-bailiwick-redactions", "")
    _require(
        "EMAIL=1" in redactions and "IBAN=1" in redactions, f"not everything was redacted: {redactions or 'nothing'}"
    )
    tour.say.fact(
        f"the model saw placeholders instead of {redactions.replace(',', ' and ')}; the answer has them restored"
    )
    usage = answer.body["usage"]
    tour.say.fact(f"{answer.headers['x-request-id']}: {usage['prompt_tokens']} + {usage['completion_tokens']} tokens")
    chunks = list(tour.application.stream("/v1/chat/completions", body | {"stream": True}))
    streamed = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    _require(
        streamed == answer.body["choices"][0]["message"]["content"], "the streamed answer differs from the whole one"
    )
    tour.say.fact(f"the same answer streamed in {len(chunks)} pieces, placeholders restored across them")
    vectors = tour.application.call(
        "POST", "/v1/embeddings", {"model": embedding, "input": ["A broken window", "Glass damage", "A tax form"]}
    ).body["data"]
    near, far = (_cosine(vectors[0]["embedding"], vectors[n]["embedding"]) for n in (1, 2))
    _require(near > far, "the embeddings make no sense")
    tour.say.fact(f"{embedding}: “A broken window” is {near:.2f} like “Glass damage” and {far:.2f} like “A tax form”")
    unknown = tour.application.try_("POST", "/v1/chat/completions", body | {"model": "gpt-none"})
    _require(unknown.status == 404, "a model that is not there was found")
    tour.say.fact(f"a model that is not there: {unknown.status}, {unknown.said}")


def _erase(tour: Tour) -> None:
    erasure = tour.admin.call("POST", f"{tour.path}/erasures", {"request": tour.request}).body
    tour.say.fact(f"erasure {erasure['id']} of {tour.request}: {erasure['state']}")
    done = _wait(
        tour, f"{tour.path}/erasures/{erasure['id']}", lambda now: now["certified"] or now["state"] == "partial"
    )
    _require(done["certified"], f"the erasure ended as {done['state']}")
    found = ", ".join(f"{count} in {store}" for store, count in sorted(done["manifest"].items()))
    _require(sum(done["manifest"].values()) > 0, f"the payload was to be stored, and was not: {found}")
    tour.say.fact(f"{done['state']}: found {found}; read again with another credential, nothing is left")
    certificate = tour.admin.call("GET", f"{tour.path}/erasures/{erasure['id']}/certificate").content
    file = tour.home.tour / "certificate.json"
    file.write_bytes(certificate)
    tour.say.fact(f"certificate: {file} ({len(certificate)} bytes, signed)")


def _export(tour: Tour) -> None:
    checkpoint = tour.admin.call("GET", f"{tour.path}/audit/checkpoint").body
    tour.vkeys = checkpoint["vkeys"]
    tour.say.fact(f"the log has {checkpoint['size']} sealed entries, root {checkpoint['root']}")
    export = tour.admin.call("POST", f"{tour.path}/audit/exports").body
    path = f"{tour.path}/audit/exports/{export['id']}"
    done = _wait(tour, path, lambda now: now["state"] in ("ready", "done", "completed", "failed"))
    _require(done["state"] != "failed", "the export failed")
    content = tour.admin.call("GET", f"{path}/download").content
    folder = tour.home.tour / "export"
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        _unpack(archive, folder)
    tour.say.fact(f"export {export['id']}: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    text = b"".join(_plain(file) for file in folder.iterdir())
    _require(not any(secret.encode() in text for secret in SECRETS), "personal data is in the export")
    tour.say.fact("neither the address nor the account number is in it")


def _send_weekly(tour: Tour) -> None:
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
        _require(400 <= refused.status < 500, f"a destination abroad was answered {refused.status}")
        tour.say.fact(f"to a SIEM under another law: refused ({refused.status}): {refused.said}")
        made = tour.admin.call("POST", path, schedule).body
        tour.say.fact(f"every {made['interval_hours']} hours to one under the law of {area}: {made['id']}")
        deliveries = f"{path}/{made['id']}/deliveries"
        first = _wait_for(tour, deliveries, lambda found: bool(found) and found[-1]["state"] == "acknowledged")[-1]
        _require(
            len(siem.lines) == first["end"] - first["first"] and not siem.refused,
            "the SIEM has other entries than were sent",
        )
        text = b"\n".join(siem.lines)
        _require(not any(secret.encode() in text for secret in SECRETS), "personal data is in what was sent")
        tour.say.fact(
            f"the SIEM has {len(siem.lines)} entries, each signed call checked; acknowledged: {first['evidence']}"
        )
        tour.admin.call("DELETE", f"{path}/{made['id']}")
        _wait(tour, f"{path}/{made['id']}", lambda now: now["state"] == "ended")
        _require(any(b"schedule" in line for line in siem.lines[first["end"] :]), "nobody told the SIEM of the end")
        tour.say.fact("turned off, and the last delivery says who did it")


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """An export is plain files in no folder; anything else is not taken. (The filters of `extractall` came with Python 3.11.4.)"""
    for member in archive:
        content = archive.extractfile(member)
        _require(
            content is not None and Path(member.name).name == member.name, "the export holds more than plain files"
        )
        if content is not None:
            (folder / member.name).write_bytes(content.read())


def _verify(tour: Tour) -> None:
    for name in ("export", "certificate.json"):
        path = tour.home.tour / name
        status, said = _run_verifier(tour, path)
        tour.say.quote("bailiwick verify", said)
        _require(status == 0, f"bailiwick verify {path} says {status}")
    tour.say.fact("both intact, by Python and cryptography alone, with the key that the cell named beforehand")
    with tempfile.TemporaryDirectory() as folder:
        altered = Path(folder) / "certificate.json"
        text = (tour.home.tour / "certificate.json").read_text()
        altered.write_text(text.replace(tour.workspace, tour.cell["workspace"], 1))
        status, said = _run_verifier(tour, altered)
    tour.say.quote("bailiwick verify", said)
    _require(status == 1, f"a certificate altered to name another workspace was answered {status}")
    tour.say.fact("the certificate altered to name another workspace: found")


def _run_verifier(tour: Tour, path: Path) -> tuple[int, str]:
    """Its exit status and the first line of what it says."""
    keys = [part for vkey in tour.vkeys for part in ("--key", vkey)]
    command = [sys.executable, "-m", "bailiwick.cli", "verify", str(path), *keys]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).partition("\n")[0]


STEPS: list[tuple[str, Callable[[Tour], None]]] = [
    ("A workspace in the EU", _create_workspace),
    ("Its region, locked", _lock_region),
    (f"Retention: {RETENTION_DAYS} days", _set_retention),
    ("Keys and roles", _keys_and_roles),
    ("Inference, with personal data redacted", _inference),
    ("Erasure, with a certificate", _erase),
    ("The audit log, exported", _export),
    ("Verified offline", _verify),
    ("The log, sent to a SIEM every week", _send_weekly),
]


def _wait(tour: Tour, path: str, over: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not over(now := tour.admin.call("GET", path).body):
        _require(time.monotonic() < deadline, f"{path} is still {now['state']} after {WAIT_S:.0f} s")
        time.sleep(0.1)
    return now


def _wait_for(tour: Tour, path: str, over: Callable[[list[Any]], bool]) -> list[Any]:
    """The same of a list, oldest last."""
    deadline = time.monotonic() + WAIT_S
    found: list[Any] = []
    while not over(found := tour.admin.call("GET", path).body["results"]):
        _require(time.monotonic() < deadline, f"{path}: nothing was delivered in {WAIT_S:.0f} s")
        time.sleep(0.1)
    return found


def _plain(file: Path) -> bytes:
    content = file.read_bytes()
    return gzip.decompress(content) if file.suffix == ".gz" else content


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Unexpected(otherwise)


def _cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return float(product / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5)
