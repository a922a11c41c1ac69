"use strict";
// The page "Verify": hands what was chosen to the verifier (verify.js) and shows what it says.
(() => {
  const { verify } = globalThis.bailiwick;
  const form = document.getElementById("verify");
  const place = document.getElementById("verdict");
  const field = (id) => document.getElementById(id);
  const linesOf = (id) => field(id).value.split(/\s+/).filter(Boolean);

  function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function show(...elements) {
    place.replaceChildren(...elements);
    place.hidden = false;
  }

  /** A file, or the files of a folder by their names in it; null if nothing was chosen. */
  function chosen() {
    const [file] = field("file").files;
    const folder = [...field("folder").files];
    if (file) return file;
    return folder.length === 0 ? null : new Map(folder.map((each) => [each.webkitRelativePath.split("/").slice(1).join("/"), each]));
  }

  function listed(verdict) {
    const list = document.createElement("ul");
    for (const fact of verdict.facts) list.append(element("li", fact));
    for (const signer of verdict.signers) {
      const item = element("li", verdict.pinned ? "held against the key you trust: " : "held against: ");
      item.append(element("code", signer));
      list.append(item);
    }
    return list;
  }

  function shown(verdict) {
    const heading = element("h2", "");
    heading.append(element("span", verdict.word, verdict.status === 0 ? "badge" : "badge bad"));
    if (verdict.status !== 0) return [heading, element("p", `${verdict.what}.`, "alert")];
    const warning = "The key came with what it signs: compare it with the one that you noted.";
    return [heading, element("p", verdict.what), listed(verdict), ...(verdict.pinned ? [] : [element("p", warning, "alert")])];
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = chosen();
    if (!input) return show(element("p", "Choose a file or a folder first.", "alert"));
    if (!globalThis.crypto?.subtle) {
      return show(element("p", "A browser checks signatures only on pages that came over HTTPS.", "alert"));
    }
    const button = form.querySelector("button");
    const progress = element("p", "Checking…", "hint");
    button.disabled = true;
    show(progress);
    try {
      const verdict = await verify(input, {
        keys: linesOf("keys"),
        witnesses: linesOf("witnesses"),
        threshold: field("threshold").valueAsNumber || undefined,
        previous: field("previous").files[0],
        entry: field("entry").files[0],
        progress: (text) => { progress.textContent = text; },
      });
      show(...shown(verdict));
    } catch (error) {
      const old = error.name === "NotSupportedError";
      const message = old ? "This browser cannot check Ed25519 signatures. A newer one can." : "A file could not be read. Choose it again.";
      show(element("p", message, "alert"));
    } finally {
      button.disabled = false;
    }
  });
})();
