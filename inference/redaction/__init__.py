"""Redaction: finds personal data in text, replaces it with placeholders, and restores it in answers.

Pure Python beside Vectorscan; it imports neither Django nor torch and knows nothing of cells or workspaces:

    from inference.redaction import Redactor

    redacted, placeholders = Redactor().redact("Write to anna@example.com")   # "Write to [[EMAIL_1]]"
    placeholders.restore("I wrote to [[EMAIL_1]].")                           # "I wrote to anna@example.com."
"""

from __future__ import annotations

from .action import Action
from .compiled_policy import CompiledPolicy
from .errors import Blocked, PolicyError, RedactionError, ScanFailed, TextTooLong
from .evidence import Evidence
from .finding import TYPES, Finding
from .framed import Framed, Leaf, expanded
from .ner import NerProvider, NerSpan, Recognised
from .output import OutputChannel, OutputFilter
from .placeholders import PlaceholderMap
from .policy import Policy
from .redactor import MAX_CHARACTERS, Redactor
from .sections import Entity, OnError, OutputScan, Recogniser
from .stream import RestoringStream

__all__ = [
    "MAX_CHARACTERS",
    "TYPES",
    "Action",
    "Blocked",
    "CompiledPolicy",
    "Entity",
    "Evidence",
    "Finding",
    "Framed",
    "Leaf",
    "NerProvider",
    "NerSpan",
    "OnError",
    "OutputChannel",
    "OutputFilter",
    "OutputScan",
    "PlaceholderMap",
    "Policy",
    "PolicyError",
    "Recognised",
    "Recogniser",
    "RedactionError",
    "Redactor",
    "RestoringStream",
    "ScanFailed",
    "TextTooLong",
    "expanded",
]
