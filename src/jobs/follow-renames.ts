import type { BytePath } from "../model/byte-path.js";
import { isBelow } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { ShippedRename } from "../model/mirror-port.js";

/** Where the renames took what was at `path`. */
export function follow(root: RootIndex, path: BytePath, renames: readonly ShippedRename[]): BytePath {
  return renames.reduce(
    (at, rename) => (rename.root === root && isBelow(at, rename.path) ? (`${rename.to}${at.slice(rename.path.length)}` as BytePath) : at),
    path,
  );
}
