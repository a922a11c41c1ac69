"""The JSON of a policy: reading it with every problem named by its path, and writing it. See docs/formats/redaction-policy.md."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .action import ACTIONS, Action
from .announcing import ANNOUNCING
from .charset import ExpressionError
from .context import split
from .errors import PolicyError
from .expression import LONGEST_EXPRESSION, read
from .fields import Fields, Problems
from .finding import TYPES
from .policy_checks import MOST_PATTERNS, MOST_WORDS, check_rules, check_totals
from .sections import (
    DENIED,
    AllowList,
    Check,
    CustomRule,
    DenyList,
    Entity,
    EvidenceHash,
    Form,
    OnError,
    OutputScan,
    Recogniser,
    Routes,
)
from .word_list import plain

if TYPE_CHECKING:
    from .policy import Policy

MOST_RULES: Final = 100
LONGEST_WORD: Final = 128
MOST_CONTEXT_WORDS: Final = 50
MOST_DOMAINS: Final = 500
LONGEST_LABEL: Final = 24
_FIELDS: Final = (
    "version",
    "languages",
    "countries",
    "default_action",
    "on_error",
    "entities",
    "custom",
    "allow",
    "deny",
    "placeholder",
    "routes",
    "output_scan",
    "evidence",
    "gazetteer",
    "ner",
)
_RULE: Final = ("id", "label", "pattern", "words", "flags", "check", "context", "action")
_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")


def read_policy(document: str | bytes | Mapping[str, Any], *, checking: bool = True) -> dict[str, Any]:
    """The fields of a `Policy`. Raises PolicyError with all that is wrong; not `checking` trusts what was checked before."""
    if isinstance(document, (str, bytes)):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            raise PolicyError((("policy", "is not valid JSON"),)) from None
    problems = Problems(checking=checking)
    fields = Fields(problems, "", document, _FIELDS, '{"version": 1}')
    version = fields.get("version")
    if isinstance(document, Mapping) and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        fields.wrong("version", "must be a whole number from 1")
    custom = tuple(
        _custom(problems, path, given)
        for path, given in fields.items("custom", most=MOST_RULES, example='[{"id": "…", "label": "…"}]')
    )
    allow = _allow(problems, fields.get("allow") if fields.has("allow") else {})
    deny = _deny(problems, fields.get("deny") if fields.has("deny") else {})
    policy: dict[str, Any] = {
        "version": version,
        "languages": fields.texts("languages", most=40, longest=2, check=_language),
        "countries": fields.texts("countries", most=60, longest=2, check=_country),
        "default_action": fields.word("default_action", Action, Action.REVERSIBLE),
        "on_error": fields.word("on_error", OnError, OnError.BLOCK),
        "entities": _entities(problems, fields.get("entities") if fields.has("entities") else {}),
        "custom": custom,
        "allow": allow,
        "deny": deny,
        "placeholder": _section(problems, fields, "placeholder", "format", Form, Form.TYPED),
        "routes": _routes(problems, fields.get("routes") if fields.has("routes") else {}),
        "output_scan": fields.word("output_scan", OutputScan, OutputScan.OFF),
        "gazetteer": fields.flag("gazetteer", False),
        "ner": _recogniser(problems, fields.get("ner") if fields.has("ner") else "off"),
        "evidence_hash": _section(problems, fields, "evidence", "hash", EvidenceHash, EvidenceHash.NONE),
    }
    check_rules(problems, custom)
    check_totals(problems, custom, allow, deny)
    if problems.found:
        raise PolicyError(problems.found)
    return policy


def write_policy(policy: Policy) -> dict[str, Any]:
    """What differs from the default, and always version, default action and entities."""
    ner = policy.ner
    sections: dict[str, Any] = {
        "ner": {} if ner is None else {"model": ner.model, "min_score": ner.min_score},
        "gazetteer": policy.gazetteer,
        "languages": list(policy.languages),
        "countries": list(policy.countries),
        "on_error": "" if policy.on_error is OnError.BLOCK else policy.on_error.value,
        "custom": [_written_rule(rule) for rule in policy.custom],
        "allow": _filled(
            values=list(policy.allow.values), patterns=list(policy.allow.patterns), domains=list(policy.allow.domains)
        ),
        "deny": _filled(
            values=list(policy.deny.values),
            patterns=list(policy.deny.patterns),
            action=policy.deny.action and policy.deny.action.value,
        ),
        "placeholder": {} if policy.placeholder is Form.TYPED else {"format": policy.placeholder.value},
        "routes": dict.fromkeys(sorted(policy.routes.left_out), False),
        "output_scan": "" if policy.output_scan is OutputScan.OFF else policy.output_scan.value,
        "evidence": {} if policy.evidence_hash is EvidenceHash.NONE else {"hash": policy.evidence_hash.value},
    }
    return {
        "version": policy.version,
        "default_action": policy.default_action.value,
        "entities": {kind: _written_entity(entity) for kind, entity in policy.entities.items()},
        **_filled(**sections),
    }


# Sections -------------------------------------------------------------------------------------------------------------


def _section(problems: Problems, fields: Fields, name: str, field: str, words: Any, default: Any) -> Any:
    """The one word of a section that has one field."""
    given = fields.get(name) if fields.has(name) else {}
    example = f'{{"{field}": "{default}"}}'
    return Fields(problems, name, given, (field,), example).word(field, words, default)


def _entities(problems: Problems, given: object) -> dict[str, Entity]:
    if not isinstance(given, Mapping):
        problems.add("entities", 'must be an object such as {"IBAN": {"action": "mask"}}')
        return {}
    entities = {}
    for kind, each in given.items():
        if kind not in TYPES:
            shown = kind if isinstance(kind, str) and _LABEL.fullmatch(kind) and len(kind) <= LONGEST_LABEL else "?"
            problems.add(f"entities.{shown}", f"no such type; this version finds {', '.join(TYPES)}")
            continue
        path = f"entities.{kind}"
        fields = Fields(problems, path, each, ("action", "min_score", "context"), '{"action": "mask"}')
        if isinstance(each, Mapping) and "action" not in each:
            fields.wrong("action", f"is missing; one of {ACTIONS}")
        context = fields.get("context") if fields.has("context") else "optional"
        if context not in ("required", "optional"):
            fields.wrong("context", "must be one of required, optional")
        elif context == "required" and kind not in ANNOUNCING:
            fields.wrong("context", "cannot be required: what announces names and addresses is how they are found")
        action = fields.word("action", Action, Action.REVERSIBLE)
        score = fields.number("min_score", 0.0, least=0.0, most=1.0)
        entities[kind] = Entity(action, score, context == "required")
    return entities


def _custom(problems: Problems, path: str, given: object) -> CustomRule:
    fields = Fields(problems, path, given, _RULE, '{"id": "staff", "label": "STAFF", "pattern": "EMP-[0-9]{6}"}')
    if not isinstance(given, Mapping):
        return CustomRule("", "")
    rule = CustomRule(
        id=fields.text("id", longest=40),
        label=fields.text("label", longest=LONGEST_LABEL),
        pattern=fields.text("pattern", longest=LONGEST_EXPRESSION),
        words=fields.texts("words", most=MOST_WORDS, longest=LONGEST_WORD, check=_words),
        flags=fields.text("flags", longest=2),
        check=fields.word("check", Check, Check.NONE),
        context=fields.texts("context", most=MOST_CONTEXT_WORDS, longest=LONGEST_WORD, check=_context),
        action=fields.optional_word("action", Action),
    )
    if not _ID.fullmatch(rule.id):
        fields.wrong("id", "must be lower-case letters, digits and hyphens, such as staff-number")
    if not _LABEL.fullmatch(rule.label):
        fields.wrong("label", "must be capital letters and single underscores, such as STAFF_NUMBER")
    elif rule.label == DENIED:
        fields.wrong("label", "is the type of what `deny` finds; choose another")
    if fields.has("pattern") == fields.has("words"):
        fields.wrong("pattern", "give either a pattern or words")
    elif not rule.words and fields.has("words"):
        fields.wrong("words", "must hold a word at least")
    if not set(rule.flags) <= {"i", "s"}:
        fields.wrong("flags", "must be made of i (any case) and s (the dot matches a line feed)")
    elif fields.has("pattern") and problems.checking:
        problem = _pattern(rule.pattern, rule.flags)
        if problem:
            fields.wrong("pattern", problem)
    return rule


def _allow(problems: Problems, given: object) -> AllowList:
    fields = Fields(problems, "allow", given, ("values", "patterns", "domains"), '{"domains": ["example.com"]}')
    return AllowList(
        values=fields.texts("values", most=MOST_WORDS, longest=LONGEST_WORD, check=_words),
        patterns=fields.texts("patterns", most=MOST_PATTERNS, longest=LONGEST_EXPRESSION, check=_pattern),
        domains=fields.texts("domains", most=MOST_DOMAINS, longest=253, check=_domain),
    )


def _deny(problems: Problems, given: object) -> DenyList:
    fields = Fields(problems, "deny", given, ("values", "patterns", "action"), '{"values": ["Project Aurora"]}')
    return DenyList(
        values=fields.texts("values", most=MOST_WORDS, longest=LONGEST_WORD, check=_words),
        patterns=fields.texts("patterns", most=MOST_PATTERNS, longest=LONGEST_EXPRESSION, check=_pattern),
        action=fields.optional_word("action", Action),
    )


def _recogniser(problems: Problems, given: object) -> Recogniser | None:
    if given == "off":
        return None
    fields = Fields(problems, "ner", given, ("model", "min_score"), '{"model": "demo-names"}, or "off"')
    if isinstance(given, Mapping) and not _MODEL.fullmatch(fields.text("model", longest=80)):
        fields.wrong("model", "must be the name of a served model, such as demo-names")
    return Recogniser(fields.text("model", longest=80), fields.number("min_score", 0.5, least=0.0, most=1.0))


def _routes(problems: Problems, given: object) -> Routes:
    fields = Fields(problems, "routes", given, ("system", "tools", "tool_results"), '{"system": false}')
    return Routes(*(fields.flag(name, True) for name in ("system", "tools", "tool_results")))


# Single values --------------------------------------------------------------------------------------------------------


def _language(text: str) -> str | None:
    fine = len(text) == 2 and text.isascii() and text.isalpha() and text.islower()
    return None if fine else "must be a language of two small letters, such as de"


def _country(text: str) -> str | None:
    fine = len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()
    return None if fine else "must be a country of two capital letters, such as DE"


def _domain(text: str) -> str | None:
    return None if _DOMAIN.fullmatch(text) else "must be a domain in small letters, such as example.com"


def _pattern(text: str, flags: str = "") -> str | None:
    try:
        read(text, caseless="i" in flags, dot_all="s" in flags)
    except ExpressionError as error:
        return str(error)
    return None


def _words(text: str) -> str | None:
    try:
        plain(text)
    except ExpressionError as error:
        return str(error)
    return None


def _context(text: str) -> str | None:
    problem = _words(text)
    if problem is None and not split(plain(text)):
        problem = "must have a letter or digit"
    return problem


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _written_entity(entity: Entity) -> dict[str, Any]:
    return {
        "action": entity.action.value,
        **_filled(min_score=entity.min_score, context="required" if entity.context_required else ""),
    }


def _written_rule(rule: CustomRule) -> dict[str, Any]:
    return _filled(
        id=rule.id,
        label=rule.label,
        pattern=rule.pattern,
        words=list(rule.words),
        flags=rule.flags,
        check="" if rule.check is Check.NONE else rule.check.value,
        context=list(rule.context),
        action=rule.action and rule.action.value,
    )
