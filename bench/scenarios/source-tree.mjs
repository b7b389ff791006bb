import { contest } from "../lib/contest.mjs";
import { formatBytes } from "../lib/statistics.mjs";
import { countTree, makeSourceTree, unpackLinuxSource } from "../lib/tree-data.mjs";

export const title = "A source tree";

/** Puts the tree into the source image. Returns what it is. */
export function makeTree(/** @type {import("../lib/contest.mjs").Context} */ context) {
  context.source.renew();
  const version = context.linuxSource ? unpackLinuxSource(context.source.path, context.work) : undefined;
  if (version !== undefined) return `Debian's ${version}, unpacked.`;
  context.source.renew();
  makeSourceTree(context.source.path, Math.max(100, Math.round(48_000 * context.scale)));
  return "Generated: depths and sizes as in a kernel source, text that repeats itself.";
}

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const note = makeTree(context);
  const { files, bytes } = countTree(context.source.path);
  return { title, note, ...(await contest(context, `${files.toLocaleString("en")} files, ${formatBytes(bytes)}`)) };
}
