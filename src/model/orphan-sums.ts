// How much there is of orphans, those below orphans included.

/** Files: all that is no directory. Bytes: of regular files. */
export interface OrphanSums {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
}

export const NO_ORPHANS: OrphanSums = { files: 0, directories: 0, bytes: 0 };

export function addSums(a: OrphanSums, b: OrphanSums): OrphanSums {
  return { files: a.files + b.files, directories: a.directories + b.directories, bytes: a.bytes + b.bytes };
}
