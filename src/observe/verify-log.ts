// The verification log of a replication set, in the form known from the field: one block for each verification, one entry for
// each difference, as it was before any repair; totals at the end.

import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { FoundEntry } from "../model/change.js";
import { instantText } from "../model/explanation.js";
import type { VerifyContent, VerifyCounts, VerifyFinding } from "../model/verify.js";

export interface VerifyLogOptions {
  readonly directory: string;
  readonly repset: string;
  /** What follows the name of the set. */
  readonly name: string;
  readonly append: boolean;
  /** At this size nothing more is logged. */
  readonly bytesMax: number;
  readonly log: Log;
}

export interface VerifyHeader {
  readonly connectionId: number;
  readonly content: VerifyContent;
  readonly source: string;
  readonly target: string;
}

const CHECKSUM: Readonly<Record<VerifyContent, string>> = { times: "no checksum", flagged: "checksum of flagged files", all: "checksum of all files" };
const FULL = "--- the log has reached its limit: nothing more is written ---\n";

export class VerifyLog {
  readonly path: string;
  readonly #options: VerifyLogOptions;
  readonly #startedMs = performance.now();
  #bytes = 0;
  #isOver = false;

  constructor(options: VerifyLogOptions) {
    this.#options = options;
    this.path = join(options.directory, `${options.repset} ${options.name}`);
  }

  begin({ connectionId, content, source, target }: VerifyHeader): void {
    const { repset, append } = this.#options;
    this.#bytes = append ? (statSync(this.path, { throwIfNoEntry: false })?.size ?? 0) : 0;
    if (!append) this.#try(() => writeFileSync(this.path, "", { mode: 0o640 }));
    this.#write([
      `--- VERIFICATION OF CONNECTION ${connectionId} (${CHECKSUM[content]}): ${repset} for ${source} --> ${target} ---`,
      `Start Time: ${new Date().toISOString()}`,
    ]);
  }

  /** `path` absolute, as text. */
  finding(path: string, { why, type, source, target, differingBytes, isRepaired }: VerifyFinding): void {
    const what = why === "missing" ? "MISSING ON TARGET" : why === "extra" ? "NOT ON SOURCE" : "DIFFERENT ON TARGET";
    const lines = [`${type === "dir" ? "Directory" : "File"}: ${path} ${what}`];
    if (source !== null) lines.push(`    Source Attributes: ${attributes(source)}`);
    if (target !== null) lines.push(`    Target Attributes: ${attributes(target)}`);
    if (why === "type") lines.push("    The types are different.");
    if (why === "link") lines.push("    The hard links are different.");
    if (why === "attr") lines.push("    Times, permissions, owners or extended attributes are different.");
    if (differingBytes !== null) lines.push(`    Out of sync: ${differingBytes} bytes`);
    if (isRepaired) lines.push("    Remirrored.");
    this.#write(lines);
  }

  end(outcome: string, counts: VerifyCounts): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(6);
    this.#write([
      `Completion Time: ${new Date().toISOString()} (${outcome})   Elapsed Time (seconds): ${seconds}`,
      `Directories: ${counts.directories} compared, ${counts.directoriesMissing} missing, ${counts.directoriesDifferent} different`,
      `Files: ${counts.files} compared, ${counts.filesMissing} missing, ${counts.filesDifferent} different, ${counts.unjudged} changing all the time`,
      `Not on the source: ${counts.extras}`,
      `Remirrored: ${counts.repaired}`,
      `Bytes: ${counts.bytes} compared, ${counts.bytesMissing} missing, ${counts.bytesDifferent} different`,
      "--- END OF VERIFICATION ---",
      "",
    ]);
  }

  #write(lines: readonly string[]): void {
    if (this.#isOver) return;
    const text = lines.map((line) => `${line}\n`).join("");
    const bytes = Buffer.byteLength(text);
    this.#isOver = this.#bytes + bytes > this.#options.bytesMax;
    // Once only: a log that was full before holds the line already.
    if (this.#isOver && this.#bytes >= this.#options.bytesMax) return;
    this.#bytes = this.#isOver ? this.#options.bytesMax : this.#bytes + bytes;
    this.#try(() => appendFileSync(this.path, this.#isOver ? FULL : text, { mode: 0o640 }));
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.#isOver) this.#options.log.warn(`the verification log cannot be written: ${toSmError(error).message}`, { path: this.path });
      this.#isOver = true;
    }
  }
}

function attributes({ size, mtimeSec, mtimeNsec, mode }: FoundEntry): string {
  return `TimeStamp = ${instantText(mtimeSec, mtimeNsec)}, Size = ${size}, Mask = 0${mode.toString(8)}`;
}
