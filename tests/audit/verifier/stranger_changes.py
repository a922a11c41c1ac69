"""Changes by somebody who holds no key: of bytes, of files, and of whole things for one another."""

from __future__ import annotations

import json
import random

from audit import canonical
from audit.tlogproof import TlogProof
from tests.audit.verifier.world import Case, World, packed

# -- Bytes: anybody's


def changed_bytes(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """`data` with a few bytes flipped, put in, taken out, doubled, swapped, overwritten, or all cut short."""
    place, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 7, 32, 500))
    head, tail = data[:place], data[place:]
    match chance.randrange(8):
        case 0 | 1 if tail:
            return head + bytes([tail[0] ^ 1 << chance.randrange(8)]) + tail[1:]
        case 2:
            return head + chance.randbytes(length) + tail
        case 3:
            return head + tail[length:]
        case 4:
            return head + tail[:length] + tail
        case 5:
            return head + tail[length : 2 * length] + tail[:length] + tail[2 * length :]
        case 6:
            return head + other[place : place + length] + tail[length:]
        case _:
            return head


def bytes_of_a_file(world: World) -> Case | None:
    name = world.chance.choice(sorted(world.export))
    donor = world.chance.choice((world.older, world.newer, world.others, world.forks, world.before))
    data = changed_bytes(world.chance, world.export[name], donor.get(name, b""))
    if data == world.export[name] or _same_note(world.export[name], data):
        return None
    return Case(f"bytes of {name}", world.export | {name: data}, world.chance.random() < 0.7)


def bytes_of_the_tar(world: World) -> Case | None:
    data = changed_bytes(world.chance, world.tar, packed(world.others))
    return None if data == world.tar else Case("bytes of the tar", data, world.chance.random() < 0.7)


def bytes_of_a_certificate(world: World) -> Case | None:
    data = changed_bytes(world.chance, world.certificates[0], world.certificates[1])
    return None if data == world.certificates[0] else Case("bytes of a certificate", data, world.chance.random() < 0.7)


def bytes_of_a_proof(world: World) -> Case | None:
    given = world.chance.choice(world.intact[-2:])
    assert isinstance(given.content, bytes)
    data = changed_bytes(world.chance, given.content, world.proofs[1])
    if data == given.content or _same_note(given.content, data):
        return None
    return Case("bytes of a proof", data, entry=given.entry)


def _same_note(note: bytes, changed: bytes) -> bool:
    """Whether only lines of others were added under a signed text. Those are to be ignored (C2SP signed-note)."""
    text, _, signatures = note.rpartition(b"\n\n")
    return bool(text) and changed.startswith(text + b"\n\n") and signatures in changed


# -- Files: anybody's


def another_file(world: World) -> Case | None:
    """One or more of its files are those of another export."""
    donor = world.chance.choice(
        (world.older, world.newer, world.others, world.forks, world.late_forks, world.before, world.strangers)
    )
    shared = sorted(name for name in world.export if name in donor and donor[name] != world.export[name])
    names = world.chance.sample(shared, world.chance.randint(1, len(shared)))
    files = world.export | {name: donor[name] for name in names}
    return None if files == donor else Case(f"another's {', '.join(names)}", files)


def files_about(world: World) -> Case | None:
    files = dict(world.export)
    name = world.chance.choice(sorted(files))
    second = world.chance.choice(sorted(set(files) - {name}))
    match world.chance.randrange(6):
        case 0:
            del files[name]
        case 1:
            files[name] = b""
        case 2:
            files[name], files[second] = files[second], files[name]
        case 3:
            renamed = world.chance.choice(
                (
                    name.upper(),
                    name.title(),
                    f"{name}.bak",
                    f" {name}",
                    name.replace(".", "．"),
                    f"{name}\u200b",
                    name[:-1],
                )
            )
            if renamed == name:
                return None
            files[renamed] = files.pop(name)
        case 4:
            extra = world.chance.choice(
                ("entries-000000000030-000000000039.ndjson.gz", ".hidden", "e\u0301", "é", "x" * 200)
            )
            files[extra] = world.chance.choice((b"", files[name]))
        case _:
            files[name], files[f"{name}~"] = b"", files[name]
    return None if files == world.export else Case("files about", files, world.chance.random() < 0.7)


def whole_of_another(world: World) -> Case | None:
    """Whole things that are sound, but not what the reader asked for."""
    match world.chance.randrange(4):
        case 0:
            return Case("a stranger's export", world.strangers)
        case 1:
            return Case(
                "a stranger's certificate or proof", world.chance.choice((world.certificates[3], world.proofs[3]))
            )
        case 2:
            donor = world.chance.choice((world.older, world.newer, world.others))
            return Case("another predecessor", donor, previous="before")
        case _:
            entry = world.chance.choice([*world.log.bodies[:21], *world.other.bodies])
            return Case(
                "a proof of another entry",
                world.chance.choice([case.content for case in world.intact[-2:]]),
                entry=entry,
            )


def spliced_document(world: World) -> Case | None:
    """Members of one certificate, or parts of one proof, in another."""
    if world.chance.random() < 0.5:
        one, other = (json.loads(item) for item in world.chance.sample(world.certificates, 2))
        place = world.chance.choice(("statement", "note", "vkeys", "log", "entry", "index", "path", "checkpoint"))
        into, source = (one["log"], other["log"]) if place in one["log"] else (one, other)
        if into[place] == source[place]:
            return None
        into[place] = source[place]
        return None if place == "vkeys" else Case(f"certificate with another's {place}", canonical.dumps(one) + b"\n")
    one, other = (TlogProof.parse(item.decode()) for item in world.chance.sample(world.proofs, 2))
    parts = {name: getattr(one, name) for name in ("index", "path", "checkpoint", "extra")}
    place = world.chance.choice(sorted(parts))
    if parts[place] == getattr(other, place):
        return None
    parts[place] = getattr(other, place)
    made = TlogProof(**parts).to_text().encode()
    return None if made in world.proofs else Case(f"proof with another's {place}", made)
