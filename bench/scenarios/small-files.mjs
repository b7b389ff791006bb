import { contest } from "../lib/contest.mjs";
import { makeSmallFiles } from "../lib/tree-data.mjs";

export const title = "Many small files";

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const count = Math.max(100, Math.round(100_000 * context.scale));
  context.source.renew();
  makeSmallFiles(context.source.path, count, 4096);
  const note = "Random bytes, 4 KiB each, 100 to a directory. The second line is a difference mirror, respectively a second rsync, with nothing to do.";
  return { title, note, ...(await contest(context, `${count.toLocaleString("en")} × 4 KiB`)) };
}
