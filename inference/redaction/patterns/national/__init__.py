"""National and tax identifiers of persons: 27 EU states, EFTA, the United Kingdom and the United States.

One module a region; `identifier.py` says what counts alone and what needs a word. Each module's functions take an identifier
without separators and in upper case, of the form that its pattern's trigger has matched.
"""

from __future__ import annotations

from typing import Final

from ..pattern import Pattern
from . import alps, baltic, benelux, central, france, germany, iberia, isles, mediterranean, nordic, southeast, states

PATTERNS: Final[tuple[Pattern, ...]] = (
    *alps.PATTERNS,
    *baltic.PATTERNS,
    *benelux.PATTERNS,
    *central.PATTERNS,
    *france.PATTERNS,
    *germany.PATTERNS,
    *iberia.PATTERNS,
    *isles.PATTERNS,
    *mediterranean.PATTERNS,
    *nordic.PATTERNS,
    *southeast.PATTERNS,
    *states.PATTERNS,
)
