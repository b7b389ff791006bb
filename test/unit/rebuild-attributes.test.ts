// The last change of a rebuild carries attributes deeper than any other change does.

import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { RebuildChange } from "../../src/model/change.js";
import { decodeChangeSet, encodeChangeSet } from "../../src/model/change-set.js";

test("a file with extended attributes that is made anew travels as it is", () => {
  const meta = { mode: 0o640, uid: 1, gid: 2, mtimeSec: 3, mtimeNsec: 4, xattrs: [["user.a", Buffer.from("b")]] as const };
  const change: RebuildChange = {
    op: "rebuild",
    root: 0,
    path: "large" as BytePath,
    base: { size: 3, mtimeSec: 1, mtimeNsec: 2 },
    continues: false,
    parts: [0, 3],
    size: 3,
    seed: 7n,
    end: { meta, hash: 9n },
    payload: Buffer.alloc(0),
  };
  const set = { seq: 1, sourceTimeMs: 5, closed: true, mirror: true, changes: [change] };
  expect(decodeChangeSet(encodeChangeSet(set)).changes).toEqual([change]);
});
