// A small file whose content is to be compared by its hash, and cannot be read: size and time do not vouch for it.

import { chmodSync, closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { summarise } from "../../src/capture/listed-entry.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { CompareRequest, MirrorEntry } from "../../src/model/mirror-port.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test.skipIf(process.getuid?.() !== 0)("it is told as one that is suspected, where contents are to be compared", () => {
  const directory = makeTempDirectory();
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "file"), "content", { mode: 0o600 });
  const fd = openSync(directory, "r");
  onTestFinished(() => closeSync(fd));
  const entry: MirrorEntry = { name: "file", path: "file" as BytePath, type: "file", size: 7, inode: "1:1", links: 1 };
  const request: CompareRequest = {
    ...{ root: 0, directory: "" as BytePath, entries: [entry], from: "", until: "", extras: "keep", links: new Map(), withDirectory: false, suspect: "none" },
    look: { hashesSmallFiles: true, settlesExtras: false },
  };
  const told = () => summarise(fd, entry, request, true, () => undefined);
  expect(told()).toMatchObject({ suspect: false, hash: expect.anything() });
  process.seteuid?.(65_534);
  try {
    expect(told()).toMatchObject({ suspect: true });
  } finally {
    process.seteuid?.(0);
  }
});
