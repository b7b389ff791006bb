import { join } from "node:path";
import { contest } from "../lib/contest.mjs";
import { formatBytes } from "../lib/statistics.mjs";
import { makeLargeFile } from "../lib/tree-data.mjs";

export const title = "One large file";

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const bytes = Math.max(64, Math.round(4096 * context.scale)) * 1024 * 1024;
  context.source.renew();
  makeLargeFile(join(context.source.path, "large"), bytes);
  return { title, note: "Random bytes.", ...(await contest(context, formatBytes(bytes))) };
}
