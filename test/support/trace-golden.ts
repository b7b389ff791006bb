// Golden trace pages (test/unit/golden/trace) and what decodes them.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { IomapTracker } from "../../src/capture/iomap-tracker.js";
import { DEFAULT_RANGE_LIMITS } from "../../src/capture/range-table.js";
import { type DecodeContext, ext4Plans, iomapPlans } from "../../src/capture/trace-events.js";
import { btrfsPlans } from "../../src/capture/trace-events-btrfs.js";
import { xfsPlans } from "../../src/capture/trace-events-xfs.js";
import { parseTraceFormat, type TraceFormat } from "../../src/capture/trace-format.js";
import { parseTracePage, type TracePage, type VisitRecord } from "../../src/capture/trace-page.js";
import { TraceSink } from "../../src/capture/trace-sink.js";
import type { TraceVolume } from "../../src/capture/trace-volume.js";

const FOLDER = fileURLToPath(new URL("../unit/golden/trace/", import.meta.url));

export function goldenFormatText(event: string): string {
  return readFileSync(`${FOLDER}formats/${event}.txt`, "latin1");
}

export function goldenFormat(event: string): TraceFormat {
  return parseTraceFormat(goldenFormatText(event));
}

export function goldenPage(name: "ext4" | "xfs" | "btrfs" | "lost"): Uint32Array<ArrayBuffer> {
  return new Uint32Array(new Uint8Array(readFileSync(`${FOLDER}${name}.page`)).buffer);
}

/** Decodes pages as `TraceRanges` does, without a kernel. */
export class GoldenDecoder {
  readonly sink = new TraceSink(DEFAULT_RANGE_LIMITS);
  readonly #iomap = new IomapTracker(this.sink);
  readonly #handlers = new Map<number, VisitRecord>();

  constructor(volumes: readonly TraceVolume[]) {
    const context: DecodeContext = { sink: this.sink, iomap: this.#iomap, volumes };
    for (const plan of [...ext4Plans(context), ...xfsPlans(context), ...btrfsPlans(context), ...iomapPlans(context)]) {
      const format = goldenFormat(plan.event);
      this.#handlers.set(format.id, plan.decoder(format));
    }
  }

  decode(page: Uint32Array): TracePage {
    const parsed = parseTracePage(page, page.byteLength, (words, at, bytes, timeNs) => {
      this.#handlers.get((words[at] ?? 0) & 0xffff)?.(words, at, bytes, timeNs);
    });
    this.#iomap.settle(parsed.lastNs, 0);
    return parsed;
  }
}
