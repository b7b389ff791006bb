// Where a path really lies: links resolved, and the file system under it, so that two paths to one directory (bind mounts)
// are known as such.

import { lstatSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesFromText } from "../model/byte-path.js";
import { findMount, type Mount, readMountTable } from "./mount-table.js";

interface Place {
  readonly device: string;
  /** From the root of the file system. */
  readonly path: string;
}

/** Links resolved in the part of the path that exists. */
export function realPathAsFarAsItExists(path: string): string {
  if (path === "/" || lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    try {
      return realpathSync(path);
    } catch {
      // A link that leads nowhere, or in circles: nobody gets further by it than to the link.
    }
  }
  return join(realPathAsFarAsItExists(dirname(path)), path.slice(dirname(path).length));
}

function isAtOrBelow(path: string, ancestor: string): boolean {
  return ancestor === "/" || path === ancestor || path.startsWith(`${ancestor}/`);
}

function placeIn({ device, root, mountPoint }: Mount, real: string): Place {
  return { device, path: join(root, real.slice(mountPoint === "/" ? 0 : mountPoint.length)).replace(/(?<=.)\/$/, "") };
}

/** The place of a real path, then those of the file systems mounted below it. */
function placesOf(mounts: readonly Mount[], real: string): Place[] {
  const own = findMount(mounts, real);
  const below = mounts.filter((mount) => mount.mountPoint !== real && isAtOrBelow(mount.mountPoint, real));
  return [...(own === undefined ? [] : [placeIn(own, real)]), ...below.map((mount) => placeIn(mount, mount.mountPoint))];
}

function overlap(a: Place, b: Place): boolean {
  return a.device === b.device && (isAtOrBelow(a.path, b.path) || isAtOrBelow(b.path, a.path));
}

/** One of the two absolute paths, which need not exist, lies inside the other or is the other, by whatever names. */
export function liesWithin(a: string, b: string, mounts: readonly Mount[] = readMountTable()): boolean {
  const [one, two] = [realPathAsFarAsItExists(a), realPathAsFarAsItExists(b)];
  if (isAtOrBelow(one, two) || isAtOrBelow(two, one)) return true;
  const [ofOne, ofTwo] = [placesOf(mounts, latin1(one)), placesOf(mounts, latin1(two))];
  const [first, second] = [ofOne[0], ofTwo[0]];
  if (first === undefined || second === undefined) return false;
  return ofTwo.some((place) => overlap(first, place)) || ofOne.some((place) => overlap(second, place));
}

/** The mount table is bytes as latin1 text. */
function latin1(path: string): string {
  return bytesFromText(path);
}
