"""The part of OCSF 1.8.0 that Bailiwick's events use, and a strict reading of it.

``python -m tests.audit.formats.ocsf_schema COMPILED`` writes tests/vectors/ocsf/schema.json anew from the whole schema as
``python -m ocsf.compile`` gives it (`COMPILED`, gzip).
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[2] / "vectors/ocsf/schema.json"

_CLASSES = (
    "account_change",
    "api_activity",
    "application_error",
    "application_lifecycle",
    "authentication",
    "base_event",
    "datastore_activity",
    "entity_management",
    "user_access",
)
_OBJECTS = (
    "account",
    "actor",
    "ai_model",
    "api",
    "cloud",
    "databucket",
    "fingerprint",
    "http_response",
    "managed_entity",
    "message_context",
    "metadata",
    "network_endpoint",
    "object",
    "organization",
    "product",
    "programmatic_credential",
    "request",
    "resource_details",
    "response",
    "service",
    "user",
)
_OWN = {
    ("api_activity", "actor"),
    ("api_activity", "api"),
    ("datastore_activity", "actor"),
    *((name, "actor") for name in _CLASSES if name not in ("application_error", "application_lifecycle", "base_event")),
}
"""What a class has of its own although the compiler marks it with a profile that also has it."""


def extract(compiled: Path) -> dict[str, Any]:
    """The used part of the whole schema, without its prose."""
    whole = json.loads(gzip.decompress(compiled.read_bytes()))
    classes = {
        name: {
            "uid": whole["classes"][name]["uid"],
            "caption": whole["classes"][name]["caption"],
            "category": whole["classes"][name]["category"],
            "profiles": whole["classes"][name]["profiles"],
            "constraints": whole["classes"][name]["constraints"],
            "attributes": _attributes(whole["classes"][name]),
        }
        for name in _CLASSES
    }
    objects = {
        name: {
            "constraints": whole["objects"][name]["constraints"],
            "attributes": _attributes(whole["objects"][name]),
        }
        for name in _OBJECTS
    }
    types = {
        name: {key: found[key] for key in ("type", "max_len", "range", "regex")}
        for name, found in whole["types"].items()
    }
    categories = {
        name: {key: found.get(key) for key in ("uid", "caption")} for name, found in whole["categories"].items()
    }
    return {
        "version": whole["version"],
        "categories": categories,
        "types": types,
        "classes": classes,
        "objects": objects,
    }


def _attributes(owner: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, found in sorted(owner["attributes"].items()):
        attribute = {"type": found["type"], "requirement": found["requirement"]}
        if found["is_array"]:
            attribute["is_array"] = True
        for key in ("profile", "sibling"):
            if found[key] is not None:
                attribute[key] = found[key]
        if found["@deprecated"]:
            attribute["deprecated"] = True
        if found["enum"]:
            attribute["enum"] = {value: item["caption"] for value, item in found["enum"].items()}
        kept[name] = attribute
    return kept


@cache
def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())  # type: ignore[no-any-return]


def problems(event: dict[str, Any]) -> list[str]:
    """Everything that is wrong with an event; nothing that the schema does not describe is let pass."""
    whole = schema()
    named = {found["uid"]: name for name, found in whole["classes"].items()}
    if event.get("class_uid") not in named:
        return ["class_uid: no such class"]
    name = named[event["class_uid"]]
    class_ = whole["classes"][name]
    profiles = set(event.get("metadata", {}).get("profiles", []))
    found = list(_object(name, class_, event, profiles, name))
    found += [f"profile {profile} is not of this class" for profile in profiles - set(class_["profiles"])]
    category = whole["categories"].get(class_["category"], {"uid": 0, "caption": "Uncategorized"})
    for key, expected in {
        "category_uid": category["uid"],
        "category_name": category["caption"],
        "class_name": class_["caption"],
        "type_uid": class_["uid"] * 100 + event["activity_id"],
    }.items():
        if event.get(key) != expected:
            found.append(f"{key}: {event.get(key)!r} instead of {expected!r}")
    if event["metadata"]["version"] != whole["version"]:
        found.append("metadata.version: another version")
    return found


def _object(
    path: str, owner: dict[str, Any], value: dict[str, Any], profiles: set[str], class_name: str = ""
) -> Iterator[str]:
    attributes = owner["attributes"]
    for name in value.keys() - attributes.keys():
        yield f"{path}.{name}: not in the schema"
    for name, attribute in attributes.items():
        profile = attribute.get("profile")
        applies = profile is None or profile in profiles or (class_name, name) in _OWN
        if name not in value:
            if applies and attribute["requirement"] == "required":
                yield f"{path}.{name}: missing"
            continue
        if not applies:
            yield f"{path}.{name}: of a profile that the event does not name"
        if attribute.get("deprecated"):
            yield f"{path}.{name}: deprecated"
        yield from _attribute(f"{path}.{name}", attribute, value[name], profiles)
        yield from _sibling(path, name, attribute, value)
    for kind, names in (owner["constraints"] or {}).items():
        there = sum(name in value for name in names)
        if there < 1 or (kind == "just_one" and there > 1):
            yield f"{path}: {kind} of {', '.join(names)}"


def _sibling(path: str, name: str, attribute: dict[str, Any], value: dict[str, Any]) -> Iterator[str]:
    """What stands beside a number says the same in words; beside 99 it says what the schema has no number for."""
    sibling, captions = attribute.get("sibling"), attribute.get("enum", {})
    if sibling is None or sibling not in value:
        if sibling is not None and value[name] == 99:
            yield f"{path}.{sibling}: missing beside 99"
    elif name != "type_uid" and value[name] != 99 and value[sibling] != captions.get(str(value[name])):
        yield f"{path}.{sibling}: {value[sibling]!r} is not the name of {value[name]}"


def _attribute(path: str, attribute: dict[str, Any], value: Any, profiles: set[str]) -> Iterator[str]:
    if not attribute.get("is_array"):
        yield from _value(path, attribute, value, profiles)
    elif not isinstance(value, list):
        yield f"{path}: not a list"
    else:
        for number, item in enumerate(value):
            yield from _value(f"{path}[{number}]", attribute, item, profiles)


def _value(path: str, attribute: dict[str, Any], value: Any, profiles: set[str]) -> Iterator[str]:
    whole, name = schema(), attribute["type"]
    if name not in whole["types"]:
        if not isinstance(value, dict):
            yield f"{path}: not an object"
        elif name not in whole["objects"]:
            yield f"{path}: an object that this part of the schema leaves out"
        elif name != "object":  # any object
            yield from _object(path, whole["objects"][name], value, profiles)
        return
    type_ = whole["types"][name]
    base = type_["type"] or name
    python = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": float, "json_t": object}
    if not isinstance(value, python[base]) or (isinstance(value, bool) and base in ("integer_t", "long_t")):
        yield f"{path}: not of type {name}"
        return
    if isinstance(value, str):
        if type_["max_len"] is not None and len(value) > type_["max_len"]:
            yield f"{path}: too long"
        if type_["regex"] is not None and re.search(type_["regex"], value) is None:
            yield f"{path}: not in the form of {name}"
    if type_["range"] is not None and not type_["range"][0] <= value <= type_["range"][1]:
        yield f"{path}: out of range"
    if attribute.get("enum") and str(value) not in attribute["enum"]:
        yield f"{path}: {value!r} has no meaning"


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(extract(Path(sys.argv[1])), indent=1, sort_keys=True) + "\n")
