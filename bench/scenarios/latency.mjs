// How long after an operation on the source its result is on the target. The observer is the process that does the
// operation; it looks at the target without a pause, so that its own interval does not count.

import { appendFileSync, closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentPair } from "../lib/agents.mjs";
import { quantile } from "../lib/statistics.mjs";
import { makeSmallFiles } from "../lib/tree-data.mjs";

export const title = "Latency of single operations";

const WAIT_MS = 20_000;
const PAUSE_MS = 30;

/** Milliseconds until `isThere`; looks without a pause, and yields so that nothing in this process can starve. */
async function measure(/** @type {() => void} */ operate, /** @type {() => boolean} */ isThere) {
  operate();
  const doneAt = performance.now();
  while (!isThere()) {
    if (performance.now() - doneAt > WAIT_MS) throw new Error(`not on the target after ${WAIT_MS} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return performance.now() - doneAt;
}

/** False while the file is missing: it is what is waited for. */
function hasContent(/** @type {string} */ path, /** @type {Buffer} */ content) {
  if (statSync(path, { throwIfNoEntry: false })?.size !== content.length) return false;
  return readFileSync(path).equals(content);
}

function hasBytes(/** @type {string} */ path, /** @type {Buffer} */ bytes, /** @type {number} */ offset) {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < offset + bytes.length) return false;
  const fd = openSync(path, "r");
  const found = Buffer.alloc(bytes.length);
  readSync(fd, found, 0, bytes.length, offset);
  closeSync(fd);
  return found.equals(bytes);
}

function overwrite(/** @type {string} */ path, /** @type {Buffer} */ bytes, /** @type {number} */ offset) {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

async function measureAll(/** @type {string} */ source, /** @type {string} */ target, /** @type {number} */ count) {
  /** @type {Record<string, number[]>} */
  const found = { "create 4 KiB": [], "append 4 KiB": [], "overwrite 4 KiB": [], rename: [], delete: [] };
  const block = (/** @type {number} */ at, /** @type {string} */ kind) => Buffer.alloc(4096, `${kind}${at};`);
  for (let at = 0; at < count; at++) {
    const [from, to] = [source, target].map((root) => join(root, "d00000", `new${at}`));
    if (from === undefined || to === undefined) throw new Error("no paths");
    const [created, appended, over] = [block(at, "c"), block(at, "a"), block(at, "o")];
    found["create 4 KiB"]?.push(
      await measure(
        () => writeFileSync(from, created),
        () => hasContent(to, created),
      ),
    );
    await sleep(PAUSE_MS);
    found["append 4 KiB"]?.push(
      await measure(
        () => appendFileSync(from, appended),
        () => hasBytes(to, appended, 4096),
      ),
    );
    await sleep(PAUSE_MS);
    found["overwrite 4 KiB"]?.push(
      await measure(
        () => overwrite(from, over, 0),
        () => hasBytes(to, over, 0),
      ),
    );
    await sleep(PAUSE_MS);
    found.rename?.push(
      await measure(
        () => renameSync(from, `${from}.renamed`),
        () => existsSync(`${to}.renamed`) && !existsSync(to),
      ),
    );
    await sleep(PAUSE_MS);
    found.delete?.push(
      await measure(
        () => unlinkSync(`${from}.renamed`),
        () => !existsSync(`${to}.renamed`),
      ),
    );
    await sleep(PAUSE_MS);
  }
  return found;
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const count = Math.max(20, Math.round(300 * context.scale));
  const files = Math.max(100, Math.round(10_000 * context.scale));
  context.source.renew();
  context.target.renew();
  makeSmallFiles(context.source.path, files, 4096);
  const agents = await AgentPair.open(context.work);
  try {
    const { id } = await agents.mirror(context.source.path, context.target.path);
    await agents.sync(id);
    const found = await measureAll(context.source.path, context.target.path, count);
    context.say(`latency: ${count} of each`);
    return {
      title,
      note: `A quiet tree of ${files.toLocaleString("en")} files, ${count} operations of each kind, one at a time; from the return of the system call on the source to its effect on the target.`,
      columns: ["operation", "p50", "p99", "longest"],
      rows: Object.entries(found).map(([name, values]) => [name, ...[0.5, 0.99, 1].map((share) => `${quantile(values, share).toFixed(1)} ms`)]),
    };
  } finally {
    await agents.close();
  }
}
