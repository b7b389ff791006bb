// Says before anything is armed whether fanotify works on a directory, and what it cannot see there.

import { realpathSync } from "node:fs";
import { toSmError } from "../base/errors.js";
import { findMount, readMountTable } from "../fs/mount-table.js";
import { closeFd } from "../fs/native.js";
import { bytesFromText } from "../model/byte-path.js";
import { markMount, NO_MOUNT, openGroup } from "./fanotify-marks.js";

export type FanotifyProbe =
  | {
      readonly kind: "usable";
      readonly tier: 3;
      readonly fsType: string;
      /** One sentence. */
      readonly why: string;
      readonly blindSpots: readonly string[];
    }
  | {
      readonly kind: "unusable";
      /** null when it did not come to that. */
      readonly fsType: string | null;
      /** A clause in words. */
      readonly reason: string;
    };

/** What no event tells on a file system of this type. */
export function blindSpotsOf(fsType: string): readonly string[] {
  return [
    "changed ranges are found by comparing blocks of the files that changed",
    fsType === "tmpfs"
      ? "stores through a shared memory mapping show when the file is closed; asynchronous writes (libaio) as well"
      : "asynchronous writes (libaio) and stores through a shared memory mapping show when the file is closed",
    "a file that is changed through another name of it, outside of the set, or by the NFS server after it was long unused, is found by a walk",
  ];
}

function unusable(reason: string, fsType: string | null = null): FanotifyProbe {
  return { kind: "unusable", fsType, reason };
}

/** Tries on `rootPath` what the source would do; nothing of it stays. */
export function probeFanotify(rootPath: string): FanotifyProbe {
  const group = openGroup({ isUnlimited: true });
  if (typeof group !== "number") return unusable(group.reason);
  try {
    const path = bytesFromText(realpathSync(rootPath));
    const mount = findMount(readMountTable(), path);
    if (mount === undefined) return unusable(NO_MOUNT);
    const fsType = mount.type;
    const marked = markMount(group, path, mount);
    if (marked.kind === "refused") return unusable(marked.reason, fsType);
    return {
      kind: "usable",
      tier: 3,
      fsType,
      why: `one fanotify mark reports all that happens on its ${fsType} file system`,
      blindSpots: blindSpotsOf(fsType),
    };
  } catch (error) {
    return unusable(toSmError(error).message);
  } finally {
    closeFd(group);
  }
}
