"""Changes by the operator, who signs again what was changed: the checkpoints that others have seen, and strict formats, tell."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import Any

from audit import bundle, canonical
from audit.checkpoint import Checkpoint, decode, origin
from audit.tlogproof import TlogProof
from cell.notes import Signer, sign
from tests.audit.logs import REGION, Log
from tests.audit.verifier.spellings import respelled
from tests.audit.verifier.world import ENTRIES, Case, Files, World, proof, signed_again


def with_lines(world: World, files: Files, lines: list[bytes]) -> Files:
    """With other entries, their count told and all signed again, but for the checkpoints."""
    data = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    manifest = json.loads(files[bundle.MANIFEST])
    for file in manifest["files"]:
        file.update({"entries": len(lines)} if "entries" in file else {})
    counts = {"entries": len(lines), "end": 10 + len(lines)} if world.chance.random() < 0.5 else {}
    return signed_again(files | {ENTRIES: data}, world.signer, files=manifest["files"], **counts)


# -- Lines: of an operator who signs again, but cannot change the checkpoint that others have seen


def lines_about(world: World) -> Case | None:
    chance, lines = world.chance, gzip.decompress(world.export[ENTRIES]).splitlines()
    before = list(lines)
    place, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(9):
        case 0:
            del lines[place]
        case 1:
            lines.insert(second, lines[place])
        case 2:
            lines[place], lines[second] = lines[second], lines[place]
        case 3:
            chance.shuffle(lines)
        case 4:
            lines[place] = chance.choice((world.log.bodies[0], world.log.bodies[35], world.other.bodies[place]))
        case 5:
            lines.insert(place, chance.choice((world.log.entry(), world.other.entry(), b"", b"{}", b"[]", b"null")))
        case 6:
            lines[place] = lines[place].replace(b"2026", b"2025")
        case 7:
            lines[place] = respelled(chance, lines[place])
        case _:
            lines = lines[:place]
    return None if lines == before else Case("lines about", with_lines(world, world.export, lines))


def checkpoints_about(world: World) -> Case | None:
    """Old checkpoints, forks' and other workspaces', in a manifest that was made to fit."""
    chance = world.chance
    name = chance.choice((bundle.CHECKPOINT_NEW, bundle.CHECKPOINT_OLD))
    log = chance.choice((world.log, world.other, world.fork, world.late_fork))
    note = log.checkpoint(chance.choice((1, 9, 10, 11, 29, 30, 31, 40)))
    if note.encode() == world.export[name] or (log is world.late_fork and name == bundle.CHECKPOINT_OLD):
        return None
    files = signed_again(world.export | {name: note.encode()}, world.signer)
    if chance.random() < 0.5:
        size = int(note.split("\n")[1])
        counts = {"first": size} if name == bundle.CHECKPOINT_OLD else {"end": size}
        manifest = json.loads(files[bundle.MANIFEST]) | counts
        if manifest["end"] < manifest["first"]:
            return None
        files = signed_again(files, world.signer, **counts, entries=manifest["end"] - manifest["first"])
    return Case("checkpoints about", files)


# -- Spelling: of an operator who signs again, checkpoints too


def respelled_entry(world: World) -> Case | None:
    """In a log that holds it, and is signed as it stands."""
    place = world.chance.randrange(10, 30)
    body = respelled(world.chance, world.log.bodies[place])
    log = Log(world.signer, world.log.workspace, [*world.log.bodies[:place], body, *world.log.bodies[place + 1 :]])
    if world.chance.random() < 0.3:
        return Case("respelled entry of a proof", proof(log, place, 33).to_text().encode())
    return Case("respelled entry", world.written(log, 10, 30)[1])


def respelled_manifest(world: World) -> Case | None:
    data = respelled(world.chance, world.export[bundle.MANIFEST])
    return Case("respelled manifest", signed_again(world.export, world.signer, data), world.chance.random() < 0.7)


def respelled_certificate(world: World) -> Case | None:
    data = respelled(world.chance, world.certificates[0][:-1])
    return Case("respelled certificate", data + b"\n", world.chance.random() < 0.7)


def other_members(world: World) -> Case | None:
    """A canonical manifest whose members are not what version 1 says, or not true."""
    manifest: dict[str, Any] = json.loads(world.export[bundle.MANIFEST])
    place: Any = world.chance.choice(
        (manifest, manifest, manifest["files"][world.chance.randrange(len(manifest["files"]))])
    )
    name = world.chance.choice(sorted(place))
    if name in ("cell", "organization", "requested_at", "previous_manifest_sha256"):
        if world.chance.random() < 0.5:
            return None
        place[name] = world.chance.choice((1, True, [], {}, "0" * 63))
        if name != "previous_manifest_sha256" and place[name] == "0" * 63:
            return None
    else:
        values: list[Any] = [None, True, False, -1, 0, 1, 31, (1 << 53) - 1, "", "x", "é", [], {}, [None], ["AAAA"]]
        value = world.chance.choice([*values, json.loads(world.others[bundle.MANIFEST]).get(name, 5)])
        if value == place[name] and type(value) is type(place[name]):
            return None
        if world.chance.random() < 0.2:
            del place[name]
        else:
            place[name] = value
    if "origin" not in manifest or not isinstance(manifest["origin"], str):
        manifest["origin"] = 5
    data = canonical.dumps(manifest)
    note = sign(bundle.manifest_text(origin(REGION, world.log.workspace), sha256(data).hexdigest()), world.signer)
    files = world.export | {bundle.MANIFEST: data, bundle.MANIFEST_NOTE: note.encode()}
    return Case(f"other {name}", files, world.chance.random() < 0.7)


def other_compression(world: World) -> Case | None:
    """The same lines behind another gzip than one member and nothing else."""
    data = world.export[ENTRIES]
    lines = gzip.decompress(data)
    changed = world.chance.choice(
        (
            data + b"\0" * 8,
            data + b"trailing",
            data[:-4],
            data[:-1],
            lines,
            gzip.compress(lines[:200]) + gzip.compress(lines[200:]),
            gzip.compress(lines[:-1]),
            gzip.compress(lines + lines),
            gzip.compress(lines.replace(b"\n", b"\r\n")),
            gzip.compress(lines + b"x" * 70_000 + b"\n"),
            gzip.compress(lines + b"\n"),
            gzip.compress(b"\xef\xbb\xbf" + lines),
            data[:10] + world.chance.randbytes(40),
        )
    )
    return Case("other compression", signed_again(world.export | {ENTRIES: changed}, world.signer))


def other_note(world: World) -> Case | None:
    """The same text under another signature line, or another text under the same."""
    chance = world.chance
    text, _, lines = world.export[bundle.MANIFEST_NOTE].decode().rpartition("\n\n")
    name, encoded = lines[2:-1].split(" ")
    spaced = chance.choice(("\u00a0", "\u2003", "\u3000", "\u0085", "\t", "\x1c", "  ", "\u200b", ""))
    raw = decode(encoded) or b""
    short, stranger = Signer.from_seed(name, bytes(32)).vkey.split("+")[1], world.stranger.signature_line(f"{text}\n")
    changed = chance.choice(
        (
            f"{text}\n\n{lines}{lines[:-2]}\n",
            f"{text}\n\n— {name}{spaced or 'x'} {encoded}\n",
            f"{text}\n\n—{spaced}{name} {encoded}\n" if spaced else f"{text}\n\n- {name} {encoded}\n",
            f"{text}\n\n— {name} {encoded}=\n",
            f"{text}\n\n— {name} {encoded[:-2]}{'A' if encoded[-2] == '=' else '='}=\n",
            f"{text}\n\n— {name}+{short} {encoded}\n",
            f"{text}\n\n{stranger}",
            f"{text}\n\n{lines.replace(name, name.upper())}",
            f"{text}\n\n\n{lines}",
            f"\n{text}\n\n{lines}",
            f"{text.replace('v1', 'v2')}\n\n{lines}",
            f"{text}\r\n\n{lines}",
            f"{text}\n\n{lines * 101}",
            f"{text}\n\n" + Signer.from_seed(name.replace("de", "fr"), bytes(32)).signature_line(f"{text}\n"),
            f"{text}\n\n— {name} " + bundle.encode(raw[:4] + raw[4:][::-1]) + "\n",
        )
    )
    return Case("other note", world.export | {bundle.MANIFEST_NOTE: changed.encode()}, chance.random() < 0.7)


def wrong_checkpoint(world: World) -> Case | None:
    """A proof under a checkpoint that the cell signed, but that is spelled as none is, or of another log."""
    chance, held = world.chance, TlogProof.parse(world.proofs[0].decode())
    tree = Checkpoint.parse(held.checkpoint.rpartition("\n\n")[0] + "\n")
    name, root = tree.origin, bundle.encode(tree.root)
    text = chance.choice(
        (
            f"{name}\n0{tree.size}\n{root}\n",
            f"{name}\n{tree.size}\n{root}\nextension\n",
            f"{name}\n{tree.size}\n{root[:-1]}\n",
            f"{name}\n{tree.size}\n",
            f"{name}\n-{tree.size}\n{root}\n",
            f"{name}\n{'9' * 20}\n{root}\n",
            f"{name}\n{'9' * 19}\n{root}\n",
            f"{name}\n{tree.size * 4}\n{root}\n",
            f"{name}\n{held.index}\n{root}\n",
            f"{name}\n٣٣\n{root}\n",
            f"{origin(REGION, world.other.workspace)}\n{tree.size}\n{root}\n",
            f"{origin('us-1', world.log.workspace)}\n{tree.size}\n{root}\n",
            f"{origin(REGION, 'cell')}\n{tree.size}\n{root}\n",
            f"{name}/x\n{tree.size}\n{root}\n",
            f"audit\n{tree.size}\n{root}\n",
        )
    )
    return Case(
        "wrong checkpoint", TlogProof(held.index, held.path, sign(text, world.signer), held.extra).to_text().encode()
    )
