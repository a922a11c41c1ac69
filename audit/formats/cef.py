"""Entries as lines of the ArcSight Common Event Format, version 0 (Implementing ArcSight CEF, revision 25).

    CEF:0|vendor|product|version|event class|name|severity|key=value key=value …

Escapes, which are not the same everywhere: in the header `\\` and `|`; in a value `\\`, `=` and line ends. A key's value ends
where the next ` key=` begins, so nothing else needs quoting. Keys and lengths are those of the format's dictionary.
"""

from __future__ import annotations

import msgspec

from audit.formats.line import Line
from audit.formats.meanings import Outcome, Severity

MAPPING = "1"
"""Stands for the device's version. Grows when the same entry would give another line."""
LONGEST_CUSTOM = 4000
"""Characters in one of the custom strings cs1 to cs6."""

_SEVERITIES = {
    Severity.INFORMATIONAL: 1,
    Severity.LOW: 3,
    Severity.MEDIUM: 5,
    Severity.HIGH: 8,
    Severity.CRITICAL: 10,
}
_OUTCOMES = {Outcome.SUCCESS: "success", Outcome.FAILURE: "failure", Outcome.UNKNOWN: "unknown"}
_HEADER = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "\r": " "})
_VALUE = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"})
_encode = msgspec.json.Encoder(order="deterministic").encode


def header(text: str) -> str:
    """`text` as a field of the header, which can hold no line end."""
    if "\\" in text or "|" in text or "\n" in text or "\r" in text:
        return text.translate(_HEADER)
    return text


def value(text: str) -> str:
    """`text` as the value of a key."""
    # Most values need nothing, and to find that out is much quicker than to translate.
    if "\\" in text or "=" in text or "\n" in text or "\r" in text:
        return text.translate(_VALUE)
    return text


def write(line: Line) -> bytes:
    """One line in UTF-8, without its newline."""
    entry = line.entry
    heading = (
        f"CEF:0|Bailiwick|Bailiwick|{MAPPING}|{header(entry.action)}|{header(line.meaning.name)}"
        f"|{_SEVERITIES[line.severity]}|rt={line.milliseconds}"
    )
    # At most 40 characters, which a whole id can exceed: the number in it, that is, without tag and cell.
    number = entry.id.rpartition("_")[2]
    fields = (
        ("externalId", number),
        ("act", entry.action),
        ("outcome", _OUTCOMES[line.outcome]),
        ("cat", entry.action.partition(".")[0]),
        ("deviceExternalId", entry.cell),
        ("dvchost", line.log.region),
        ("suid", line.actor),
        ("sourceServiceName", entry.actor.auth),
        ("spriv", entry.scope),
        ("duid", line.member),
        ("requestContext", line.request),
        ("reason", line.field("cause")),
    )
    labelled = (
        ("cn1", str(line.seq), "sequence"),
        ("cs1", line.log.origin, "log"),
        ("cs2", line.sha256, "entrySha256"),
        ("cs3", entry.organization, "organization"),
        ("cs4", " ".join(entry.targets), "targets"),
        ("cs5", _json(entry.before), "before"),
        ("cs6", _json(entry.after), "after"),
        ("flexString1", line.leaf_hash, "leafHash"),
    )
    parts = [heading]
    parts += [f"{key}={value(text)}" for key, text in fields if isinstance(text, str) and text]
    parts += [f"{key}={value(text)} {key}Label={label}" for key, text, label in labelled if text]
    return " ".join(parts).encode()


def _json(fields: object) -> str:
    """Left out where it is too long for a custom string: cut off, it would be read as something else."""
    text = "" if not fields else _encode(fields).decode()
    return text if len(text) <= LONGEST_CUSTOM else ""
