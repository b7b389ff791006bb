// What jobs tell inodes apart by: a number wherever that is enough, which costs less than a text for each file.

import type { InodeKey } from "../model/mirror-port.js";

/** Larger inode numbers, and devices beyond the first so many, are told by a text. */
const INO_MAX = 2 ** 44;
const DEVICES_MAX = 2 ** 9;

/** In the order in which they were met. */
const devices: number[] = [];

export function inodeKey({ dev, ino }: { readonly dev: number; readonly ino: number }): InodeKey {
  const at = devices.indexOf(dev);
  const device = at < 0 && devices.length < DEVICES_MAX ? devices.push(dev) - 1 : at;
  return device < 0 || ino >= INO_MAX ? `${dev}:${ino}` : device * INO_MAX + ino;
}

export function inodeOfKey(key: InodeKey): { readonly dev: number; readonly ino: number } {
  if (typeof key === "number") return { dev: devices[Math.floor(key / INO_MAX)] ?? -1, ino: key % INO_MAX };
  const [dev, ino] = key.split(":").map(Number);
  return { dev: dev ?? -1, ino: ino ?? -1 };
}
