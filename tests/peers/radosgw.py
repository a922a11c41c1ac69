"""Ceph's S3 server from Debian's packages: one monitor, one memory store, one gateway, on loopback, in about four seconds.

It checks signatures, keeps versions and enforces object locks and quotas. Where it is not AWS: it takes `If-None-Match` on a put
and does not mind it, and knows no `x-amz-checksum-…`.
"""

from __future__ import annotations

import ctypes
import datetime
import ipaddress
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cell.object_config import S3Bucket
from tests.peers import end, free_port, missing, wait_for_port

REGION = "eu-de"
"""Of its only zonegroup."""
_PR_SET_PDEATHSIG = 1

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
run dir = {folder}
admin socket =
pid file =
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
mon data = {folder}/mon
osd data = {folder}/osd
mon data avail crit = 0
mon data avail warn = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon osd crush smoke test = false
mon tick interval = 1
# A cluster of one has nobody to wait for: with the defaults each pool takes a second to make.
paxos propose interval = 0.02
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{http} ssl_endpoint=127.0.0.1:{https} ssl_certificate={folder}/server.pem tcp_nodelay=1
rgw run sync thread = false
rgw bucket quota ttl = 0
"""


@dataclass(frozen=True, slots=True)
class RadosGw:
    folder: Path
    http_port: int
    https_port: int
    client: Any
    """boto3's, with every right; for what the code under test must not do itself."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def bucket(self, *, lock: bool = True, versions: bool = True) -> S3Bucket:
        """A new one, as a cell's configuration names it."""
        name = f"cell-{uuid4().hex}"
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        if versions and not lock:
            self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return S3Bucket(name, REGION, "eu", self.endpoint, None, self.credentials("cell"))

    def credentials(self, user: str) -> Path:
        return self.folder / f"{user}.credentials"

    def keys(self, user: str) -> tuple[str, str]:
        """Access key and secret key; of somebody new if there was no such user."""
        path = self.credentials(user)
        if not path.exists():
            _user(self, user)
        _, access_key, secret_key = (line.rpartition(" = ")[2] for line in path.read_text().splitlines())
        return access_key, secret_key

    def admin(self, *arguments: str) -> None:
        _run(self.folder, "radosgw-admin", "-n", "client.rgw", *arguments)


@contextmanager
def radosgw(folder: Path) -> Iterator[RadosGw]:
    for program, package in {
        "ceph-mon": "ceph-mon",
        "ceph-osd": "ceph-osd",
        "radosgw": "radosgw",
        "ceph": "ceph-common",
    }.items():
        if shutil.which(program) is None:
            missing("Ceph's S3 server", f"apt install radosgw ceph-mon ceph-osd ceph-common ({package} is not there)")
    mon, http, https = free_port(), free_port(), free_port()
    fsid, osd = str(uuid4()), str(uuid4())
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    (folder / "ceph.conf").write_text(
        _CONFIGURATION.format(fsid=fsid, mon=mon, http=http, https=https, folder=folder, region=REGION)
    )
    _write_certificates(folder)
    _write_keys(folder)
    with ExitStack() as running:
        _run(
            folder,
            "monmaptool",
            "--create",
            "--fsid",
            fsid,
            "--addv",
            "a",
            f"[v2:127.0.0.1:{mon}/0]",
            f"{folder}/monmap",
        )
        _run(folder, "ceph-mon", "-i", "a", "--mkfs", "--monmap", f"{folder}/monmap", "--keyring", f"{folder}/keyring")
        running.callback(end, _start(folder, mon, "ceph-mon", "-i", "a", "-f"))
        # It stays at booting unless it was made with the number that the monitor gave it.
        _run(folder, "ceph", "osd", "new", osd)
        _run(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        _run(folder, "ceph", "osd", "crush", "add", "osd.0", "1", "root=default")
        running.callback(end, _start(folder, None, "ceph-osd", "-i", "0", "-f"))
        _await(lambda: "1 up" in _run(folder, "ceph", "osd", "stat"))
        gateway = RadosGw(folder, http, https, None)
        zone = (f"--rgw-zonegroup={REGION}", f"--rgw-zone={REGION}")
        gateway.admin("realm", "create", "--rgw-realm=peers", "--default")
        gateway.admin("zonegroup", "create", zone[0], "--master", "--default")
        gateway.admin("zone", "create", *zone, "--master", "--default")
        gateway.admin("period", "update", "--commit")
        running.callback(end, _start(folder, http, "radosgw", "-n", "client.rgw", "-f"))
        client = boto3.client("s3", endpoint_url=gateway.endpoint, region_name=REGION, **_user(gateway, "cell"))
        yield RadosGw(folder, http, https, client)


def _user(gateway: RadosGw, name: str) -> dict[str, str]:
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    gateway.admin(
        "user", "create", f"--uid={name}", f"--display-name={name}", f"--access-key={key}", f"--secret={secret}"
    )
    path = gateway.credentials(name)
    path.touch(mode=0o600)
    path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    return {"aws_access_key_id": key, "aws_secret_access_key": secret}


def _environ() -> dict[str, str]:
    """Ceph's own tools are in Python too: not in ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _run(folder: Path, program: str, *arguments: str) -> str:
    command = [program, *([] if program == "monmaptool" else ["-c", f"{folder}/ceph.conf"]), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environ(), timeout=60)
    if done.returncode:
        raise RuntimeError(f"{program} {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def _start(folder: Path, port: int | None, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / f"{program}.out").open("wb") as log:
        process = subprocess.Popen(
            [program, "-c", f"{folder}/ceph.conf", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_the_tests,
            env=_environ(),
        )
    if port is not None:
        wait_for_port(port, process)
    return process


def _die_with_the_tests() -> None:
    """A run that is killed ends nothing itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _await(done: Any, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("Ceph's store did not come up")
        time.sleep(0.1)


def _write_keys(folder: Path) -> None:
    entities = {
        "mon.": ["mon", "allow *"],
        "client.admin": ["mon", "allow *", "osd", "allow *"],
        "osd.0": ["mon", "allow profile osd", "osd", "allow *"],
        "client.rgw": ["mon", "allow *", "osd", "allow *"],
    }
    command = ["ceph-authtool", "--create-keyring", f"{folder}/keyring"]
    for name, caps in entities.items():
        pairs = [part for index in range(0, len(caps), 2) for part in ("--cap", caps[index], caps[index + 1])]
        subprocess.run([*command, "--gen-key", "-n", name, *pairs], check=True, capture_output=True, env=_environ())
        command = ["ceph-authtool", f"{folder}/keyring"]


def _write_certificates(folder: Path) -> None:
    """An authority, and the gateway's certificate by it."""
    now = datetime.datetime.now(datetime.UTC)
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def signed(name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peers")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=True)
            .sign(authority, hashes.SHA256())
        )

    ca = signed("peers", authority, x509.BasicConstraints(ca=True, path_length=None))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    key = server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(signed("gateway", server, address).public_bytes(pem) + key)
