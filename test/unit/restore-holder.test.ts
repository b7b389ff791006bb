import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RestoreHolder, type RestoreHolderOptions } from "../../src/agent/restore-holder.js";
import { silentLog } from "../../src/base/log.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** The holder of one copy: the set "data" of the peer "alpha". */
function holder(): RestoreHolder {
  const directory = makeTempDirectory();
  const terms = { peer: "alpha", repset: "data", rules: [], mappings: [], remapLinks: true, durability: "fsync" };
  const view = { terms, online: false, last: { retrying: null, doubt: null } };
  const options = {
    config: { stateDir: directory, queue: { directory: join(directory, "queue") }, server: { name: "holder" } },
    target: { copies: () => [{ key: "key of alpha", view, isPaused: false }] },
    log: silentLog,
  };
  const made = new RestoreHolder(options as unknown as RestoreHolderOptions);
  onTestFinished(() => made.close());
  return made;
}

test("a copy is given to the peer that made it, and to no other, whatever that one asks for", () => {
  const found = holder();
  expect(found.find("data", "alpha", null).copy).toMatchObject({ peer: "alpha", repset: "data" });
  const asked: [string, string | null][] = [
    ["data", null],
    ["data", "key of alpha"],
    ["alpha/data", null],
    ["alpha/data", "key of alpha"],
  ];
  for (const [repset, key] of asked) {
    expect(() => found.find(repset, "eve", key), repset).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  }
});
