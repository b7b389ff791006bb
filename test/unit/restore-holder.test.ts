// Who has a copy gives it back to one call at a time.

import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RestoreHolder, type RestoreHolderOptions } from "../../src/agent/restore-holder.js";
import type { RestoreMarks } from "../../src/apply/restore-marks.js";
import { silentLog } from "../../src/base/log.js";
import type { RestoreRequest } from "../../src/model/restore.js";
import type { RestoreCall } from "../../src/transport/restore-call.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a second restore of a copy does not begin while the first one does", async () => {
  const directory = makeTempDirectory();
  const mappings = [{ source: "/data", target: join(directory, "gone") }];
  const terms = { connectionId: 1, peer: "A", repset: "data", mappings, rules: [], remapLinks: true, durability: "fsync" } as const;
  const view = { terms, online: false, last: { retrying: null, doubt: null } };
  const marks = { of: () => null, set: () => undefined, clear: () => undefined } as unknown as RestoreMarks;
  const holder = new RestoreHolder({
    config: { stateDir: directory, queue: { directory }, server: { name: "B" } },
    limits: () => ({}),
    target: { copies: () => [{ key: "ab".repeat(16), view, isPaused: false }], restores: marks },
    log: silentLog,
  } as unknown as RestoreHolderOptions);
  onTestFinished(() => holder.close());
  const call = { ended: new Promise(() => undefined), tell: () => undefined, close: () => undefined } as unknown as RestoreCall;
  const request: Omit<RestoreRequest, "key"> = {
    ...{ repset: "data", connectionKey: null, compression: "off", isInquiry: false },
    options: { overwrite: "always", checksum: false, orphans: "keep", paths: null },
  };
  const began = ["1", "2"].map((key) => holder.accept("A", { ...request, key }, call));
  const codes = await Promise.all(began.map((each) => each.then(() => "begun").catch(({ code }) => code)));
  expect(codes).toEqual(["ROOT_MISSING", "PEER_BUSY"]);
});
