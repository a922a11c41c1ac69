"use strict";
/* Bailiwick's second verifier: audit exports, certificates and proof files, in one file without dependencies.

   In a browser it is the console's page "Verify", and `bailiwick.verify(input, options)` for others; nothing is sent anywhere.
   With Node 20 or newer: node verify.js PATH [--key VKEY]… (the options of `bailiwick verify`), with the same exit status.

   It was written from the formats' own pages (docs/formats, C2SP, RFC 6962 and 8785) and not from the first verifier, so that a
   mistake in one shows in the other. Merkle proofs, for one, are followed here from the root down, as RFC 6962 defines them. */
(() => {
  const { subtle } = globalThis.crypto ?? {};

  /* ---- What a verification ends in ---- */

  const WORDS = ["intact", "tampered", "incomplete", "unknown signer"];

  class Refusal extends Error {
    constructor(status, message) {
      super(message);
      this.status = status;
    }
  }
  const tampered = (message) => new Refusal(1, message);
  const incomplete = (message) => new Refusal(2, message);
  const untrusted = (message) => new Refusal(3, message);

  /* ---- Bytes and texts ---- */

  const LARGEST_SMALL_FILE = 64 * 2 ** 20;
  const LONGEST_ENTRY = 65535;
  const utf8 = new TextEncoder();
  const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  function textOf(bytes, what) {
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw tampered(`${what} is not text`);
    }
  }

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

  /** The bytes of base64 in its one strict spelling, or null. */
  function fromBase64(text) {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
    let binary;
    try {
      binary = atob(text);
    } catch {
      return null;
    }
    return btoa(binary) === text ? Uint8Array.from(binary, (character) => character.charCodeAt(0)) : null;
  }

  function hashFromBase64(text) {
    const bytes = typeof text === "string" ? fromBase64(text) : null;
    return bytes?.length === 32 ? bytes : null;
  }

  function joined(...parts) {
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);

  async function sha256(bytes) {
    return new Uint8Array(await subtle.digest("SHA-256", bytes));
  }

  /* ---- Canonical JSON (RFC 8785, integers only, ASCII keys, at most 64 deep) ---- */

  /** The object that `text` spells canonically. Duplicate keys, other orders, escapes, numbers or spaces give another text. */
  function canonicalObject(text, what) {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      throw tampered(`${what} is not JSON`);
    }
    if (!isObject(value) || spelled(value, 64) !== text) throw tampered(`${what} is not an object in canonical form`);
    return value;
  }

  function spelled(value, room) {
    if (room < 0) throw tampered("objects and lists are at most 64 deep");
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value)) throw tampered("numbers are integers within ±(2⁵³ - 1)");
      return String(value);
    }
    if (typeof value === "string") {
      if (/\p{Surrogate}/u.test(value)) throw tampered("a string holds half of a surrogate pair");
      return JSON.stringify(value);
    }
    if (Array.isArray(value)) return `[${value.map((item) => spelled(item, room - 1)).join(",")}]`;
    const keys = Object.keys(value).sort();
    if (!keys.every((key) => /^[\0-\x7f]*$/.test(key))) throw tampered("keys are ASCII");
    return `{${keys.map((key) => `${JSON.stringify(key)}:${spelled(value[key], room - 1)}`).join(",")}}`;
  }

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isTexts = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");

  function hasMembers(object, names) {
    return isObject(object) && Object.keys(object).length === names.length && names.every((name) => Object.hasOwn(object, name));
  }

  /* ---- Merkle trees (RFC 6962, section 2.1), sizes as BigInt ---- */

  const LEAF = Uint8Array.of(0);
  const NODE = Uint8Array.of(1);
  const leafHash = (body) => sha256(joined(LEAF, body));
  const nodeHash = (left, right) => sha256(joined(NODE, left, right));

  const areHashes = (...hashes) => hashes.every((hash) => hash.length === 32);

  /** The largest power of two smaller than n. */
  const splitOf = (n) => 1n << BigInt((n - 1n).toString(2).length - 1);

  async function checkInclusion(index, size, leaf, path, root) {
    const rest = [...path];
    const refuse = () => tampered("the entry is not in the log that the checkpoint signs");
    if (index < 0n || index >= size || !areHashes(leaf, root, ...rest)) throw refuse();
    const rootOf = async (place, count) => {
      if (count === 1n) return leaf;
      const sibling = rest.pop();
      if (sibling === undefined) throw refuse();
      const split = splitOf(count);
      return place < split
        ? nodeHash(await rootOf(place, split), sibling)
        : nodeHash(sibling, await rootOf(place - split, count - split));
    };
    const found = await rootOf(index, size);
    if (rest.length > 0 || !same(found, root)) throw refuse();
  }

  async function checkConsistency(first, second, firstRoot, secondRoot, path) {
    const rest = [...path];
    const refuse = () => tampered("the log was rewritten: the proof does not lead from the old checkpoint to the new one");
    if (first <= 0n || first > second || !areHashes(firstRoot, secondRoot, ...rest)) throw refuse();
    // Roots of both trees over the stretch of `count` leaves, of which the old one holds `held`.
    const rootsOf = async (held, count, fromZero) => {
      if (held === count && fromZero) return [firstRoot, firstRoot];
      const hash = rest.pop();
      if (hash === undefined) throw refuse();
      if (held === count) return [hash, hash];
      const split = splitOf(count);
      if (held <= split) {
        const [older, newer] = await rootsOf(held, split, fromZero);
        return [older, await nodeHash(newer, hash)];
      }
      const [older, newer] = await rootsOf(held - split, count - split, false);
      return [await nodeHash(hash, older), await nodeHash(hash, newer)];
    };
    const [older, newer] = await rootsOf(first, second, true);
    if (rest.length > 0 || !same(older, firstRoot) || !same(newer, secondRoot)) throw refuse();
  }

  /** A growing tree: for each level the root that still waits for its right neighbour, or null. */
  class Tree {
    constructor(size, hashes) {
      this.size = size;
      const bits = [...size.toString(2)].reverse();
      const waiting = [...hashes];
      if (waiting.length !== bits.filter((bit) => bit === "1").length) {
        throw tampered("a range has one hash for every 1 in the binary form of its size");
      }
      this.levels = bits.map((bit) => (bit === "1" ? waiting.pop() : null));
    }

    /** Appends leaf hashes, all of a level at once. */
    async extend(leaves) {
      this.size += BigInt(leaves.length);
      let nodes = leaves;
      for (let level = 0; nodes.length > 0; level += 1) {
        const row = this.levels[level] ? [this.levels[level], ...nodes] : nodes;
        this.levels[level] = row.length % 2 ? row[row.length - 1] : null;
        const pairs = [];
        for (let at = 0; at + 1 < row.length; at += 2) pairs.push(nodeHash(row[at], row[at + 1]));
        nodes = await Promise.all(pairs);
      }
    }

    async root() {
      let root = null;
      for (const hash of this.levels) {
        if (hash) root = root === null ? hash : await nodeHash(hash, root);
      }
      return root ?? sha256(new Uint8Array());
    }
  }

  /* ---- Signed notes (C2SP signed-note) and their keys ---- */

  const ED25519 = 1;
  const COSIGNATURE = 4;
  // Names hold neither white space (Unicode's White_Space), nor control characters, nor a plus.
  const NAME = "[^\\u0000-\\u0020+\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
  const SIGNATURE_LINE = new RegExp(`^— (${NAME}) ([A-Za-z0-9+/]+={0,2})$`, "u");
  const VERIFIER_KEY = new RegExp(`^(${NAME})\\+([0-9a-f]{8})\\+([A-Za-z0-9+/]+={0,2})$`, "u");

  async function parseKey(vkey, algorithm) {
    const parts = VERIFIER_KEY.exec(vkey);
    const raw = parts && fromBase64(parts[3]);
    if (!raw || raw.length !== 33 || raw[0] !== algorithm) {
      throw tampered("a verifier key looks like name+hash+key, with an Ed25519 key");
    }
    const hash = hex((await sha256(joined(utf8.encode(`${parts[1]}\n`), raw))).slice(0, 4));
    if (hash !== parts[2]) throw tampered("a verifier key's hash is not that of its name and key");
    return { vkey, name: parts[1], hash, key: raw.slice(1) };
  }

  const parseKeys = (vkeys, algorithm) => Promise.all(vkeys.map((vkey) => parseKey(vkey, algorithm)));

  /** The lines of a small file, each of which ends in a newline. */
  function linesOf(text, name) {
    if (text !== "" && !text.endsWith("\n")) throw tampered(`${name} ends within a line`);
    return text.split("\n").slice(0, -1);
  }

  /** The text of a note, and its signatures by "name hash", unchecked. */
  function splitNote(note, what) {
    if (note.length > 1000000 && [...note].length > 1000000) throw tampered(`${what} is longer than any note`);
    const end = note.lastIndexOf("\n\n");
    const text = note.slice(0, end + 1);
    const lines = note.slice(end + 2).split("\n");
    if (end < 0 || lines.pop() !== "" || lines.length === 0 || lines.length > 100 || /[\0-\x09\x0b-\x1f]/.test(text)) {
      throw tampered(`${what} is no signed note`);
    }
    const signatures = lines.map((line) => {
      const parts = SIGNATURE_LINE.exec(line);
      const raw = parts && fromBase64(parts[2]);
      if (!raw || raw.length <= 4) throw tampered(`${what} has a line that is no signature`);
      return { signer: `${parts[1]} ${hex(raw.slice(0, 4))}`, signature: raw.slice(4) };
    });
    return { text, signatures };
  }

  async function accepts(key, signature, message) {
    if (signature.length !== 64) return false;
    let imported;
    try {
      imported = await subtle.importKey("raw", key, { name: "Ed25519" }, true, ["verify"]);
    } catch (error) {
      if (error.name === "NotSupportedError") throw error;
      return false;
    }
    return subtle.verify("Ed25519", imported, signature, message);
  }

  /** The text of a note that a trusted key signed for the log whose origin stands in that line. */
  async function openNote(what, note, trusted, originLine) {
    const { text, signatures } = splitNote(note, what);
    const known = new Map(trusted.map((key) => [`${key.name} ${key.hash}`, key]));
    const signers = [];
    for (const { signer, signature } of signatures) {
      const key = known.get(signer);
      if (key) signers.push({ key, signature });
    }
    if (signers.length === 0) throw untrusted(`${what} is signed by none of the keys it was held against`);
    for (const { key, signature } of signers) {
      if (!(await accepts(key.key, signature, utf8.encode(text)))) {
        throw tampered(`${what}: the signature of ${key.name} is not over this text`);
      }
    }
    const origin = text.split("\n")[originLine] ?? "";
    if (!signers.some(({ key }) => key.name === treeOf(origin).cell)) {
      throw tampered(`${what} is signed by a key of another cell than the one it names`);
    }
    return text;
  }

  /* ---- Checkpoints (C2SP tlog-checkpoint) and who co-signed them (C2SP tlog-cosignature) ---- */

  const CHECKPOINT = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/;

  async function openCheckpoint(what, note, trusted, witnesses) {
    const text = await openNote(what, note, trusted, 0);
    const parts = CHECKPOINT.exec(text);
    const root = parts && hashFromBase64(parts[3]);
    if (!root) throw tampered(`${what} is not three lines: origin, size and root`);
    const facts = witnesses ? await checkWitnesses(what, [note], witnesses) : [];
    return { ...treeOf(parts[1]), text, size: BigInt(parts[2]), root, facts };
  }

  /** An origin, which is the name of a cell's key, a slash and the name of one of its trees. */
  function treeOf(origin) {
    const slash = origin.lastIndexOf("/");
    return { origin, cell: origin.slice(0, Math.max(slash, 0)), tree: origin.slice(slash + 1) };
  }

  /** Who co-signed one of these checkpoints, and when. */
  async function checkWitnesses(what, notes, { keys, needed }) {
    const known = new Map(keys.map((key) => [`${key.name} ${key.hash}`, key]));
    const times = new Map();
    const signed = notes.map((note) => splitNote(note, what));
    for (const { text, signer, signature } of signed.flatMap(({ text, signatures }) => signatures.map((each) => ({ text, ...each })))) {
      const key = known.get(signer);
      if (!key) continue;
      const at = signature.length === 72 ? new DataView(signature.buffer, signature.byteOffset).getBigUint64(0) : 0n;
      const message = utf8.encode(`cosignature/v1\ntime ${at}\n${text}`);
      if (at <= 0n || at >= 1n << 37n || !(await accepts(key.key, signature.slice(8), message))) {
        throw tampered(`${what}: the co-signature of ${key.name} is not over this checkpoint`);
      }
      if (at > (times.get(key) ?? 0n)) times.set(key, at);
    }
    if (times.size < needed) {
      throw untrusted(`${what} is co-signed by ${times.size} of the witnesses you trust, and ${needed} are needed`);
    }
    return [...times].map(([key, at]) => {
      const time = new Date(Number(at) * 1000).toISOString().replace(".000Z", "Z");
      return `witnessed by ${key.name} at ${time}`;
    });
  }

  /* ---- Entries (docs/formats/entry.md) ---- */

  const ENTRY = "action actor after before cell detail_commit id organization scope targets time v workspace".split(" ");

  function parseEntry(text) {
    const entry = canonicalObject(text, "an entry");
    if (
      !hasMembers(entry, ENTRY) ||
      entry.v !== 1 ||
      typeof entry.id !== "string" ||
      typeof entry.action !== "string" ||
      !(entry.workspace === null || typeof entry.workspace === "string") ||
      !(entry.after === null || isObject(entry.after))
    ) {
      throw tampered("a line is not an entry of version 1");
    }
    return entry;
  }

  /* ---- Exports (docs/formats/export.md) ---- */

  const MANIFEST_TEXTS = ["cell", "region", "organization", "workspace", "origin", "requested_at"];
  const MANIFEST_NUMBERS = ["first", "end", "entries"];
  const MANIFEST = ["v", "format", ...MANIFEST_TEXTS, ...MANIFEST_NUMBERS, "range", "previous_manifest_sha256", "files"];
  const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
  const isDigest = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

  async function readFile(files, name) {
    const blob = files.get(name);
    if (!blob) throw incomplete(`${name} is not there`);
    try {
      return new Uint8Array(await blob.arrayBuffer());
    } catch {
      throw incomplete(`${name} cannot be read`);
    }
  }

  async function readSmall(files, name) {
    if ((files.get(name)?.size ?? 0) > LARGEST_SMALL_FILE) throw tampered(`${name} is larger than any file of its kind`);
    return readFile(files, name);
  }

  const readText = async (files, name) => textOf(await readSmall(files, name), name);

  async function verifyExport(files, options) {
    const trusted = options.pinned ?? (await parseKeys(linesOf(await readText(files, "keys.txt"), "keys.txt"), ED25519));
    const { manifest } = await signedManifest(files, trusted);
    await checkFiles(files, manifest, options.progress);
    const checkpoint = await checkCheckpoints(files, manifest, trusted);
    const listed = manifest.files.some((file) => file.name === "cell.tlog-proof")
      ? await checkListed(await readText(files, "cell.tlog-proof"), checkpoint, trusted)
      : { notes: [], facts: [] };
    const notes = [await readText(files, "checkpoint.new"), ...listed.notes];
    const witnessed = options.witnesses ? await checkWitnesses("the new checkpoint", notes, options.witnesses) : [];
    await checkEntries(files, manifest, checkpoint, options.progress);
    const facts = [`requested: ${manifest.requested_at}`, ...listed.facts, ...witnessed];
    if (options.previous) {
      await checkChain(manifest, await filesOf(options.previous), trusted);
      facts.push("continues the export before it");
    } else if (manifest.previous_manifest_sha256 !== null) {
      facts.push("continues another export: check that too, together with this one");
    }
    const stretch = manifest.entries > 0 ? `entries ${manifest.first} to ${manifest.end - 1}` : "no entries";
    const what = `audit export of workspace ${manifest.workspace} in ${manifest.region}: ${stretch}, log of ${checkpoint.size}`;
    return { what, facts, trusted };
  }

  async function signedManifest(files, trusted) {
    const bytes = await readSmall(files, "manifest.json");
    const text = await openNote("the manifest", await readText(files, "manifest.note"), trusted, 1);
    const manifest = parseManifest(textOf(bytes, "manifest.json"));
    const digest = hex(await sha256(bytes));
    if (text !== `bailiwick-export/v1\n${manifest.origin}\n${digest}\n`) throw tampered("the signature is over another manifest");
    if (manifest.origin !== `audit.${manifest.region}.bailiwick/${manifest.workspace}`) {
      throw tampered("the manifest is about another workspace than the log it names");
    }
    return { manifest, digest };
  }

  function parseManifest(text) {
    const manifest = canonicalObject(text, "the manifest");
    if (manifest.v !== 1 || manifest.format !== "bailiwick-audit-export") {
      throw tampered("the manifest is not of version 1: use a newer verifier");
    }
    const previous = manifest.previous_manifest_sha256;
    const range = Array.isArray(manifest.range) ? manifest.range.map(hashFromBase64) : [null];
    if (
      !hasMembers(manifest, MANIFEST) ||
      !MANIFEST_TEXTS.every((name) => typeof manifest[name] === "string") ||
      !MANIFEST_NUMBERS.every((name) => isCount(manifest[name])) ||
      !(previous === null || isDigest(previous)) ||
      !Array.isArray(manifest.files) ||
      !manifest.files.every(isFile) ||
      range.includes(null) ||
      manifest.end - manifest.first !== manifest.entries
    ) {
      throw tampered("the manifest has other members than version 1 has");
    }
    if (manifest.files.reduce((sum, file) => sum + (file.entries ?? 0), 0) !== manifest.entries) {
      throw tampered("the manifest's files do not hold as many entries as it says");
    }
    return { ...manifest, tree: new Tree(BigInt(manifest.first), range) };
  }

  function isFile(item) {
    return (
      (hasMembers(item, ["name", "sha256", "bytes"]) || (hasMembers(item, ["name", "sha256", "bytes", "entries"]) && isCount(item.entries))) &&
      typeof item.name === "string" &&
      /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(item.name) &&
      isDigest(item.sha256) &&
      isCount(item.bytes)
    );
  }

  async function checkFiles(files, manifest, progress) {
    const listed = new Set([...manifest.files.map((file) => file.name), "manifest.json", "manifest.note"]);
    for (const name of listed) if (!files.has(name)) throw incomplete(`${name} is not there`);
    for (const name of files.keys()) if (!listed.has(name)) throw tampered("there are files that the manifest does not list");
    for (const file of manifest.files) {
      const bytes = await readFile(files, file.name);
      if (bytes.length !== file.bytes || hex(await sha256(bytes)) !== file.sha256) {
        throw tampered(`${file.name} is not the file that the manifest lists`);
      }
      progress?.(`${file.name}: the file that was signed`);
    }
  }

  async function checkCheckpoints(files, manifest, trusted) {
    const newer = await openCheckpoint("the new checkpoint", await readText(files, "checkpoint.new"), trusted);
    if (newer.origin !== manifest.origin || newer.size !== BigInt(manifest.end)) {
      throw tampered("the new checkpoint is of another log, or of another moment than the manifest says");
    }
    if (manifest.first > 0) {
      const older = await openCheckpoint("the old checkpoint", await readText(files, "checkpoint.old"), trusted);
      const claimed = older.origin === manifest.origin && older.size === manifest.tree.size;
      if (!claimed || !same(older.root, await manifest.tree.root())) {
        throw tampered("the old checkpoint is of another log, or of another moment than the manifest says");
      }
      const path = linesOf(await readText(files, "consistency.proof"), "consistency.proof").map(hashFromBase64);
      if (path.includes(null)) throw tampered("the consistency proof is not made of hashes");
      await checkConsistency(older.size, newer.size, older.root, newer.root, path);
    }
    return newer;
  }

  async function checkEntries(files, manifest, checkpoint, progress) {
    const seen = new Set();
    for (const file of manifest.files) {
      if (file.entries === undefined) continue;
      const before = manifest.tree.size;
      for await (const lines of unpackedLines(file.name, await readFile(files, file.name))) {
        for (const line of lines) {
          if (line.length > LONGEST_ENTRY) throw tampered("a line is longer than any entry");
          const entry = parseEntry(textOf(line, "an entry"));
          if (entry.workspace !== manifest.workspace) throw tampered("an entry is of another workspace");
          seen.add(entry.id);
        }
        await manifest.tree.extend(await Promise.all(lines.map(leafHash)));
        progress?.(`${manifest.tree.size - BigInt(manifest.first)} of ${manifest.entries} entries`);
      }
      if (manifest.tree.size - before !== BigInt(file.entries)) {
        throw tampered(`${file.name} holds another number of entries than the manifest says`);
      }
    }
    if (seen.size !== manifest.entries) throw tampered("an entry is there twice");
    if (!same(await manifest.tree.root(), checkpoint.root)) {
      throw tampered("the entries are not the ones that the checkpoint signs, or not in this order");
    }
  }

  /** The lines of a gzip file without their newlines, some at a time. */
  async function* unpackedLines(name, bytes) {
    const pieces = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    let rest = new Uint8Array();
    let length = 0;
    for (;;) {
      let piece;
      try {
        piece = await pieces.read();
      } catch {
        throw tampered(`${name} cannot be decompressed`);
      }
      if (piece.done) break;
      length += piece.value.length;
      const data = rest.length > 0 ? joined(rest, piece.value) : piece.value;
      const lines = [];
      let start = 0;
      for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
        lines.push(data.subarray(start, end));
        start = end + 1;
      }
      rest = data.slice(start);
      if (rest.length > LONGEST_ENTRY) throw tampered("a line is longer than any entry");
      if (lines.length > 0) yield lines;
    }
    // The last four bytes say how long it is unpacked: with something after it they are others.
    if (bytes.length < 18 || new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true) !== length % 2 ** 32) {
      throw tampered(`${name} holds something after what is compressed in it`);
    }
    if (rest.length > 0) throw tampered("the last line has no end");
  }

  async function checkChain(manifest, olderFiles, trusted) {
    const { manifest: older, digest } = await signedManifest(olderFiles, trusted);
    if (manifest.previous_manifest_sha256 !== digest) throw tampered("this export does not continue the one given as its predecessor");
    if (older.origin !== manifest.origin || older.end !== manifest.first) {
      throw incomplete("there are entries between the two exports that neither of them holds");
    }
  }

  /* ---- The tar file of an export, as it was downloaded (docs/formats/export.md) ---- */

  function tarHeader(name, size) {
    const block = new Uint8Array(512);
    const put = (at, text) => block.set(utf8.encode(text), at);
    const octal = (number, digits) => number.toString(8).padStart(digits, "0");
    put(0, name);
    put(100, `0000644\0${"0000000\0".repeat(2)}${octal(size, 11)}\0${"0".repeat(11)}\0${" ".repeat(8)}0`);
    put(257, "ustar\x0000");
    put(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
    return block;
  }

  /** The files in a tar file, of which every byte is as an export's is. */
  async function unpackTar(blob) {
    const refuse = () => tampered("this is no export's tar file as it was downloaded; if you packed it yourself, check the folder");
    const bytesAt = async (at, length) => {
      const bytes = new Uint8Array(await blob.slice(at, at + length).arrayBuffer());
      if (bytes.length !== length) throw refuse();
      return bytes;
    };
    const isZero = (bytes) => bytes.every((byte) => byte === 0);
    const files = new Map();
    let at = 0;
    let last = "";
    for (let block = await bytesAt(at, 512); !isZero(block); block = await bytesAt(at, 512)) {
      const name = String.fromCharCode(...block.subarray(0, 100)).replace(/\0+$/, "");
      const size = parseInt(String.fromCharCode(...block.subarray(124, 135)), 8);
      if (!/^[\x01-\x7f]+$/.test(name) || !(size >= 0) || !same(tarHeader(name, size), block) || name <= last) throw refuse();
      const padding = (512 - (size % 512)) % 512;
      if (!isZero(await bytesAt(at + 512 + size, padding))) throw refuse();
      files.set(name, blob.slice(at + 512, at + 512 + size));
      at += 512 + size + padding;
      last = name;
    }
    const end = Math.ceil((at + 1024) / 10240) * 10240;
    if (blob.size !== end || !isZero(await bytesAt(at, end - at))) throw refuse();
    return files;
  }

  /* ---- Certificates (docs/formats/certificate.md) ---- */

  async function verifyCertificate(bytes, options) {
    const text = textOf(bytes, "the certificate");
    if (!text.endsWith("\n")) throw tampered("a certificate is one line of JSON with a newline at its end");
    const certificate = canonicalObject(text.slice(0, -1), "the certificate");
    const { statement, note, log, vkeys } = certificate;
    if (certificate.v !== 1 || certificate.type !== "bailiwick-certificate") throw tampered("this is no certificate of version 1");
    const path = isTexts(log?.path) ? log.path.map(hashFromBase64) : [null];
    if (
      !hasMembers(certificate, ["v", "type", "statement", "note", "log", "vkeys"]) ||
      !hasMembers(log, ["entry", "index", "path", "checkpoint"]) ||
      !isObject(statement) ||
      !isTexts([note, log.entry, log.checkpoint]) ||
      !isTexts(vkeys) ||
      !Number.isSafeInteger(log.index) ||
      path.includes(null)
    ) {
      throw tampered("the certificate has other members than version 1 has");
    }
    const enclosed = await parseKeys(vkeys, ED25519);
    const trusted = options.pinned ?? enclosed;
    const digest = hex(await sha256(utf8.encode(spelled(statement, 64))));
    const checkpoint = await openCheckpoint("the checkpoint", log.checkpoint, trusted, options.witnesses);
    const signed = await openNote("the certificate", note, trusted, 1);
    if (signed !== `bailiwick-certificate/v1\n${checkpoint.origin}\n${digest}\n`) {
      throw tampered("the signature is over another statement than the one shown, or over another log");
    }
    await checkInclusion(BigInt(log.index), checkpoint.size, await leafHash(utf8.encode(log.entry)), path, checkpoint.root);
    const entry = parseEntry(log.entry);
    if (entry.after?.statement_sha256 !== digest) throw tampered("the log's entry vouches for another statement");
    if (entry.workspace !== statement.workspace || checkpoint.tree !== statement.workspace) {
      throw tampered("the statement is about another workspace than the log that vouches for it");
    }
    const facts = Object.entries(statement).filter(([, value]) => typeof value === "string" || typeof value === "number");
    const what = `certificate of ${entry.action} for workspace ${statement.workspace}, entry ${log.index} of ${checkpoint.size}`;
    return { what, facts: [...facts.map(([name, value]) => `${name}: ${value}`), ...checkpoint.facts], trusted };
  }

  /* ---- Proof files (C2SP tlog-proof v1) ---- */

  function parseProof(text) {
    const end = text.indexOf("\n\n");
    const lines = text.slice(0, Math.max(end, 0)).split("\n");
    if (lines.shift() !== "c2sp.org/tlog-proof@v1") throw tampered("this is no proof file of version 1");
    let extra = null;
    if (lines[0]?.startsWith("extra ")) {
      extra = fromBase64(lines.shift().slice("extra ".length));
      if (!extra || extra.length === 0) throw tampered("the proof's extra line is not base64");
    }
    const index = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? "");
    if (!index) throw tampered("the proof does not say which entry it is of");
    const path = lines.map(hashFromBase64);
    if (path.includes(null) || path.length > 63) throw tampered("the proof is not made of at most 63 base64 hashes of 32 bytes");
    return { extra, index: BigInt(index[1]), path, note: text.slice(end + 2) };
  }

  async function verifyProof(bytes, options) {
    const { extra, index, path, note } = parseProof(textOf(bytes, "the proof"));
    let body = options.entry ?? extra;
    // An entry, which is an object, may have been kept with the newline of its line.
    if (body?.[0] === 123 && body[body.length - 1] === 10) body = body.slice(0, -1);
    if (!body) throw incomplete("the proof does not hold its entry: give that too");
    if (extra && !same(extra, body)) throw tampered("the proof is of another entry than the one given");
    const trusted = options.pinned ?? [];
    const checkpoint = await openCheckpoint("the checkpoint", note, trusted, options.witnesses);
    await checkInclusion(index, checkpoint.size, await leafHash(body), path, checkpoint.root);
    if (checkpoint.tree === "checkpoints") {
      const parts = CHECKPOINT.exec(textOf(body, "the checkpoint in the tree"));
      const inner = parts && hashFromBase64(parts[3]) ? treeOf(parts[1]) : null;
      if (!inner || inner.cell !== checkpoint.cell || inner.tree === "checkpoints") {
        throw tampered("what is in the tree of checkpoints is none of this cell");
      }
      const what = `checkpoint of ${inner.tree}, number ${index} of ${checkpoint.size} in the cell's tree of checkpoints`;
      return { what, facts: [`size: ${parts[2]}`, ...checkpoint.facts], trusted };
    }
    const entry = parseEntry(textOf(body, "the entry"));
    if (checkpoint.tree !== (entry.workspace ?? "cell")) throw tampered("the entry is of another workspace than the log that holds it");
    const what = `${entry.action}, entry ${index} of ${checkpoint.size} in the log of ${checkpoint.tree}`;
    return { what, facts: [`id: ${entry.id}`, `time: ${entry.time}`, ...checkpoint.facts], trusted };
  }

  /** That a log's checkpoint is in the tree that its cell keeps over the checkpoints of all its logs. */
  async function checkListed(text, checkpoint, trusted) {
    const { extra, index, path, note } = parseProof(text);
    const leaf = utf8.encode(checkpoint.text);
    if (extra && !same(extra, leaf)) throw tampered("the proof in the tree of checkpoints is of another checkpoint");
    const top = await openCheckpoint("the tree of checkpoints", note, trusted);
    if (top.origin !== `${checkpoint.cell}/checkpoints`) throw tampered("the proof in the tree of checkpoints leads to another tree");
    await checkInclusion(index, top.size, await leafHash(leaf), path, top.root);
    return { notes: [note], facts: [`its checkpoint is number ${index} of ${top.size} in the cell's tree of checkpoints`] };
  }

  /* ---- All of it ---- */

  /**
   * `input` is a Blob (a tar file, certificate or proof) or a Map of names to Blobs (the folder of an export).
   * options: `keys` and `witnesses` (arrays of verifier keys that the reader trusts), `threshold` (how many of the witnesses; all
   * by default), `previous` (the export before this one, like `input`), `entry` (a Blob, for proofs without one), `progress`
   * (told what is being done). Gives {status, word, what, facts, signers, pinned}; the status is that of `bailiwick verify`.
   */
  async function verify(input, options = {}) {
    try {
      const keys = options.keys ?? [];
      const settings = {
        pinned: keys.length > 0 ? await parseKeys(keys, ED25519) : undefined,
        witnesses: await quorum(options.witnesses ?? [], options.threshold),
        entry: options.entry && new Uint8Array(await options.entry.arrayBuffer()),
        previous: options.previous,
        progress: options.progress,
      };
      const { what, facts, trusted } = await verifyOne(input, settings);
      return { status: 0, word: WORDS[0], what, facts, signers: trusted.map((key) => key.vkey), pinned: keys.length > 0 };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, word: WORDS[error.status], what: error.message, facts: [], signers: [], pinned: false };
    }
  }

  async function quorum(vkeys, threshold) {
    const keys = await parseKeys([...new Set(vkeys)], COSIGNATURE);
    return keys.length > 0 ? { keys, needed: threshold ?? keys.length } : null;
  }

  const filesOf = async (input) => (input instanceof Map ? input : unpackTar(input));

  async function verifyOne(input, settings) {
    if (input instanceof Map) return verifyExport(input, settings);
    const beginning = String.fromCharCode(...new Uint8Array(await input.slice(0, 20).arrayBuffer()));
    const whole = async () => {
      if (input.size > LARGEST_SMALL_FILE) throw tampered("the file is larger than any of its kind");
      return new Uint8Array(await input.arrayBuffer());
    };
    if (beginning.startsWith("{")) return verifyCertificate(await whole(), settings);
    if (beginning === "c2sp.org/tlog-proof@") return verifyProof(await whole(), settings);
    return verifyExport(await filesOf(input), settings);
  }

  const bailiwick = { verify, checkInclusion, checkConsistency, accepts, fromBase64 };
  globalThis.bailiwick = bailiwick;
  if (typeof module === "object" && typeof require === "function") {
    module.exports = bailiwick;
    if (require.main === module) commandLine(process.argv.slice(2));
  }

  /* ---- With Node, from the command line ---- */

  async function commandLine(words) {
    const fs = require("node:fs");
    const { parseArgs } = require("node:util");
    const many = { type: "string", multiple: true, default: [] };
    const one = { type: "string" };
    const options = { key: many, keys: one, previous: one, entry: one, witness: many, threshold: one };
    try {
      const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
      if (positionals.length !== 1) throw new Error("usage: node verify.js PATH [--key VKEY]…");
      const given = values.keys === undefined ? [] : fs.readFileSync(values.keys, "utf-8").split(/\s+/).filter(Boolean);
      const threshold = values.threshold === undefined ? undefined : Number(values.threshold);
      const most = new Set(values.witness).size;
      if (threshold !== undefined && !(Number.isInteger(threshold) && threshold > 0 && threshold <= most)) {
        throw new Error("--threshold is between 1 and the number of witnesses named with --witness");
      }
      const verdict = await verify(await opened(fs, positionals[0]), {
        keys: [...values.key.map((key) => key.trim()), ...given],
        witnesses: values.witness,
        threshold,
        previous: values.previous && (await opened(fs, values.previous)),
        entry: values.entry && (await opened(fs, values.entry)),
      });
      const notice = verdict.status === 0 && !verdict.pinned ? ["that key came with what it signs: compare it with the one you hold"] : [];
      const said = [`${verdict.word}: ${verdict.what}`, ...verdict.facts, ...verdict.signers.map((key) => `held against: ${key}`), ...notice];
      // Whoever signed a file, perhaps a stranger, writes no lines of ours and no commands for the terminal.
      const plain = said.map((line) => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd"));
      process[verdict.status === 0 ? "stdout" : "stderr"].write(`${plain.join("\n  ")}\n`);
      process.exitCode = verdict.status;
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.code === "ENOENT" ? 2 : 64;
    }
  }

  async function opened(fs, path) {
    if (!fs.statSync(path).isDirectory()) return fs.openAsBlob(path);
    const files = new Map();
    for (const name of fs.readdirSync(path)) {
      const isFile = fs.statSync(`${path}/${name}`).isFile();
      files.set(name, isFile ? await fs.openAsBlob(`${path}/${name}`) : null);
    }
    return files;
  }
  if (typeof module === "object" && typeof require === "function") bailiwick.opened = (path) => opened(require("node:fs"), path);
})();
