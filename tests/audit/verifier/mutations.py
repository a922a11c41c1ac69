"""Exports, certificates and proof files, changed in ten thousand ways. The same seed gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.audit.verifier import operator_changes as operator
from tests.audit.verifier import stranger_changes as stranger
from tests.audit.verifier.world import Case, World

KINDS: tuple[Callable[[World], Case | None], ...] = (
    stranger.bytes_of_a_file,
    stranger.another_file,
    stranger.bytes_of_a_certificate,
    stranger.bytes_of_a_file,
    stranger.bytes_of_a_proof,
    stranger.bytes_of_the_tar,
    stranger.files_about,
    stranger.spliced_document,
    stranger.whole_of_another,
    operator.checkpoints_about,
    operator.lines_about,
    operator.other_compression,
    operator.other_members,
    operator.other_note,
    operator.respelled_certificate,
    operator.respelled_entry,
    operator.respelled_manifest,
    operator.wrong_checkpoint,
)


def mutations(world: World, count: int) -> Iterator[Case]:
    """`count` cases, none of which is intact."""
    made = 0
    while made < count:
        case = world.chance.choice(KINDS)(world)
        if case is not None:
            made += 1
            yield case
