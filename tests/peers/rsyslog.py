"""rsyslog, listening for RFC 5424 over mutual TLS, each message counted in octets; what it kept is in a file."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers import end, free_port, missing, wait_for_port
from tests.peers.certificates import Authority

CLIENT = "bailiwick.eu-de-1"
"""The one name whose certificate it takes."""

_CONFIGURATION = """
global(
    workDirectory="{folder}"
    maxMessageSize="256k"
    defaultNetstreamDriver="gtls"
    defaultNetstreamDriverCAFile="{folder}/ca.crt"
    defaultNetstreamDriverCertFile="{folder}/server.crt"
    defaultNetstreamDriverKeyFile="{folder}/server.key"
)
module(
    load="imtcp"
    streamDriver.name="gtls"
    streamDriver.mode="1"
    streamDriver.authMode="x509/name"
    permittedPeer=["{client}"]
)
template(name="kept" type="list") {{
    property(name="pri") constant(value=" ")
    property(name="timestamp" dateFormat="rfc3339") constant(value=" ")
    property(name="hostname") constant(value=" ")
    property(name="app-name") constant(value=" ")
    property(name="procid") constant(value=" ")
    property(name="msgid") constant(value=" ")
    property(name="structured-data") constant(value=" ")
    property(name="msg") constant(value="\\n")
}}
ruleset(name="keep") {{
    action(type="omfile" file="{folder}/kept.log" template="kept" fileOwnerNum="0" asyncWriting="off")
}}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="keep")
"""


@dataclass(frozen=True, slots=True)
class Rsyslog:
    port: int
    folder: Path
    authority: Authority

    def kept(self, count: int, within_s: float = 15.0) -> list[str]:
        """The lines that it kept, as soon as there are `count`; or those there are by then."""
        path, deadline = self.folder / "kept.log", time.monotonic() + within_s
        while True:
            lines = path.read_text().splitlines() if path.exists() else []
            if len(lines) >= count or time.monotonic() > deadline:
                return lines
            time.sleep(0.05)


@contextmanager
def rsyslog(folder: Path) -> Iterator[Rsyslog]:
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    driver = next(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"), None)
    if program is None or driver is None:
        missing("rsyslog with TLS", "apt install rsyslog rsyslog-gnutls")
    authority, port = Authority(), free_port()
    authority.server("localhost", "127.0.0.1").written(folder, "server")
    (folder / "ca.crt").write_text(authority.certificate)
    configuration = folder / "rsyslog.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, client=CLIENT, port=port))
    command = [program, "-n", "-f", str(configuration), "-i", str(folder / "rsyslog.pid")]
    with (folder / "rsyslog.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        yield Rsyslog(port, folder, authority)
    finally:
        end(process)
