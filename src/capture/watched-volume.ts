// A file system whose write ranges are told, and how its files are named in events and in looks at the tree.

import { closeSync, openSync } from "node:fs";
import { btrfsSubvolumeOf } from "../fs/btrfs.js";
import { fsError } from "../fs/errno.js";
import type { InodeId } from "./range-table.js";
import type { RootTree } from "./root-tree.js";
import { findTraceVolume, type NoTraceVolume, type TraceVolume } from "./trace-volume.js";

export interface WatchedVolume {
  readonly volume: TraceVolume;
  /** Of `FileStat.dev`; on btrfs it is that of one subvolume. */
  readonly dev: number;
  /** The btrfs subvolume; 0 elsewhere. */
  readonly subvolume: number;
}

/** The file system that a root lies in. What is mounted below the root, and other subvolumes, are not meant. */
export function watchedVolumeOf(tree: RootTree): WatchedVolume | NoTraceVolume {
  const volume = findTraceVolume(tree.path);
  if ("reason" in volume) return volume;
  const { dev } = tree.table.root.inode;
  if (volume.kind !== "btrfs") return { volume, dev, subvolume: 0 };
  const fd = openSync(tree.path, "r");
  try {
    const subvolume = btrfsSubvolumeOf(fd);
    if (subvolume < 0) throw fsError(subvolume, "tell the subvolume of", tree.path);
    return { volume, dev, subvolume };
  } finally {
    closeSync(fd);
  }
}

export function idOf({ volume, subvolume }: WatchedVolume, ino: number): InodeId {
  return { device: volume.device, root: subvolume, ino };
}
