import { SmError } from "../base/errors.js";
import { AT_FDCWD, statAt } from "../fs/native.js";
import { bytesFromText } from "../model/byte-path.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import { isInside } from "../model/repset-roots.js";

/** The wish with its paths in plain form; USAGE when one of them is not of the set, or not there. */
export function withPlainPaths(wish: MirrorWish, roots: readonly string[]): MirrorWish {
  if (wish.paths === undefined) return wish;
  const paths = wish.paths.map((path) => path.replace(/(?<=.)\/+$/, ""));
  for (const path of paths) {
    if (!path.startsWith("/") || path.split("/").some((part, index) => part === "." || part === ".." || (part === "" && index > 0 && path !== "/")))
      throw new SmError("USAGE", `${path} is not a plain absolute path`, { data: { path } });
    if (!roots.some((root) => isInside(path, root)))
      throw new SmError("USAGE", `${path} does not lie below what the set is watched at: ${roots.join(", ")}`, { data: { path } });
    if (typeof statAt(AT_FDCWD, bytesFromText(path)) === "number") throw new SmError("USAGE", `there is no ${path} on the source`, { data: { path } });
  }
  return { ...wish, paths };
}
