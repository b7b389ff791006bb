import { contest } from "../lib/contest.mjs";
import { formatBytes } from "../lib/statistics.mjs";
import { countTree } from "../lib/tree-data.mjs";
import { makeTree } from "./source-tree.mjs";

export const title = "A source tree that is in no memory";

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const note = `${makeTree(context)} Nothing of it is in the memory of the machine when a copy begins.`;
  context.source.bypassMemory();
  const { files, bytes } = countTree(context.source.path);
  return { title, note, ...(await contest(context, `${files.toLocaleString("en")} files, ${formatBytes(bytes)}`, true)) };
}
