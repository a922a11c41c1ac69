"""The part of the corpus that anybody may look at, and tune the redactor against."""

from .form import TEMPLATES as FORMS
from .labels import LABELS
from .machine import TEMPLATES as MACHINE
from .negative import TEMPLATES as NEGATIVE
from .prose import TEMPLATES as PROSE

__all__ = ["FORMS", "LABELS", "MACHINE", "NEGATIVE", "PROSE"]
