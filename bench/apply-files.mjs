// Files per second of the apply engine: 100,000 files of 4 KiB in sets of 250, one thread, against plain
// open+write+utimes+close of Node in the same run.

import { closeSync, futimesSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApplyEngine } from "../dist/apply/apply-engine.js";
import { encodeChangeSet } from "../dist/model/change-set.js";

const FILES = Number(process.argv[2] ?? 100_000);
const PER_SET = 250;
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), "sm-bench-apply-"));
const content = Buffer.alloc(4096, 0x61);
const meta = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 1_700_000_000, mtimeNsec: 1, xattrs: [] };
process.umask(0);

function plain() {
  const start = performance.now();
  for (let i = 0; i < FILES; i++) {
    if (i % PER_SET === 0) mkdirSync(join(directory, `plain${i / PER_SET}`));
    const fd = openSync(join(directory, `plain${Math.floor(i / PER_SET)}`, `file${i}`), "wx", 0o644);
    writeSync(fd, content);
    futimesSync(fd, 1_700_000_000, 1_700_000_000);
    closeSync(fd);
  }
  return FILES / ((performance.now() - start) / 1000);
}

function applied() {
  const engine = ApplyEngine.open({
    stateDirectory: join(directory, "state"),
    mappings: [{ source: "/s", target: join(directory, "target") }],
    remapLinks: true,
  });
  engine.begin("0123456789abcdef");
  let ms = 0;
  for (let set = 0; set < FILES / PER_SET; set++) {
    const changes = [{ op: "dir", root: 0, path: `d${set}`, meta: { ...meta, mode: 0o755 } }];
    for (let i = 0; i < PER_SET; i++) {
      changes.push({
        op: "file",
        root: 0,
        path: `d${set}/file${i}`,
        start: "replace",
        base: null,
        continues: false,
        extents: [[0, 4096]],
        holes: [],
        size: 4096,
        meta,
        payload: content,
      });
    }
    const frame = encodeChangeSet({ seq: set + 1, sourceTimeMs: 1, closed: true, mirror: false, changes });
    const start = performance.now();
    const outcome = engine.applySet(frame);
    ms += performance.now() - start;
    if (outcome.kind !== "applied" || outcome.answers.length > 0) throw new Error(JSON.stringify(outcome));
  }
  engine.close();
  return FILES / (ms / 1000);
}

try {
  const a = applied();
  const b = plain();
  console.log(JSON.stringify({ files: FILES, appliedPerSecond: Math.round(a), plainNodePerSecond: Math.round(b), ratio: Number((a / b).toFixed(2)) }));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
