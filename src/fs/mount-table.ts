// The mounts this process sees, from /proc/self/mountinfo. Paths are bytes as latin1 text.

import { readFileSync } from "node:fs";

export interface Mount {
  readonly id: number;
  /** The mount that it is mounted on. */
  readonly parentId: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** The directory of the file system that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  /** What was mounted, e.g. /dev/sda1. */
  readonly source: string;
  /** The file system itself, not only this mount of it. */
  readonly isReadOnly: boolean;
}

export const MOUNT_TABLE_PATH = "/proc/self/mountinfo";

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function parseLine(line: string): Mount[] {
  const separator = line.indexOf(" - ");
  if (separator < 0) return [];
  const [id, parentId, device, root, mountPoint] = line.slice(0, separator).split(" ");
  const [type, source, options] = line.slice(separator + 3).split(" ");
  if (id === undefined || device === undefined || root === undefined || mountPoint === undefined || type === undefined) return [];
  return [
    {
      id: Number(id),
      parentId: Number(parentId),
      device,
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      type: unescapeOctal(type),
      source: unescapeOctal(source ?? ""),
      isReadOnly: (options ?? "").split(",").includes("ro"),
    },
  ];
}

export function parseMountTable(text: string): Mount[] {
  return text.split("\n").flatMap(parseLine);
}

export function readMountTable(): Mount[] {
  return parseMountTable(readFileSync(MOUNT_TABLE_PATH, "latin1"));
}

function isBelow(path: string, mountPoint: string): boolean {
  return mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
}

/** The mount on which an absolute real path ends, found as the kernel walks: a mount hides what is mounted below its mount point. */
export function findMount(mounts: readonly Mount[], path: string): Mount | undefined {
  const ids = new Set(mounts.map(({ id }) => id));
  let at = mounts.find((mount) => mount.mountPoint === "/" && (mount.parentId === mount.id || !ids.has(mount.parentId)));
  const passed = new Set<Mount>();
  while (at !== undefined && !passed.has(at)) {
    passed.add(at);
    const here = at;
    const below = mounts.filter((mount) => mount !== here && mount.parentId === here.id && isBelow(path, mount.mountPoint));
    at = below.sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0] ?? here;
  }
  return at;
}
