// Compares a file with the block signatures of another copy, piece by piece. Nothing is sent.

import { closeFd, type FileStat, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openAt, statAt } from "../fs/native.js";
import type { BlockRange } from "../model/change.js";
import type { MirrorCheck } from "../model/mirror-port.js";
import { sumsFromBytes } from "./content-reader.js";
import { SumsScan } from "./sums-scan.js";

export class SumsCheck implements MirrorCheck {
  differingBytes = 0;
  readonly #fd: number;
  readonly #scan: SumsScan;

  private constructor(fd: number, size: number, sums: BigUint64Array, range: BlockRange | undefined) {
    this.#fd = fd;
    this.#scan = new SumsScan(size, sums, range, (_block, bytes) => {
      this.differingBytes += bytes;
    });
  }

  /** Null = the name is not that file any more, or cannot be read. */
  static open(dirfd: number, name: string, stat: FileStat, sums: Buffer, range?: BlockRange): SumsCheck | null {
    const fd = openAt(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return null;
    const opened = statAt(fd, "");
    if (typeof opened !== "number" && opened.ino === stat.ino && opened.dev === stat.dev) return new SumsCheck(fd, opened.size, sumsFromBytes(sums), range);
    closeFd(fd);
    return null;
  }

  step(): "more" | "done" | "vanished" {
    return this.#scan.step(this.#fd);
  }

  close(): void {
    closeFd(this.#fd);
  }
}
