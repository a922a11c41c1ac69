// The second verifier as a process that is asked many times: one JSON object a line on standard input, one line back for each.
"use strict";
const readline = require("node:readline");
const bailiwick = require("../../../console/static/console/verify.js");

const answers = {
  async verify({ path, previous, entry, ...options }) {
    options.previous = previous && (await bailiwick.opened(previous));
    options.entry = entry && (await bailiwick.opened(entry));
    return bailiwick.verify(await bailiwick.opened(path), options);
  },
  async inclusion({ index, size, leaf, path, root }) {
    return holds(bailiwick.checkInclusion(BigInt(index), BigInt(size), bytes(leaf), path.map(bytes), bytes(root)));
  },
  async consistency({ first, second, firstRoot, secondRoot, path }) {
    return holds(bailiwick.checkConsistency(BigInt(first), BigInt(second), bytes(firstRoot), bytes(secondRoot), path.map(bytes)));
  },
  async ed25519({ key, signature, message }) {
    return bailiwick.accepts(bytes(key), bytes(signature), bytes(message));
  },
};

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

async function holds(check) {
  try {
    await check;
    return true;
  } catch (error) {
    if (error.status !== 1) throw error;
    return false;
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { ask, ...question } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await answers[ask](question))}\n`);
  }
})();
