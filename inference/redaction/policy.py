"""Policy: what to do with each type of finding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from .errors import PolicyError
from .finding import IRREVERSIBLE, TYPES


class Action(StrEnum):
    """What happens to a finding."""

    REVERSIBLE = "reversible"
    """It becomes a placeholder, which is put back into the answer."""
    MASK = "mask"
    """It becomes a placeholder, which stays."""
    BLOCK = "block"
    """The request is refused (`errors.Blocked`)."""
    FLAG = "flag"
    """It stays in the text and is counted."""
    ALLOW = "allow"
    """It is not looked for."""


_ACTIONS: Final = ", ".join(Action)
_FIELDS: Final = ("version", "default_action", "entities", "gazetteer")


@dataclass(frozen=True, slots=True)
class Policy:
    """Version and actions of a redaction policy.

    `actions` holds what is said for single types, `default_action` counts for the others; but card numbers and secrets are
    put back into answers only where `actions` itself says ``reversible``. With `gazetteer`, a list of given names helps to find
    names that no cue tells.
    """

    version: int = 1
    actions: Mapping[str, Action] = field(default_factory=dict)
    default_action: Action = Action.REVERSIBLE
    gazetteer: bool = False

    def __post_init__(self) -> None:
        for kind in self.actions:
            if kind not in TYPES:
                raise PolicyError(f"entities.{kind}", f"no such type; this version finds {', '.join(TYPES)}")
        object.__setattr__(self, "actions", MappingProxyType(dict(self.actions)))

    def action(self, kind: str) -> Action:
        """What to do with a finding of type `kind`."""
        action = self.actions.get(kind)
        if action is not None:
            return action
        if self.default_action is Action.REVERSIBLE and kind in IRREVERSIBLE:
            return Action.MASK
        return self.default_action

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> Policy:
        """The policy of a JSON document, or of an already parsed one.

        ``{"version": 3, "default_action": "reversible", "entities": {"IBAN": {"action": "block"}}}``; `version` is
        required. Raises PolicyError, whose `field` is the path of what is wrong.
        """
        if isinstance(document, (str, bytes)):
            try:
                document = json.loads(document)
            except ValueError as error:
                raise PolicyError("policy", "is not valid JSON") from error
        if not isinstance(document, Mapping):
            raise PolicyError("policy", "must be a JSON object")
        _refuse_unknown("", document, _FIELDS)
        version = document.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise PolicyError("version", "must be a whole number from 1")
        entities = document.get("entities", {})
        if not isinstance(entities, Mapping):
            raise PolicyError("entities", 'must be an object such as {"IBAN": {"action": "mask"}}')
        gazetteer = document.get("gazetteer", False)
        if not isinstance(gazetteer, bool):
            raise PolicyError("gazetteer", "must be true or false")
        return cls(
            version=version,
            actions={kind: _entity_action(kind, entity) for kind, entity in entities.items()},
            default_action=_action("default_action", document.get("default_action", Action.REVERSIBLE)),
            gazetteer=gazetteer,
        )

    def to_json(self) -> dict[str, Any]:
        """The document that `from_json` reads."""
        document: dict[str, Any] = {
            "version": self.version,
            "default_action": self.default_action.value,
            "entities": {kind: {"action": action.value} for kind, action in self.actions.items()},
        }
        return {**document, "gazetteer": True} if self.gazetteer else document


def _entity_action(kind: str, entity: object) -> Action:
    path = f"entities.{kind}"
    if not isinstance(entity, Mapping):
        raise PolicyError(path, 'must be an object such as {"action": "mask"}')
    _refuse_unknown(f"{path}.", entity, ("action",))
    if "action" not in entity:
        raise PolicyError(f"{path}.action", f"is missing; one of {_ACTIONS}")
    return _action(f"{path}.action", entity["action"])


def _action(path: str, value: object) -> Action:
    if isinstance(value, str) and value in Action._value2member_map_:
        return Action(value)
    raise PolicyError(path, f"must be one of {_ACTIONS}")


def _refuse_unknown(prefix: str, document: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in document:
        if name not in known:
            raise PolicyError(f"{prefix}{name}", f"no such field; there are {', '.join(known)}")
