// Totals of a verification.

import type { EntryType } from "../model/change.js";
import type { MirrorTotals } from "../model/mirror-port.js";
import { NOTHING_VERIFIED, type VerifyCounts, type VerifyFinding } from "../model/verify.js";

export class VerifyTally {
  #counts: { -readonly [K in keyof VerifyCounts]: VerifyCounts[K] } = { ...NOTHING_VERIFIED };

  get counts(): VerifyCounts {
    return { ...this.#counts };
  }

  begin({ files, bytes }: MirrorTotals): void {
    this.#counts = { ...NOTHING_VERIFIED, filesTotal: files, bytesTotal: bytes };
  }

  directory(): void {
    this.#counts.directories += 1;
  }

  equal(type: EntryType | null, size: number): void {
    if (type !== "dir") this.#file(type, size);
  }

  unjudged(type: EntryType | null, size: number): void {
    this.#counts.unjudged += 1;
    if (type !== null && type !== "dir") this.#file(type, size);
  }

  finding({ why, type, source, differingBytes }: Omit<VerifyFinding, "isRepaired">, isRepaired: boolean): void {
    const counts = this.#counts;
    if (isRepaired) counts.repaired += 1;
    if (why === "extra") {
      counts.extras += 1;
      return;
    }
    const size = type === "file" ? (source?.size ?? 0) : 0;
    if (type === "dir") {
      if (why === "missing") counts.directoriesMissing += 1;
      else counts.directoriesDifferent += 1;
      return;
    }
    this.#file(type, size);
    if (why === "missing") {
      counts.filesMissing += 1;
      counts.bytesMissing += size;
    } else {
      counts.filesDifferent += 1;
      counts.bytesDifferent += differingBytes ?? (why === "content" || why === "type" ? size : 0);
    }
  }

  #file(type: EntryType | null, size: number): void {
    this.#counts.files += 1;
    if (type === "file") this.#counts.bytes += size;
  }
}
