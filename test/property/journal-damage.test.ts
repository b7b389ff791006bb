// Whatever happens to a segment on disk, a consumer gets a part of the originals and is told exactly what is missing.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { DiskJournal } from "../../src/journal/disk-journal.js";
import { encodeFrameHeader, encodeSegmentHeader, parseSegment, segmentSeed } from "../../src/journal/segment-format.js";
import { collectLosses, range, readAll, recordOf, seqsOf } from "../support/journal-fixture.js";

const LAST_SEQ = 30;
const OPTIONS = { setName: "set", log: silentLog, minFreeBytes: 0, memoryBytesMax: 0, segmentBytes: 500 };

let root: string;
let segments: string[];

const bytesOf = (seq: number): number => (seq * 37) % 120;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "journal-"));
  const journal = await DiskJournal.open({ ...OPTIONS, directory: join(root, "original") });
  journal.addCursor(1, 0);
  for (const seq of range(1, LAST_SEQ)) await journal.append(recordOf(seq, 0, bytesOf(seq)));
  await journal.close();
  segments = (await readdir(join(root, "original"))).filter((name) => name.endsWith(".seg")).sort();
});

afterAll(() => rm(root, { recursive: true }));

type Damage =
  | { readonly kind: "flip"; readonly at: number; readonly mask: number }
  | { readonly kind: "cut" | "remove-range" | "garbage"; readonly at: number; readonly length: number }
  | { readonly kind: "delete" };

const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("flip" as const), at: fc.nat(499), mask: fc.integer({ min: 1, max: 255 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("cut" as const, "remove-range" as const, "garbage" as const),
      at: fc.nat(499),
      length: fc.integer({ min: 1, max: 200 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "delete" as const }) },
);

async function inflict(path: string, harm: Damage): Promise<void> {
  if (harm.kind === "delete") return rm(path, { force: true });
  const file = await readFile(path).catch(() => Buffer.alloc(0));
  const at = Math.min(harm.at, file.length - 1);
  if (at < 0) return;
  if (harm.kind === "flip") file[at] = (file[at] ?? 0) ^ harm.mask;
  if (harm.kind === "garbage") file.fill("SMR1garbage", at, Math.min(file.length, at + harm.length));
  if (harm.kind === "cut") await writeFile(path, file.subarray(0, at));
  else if (harm.kind === "remove-range") await writeFile(path, Buffer.concat([file.subarray(0, at), file.subarray(at + harm.length)]));
  else await writeFile(path, file);
}

test("damaged anyhow, before opening or while open: a part of the originals, and losses that cover the rest", async () => {
  const wound = fc.record({ segment: fc.nat(20), damage, isWhileOpen: fc.boolean() });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(wound, { minLength: 1, maxLength: 4 }), async (wounds) => {
      const directory = join(root, `run-${run++}`);
      await cp(join(root, "original"), directory, { recursive: true });
      const pathOf = (index: number): string => join(directory, segments[index % segments.length] ?? "");
      for (const { segment, damage, isWhileOpen } of wounds) if (!isWhileOpen) await inflict(pathOf(segment), damage);
      const journal = await DiskJournal.open({ ...OPTIONS, directory });
      const losses = collectLosses(journal);
      for (const { segment, damage, isWhileOpen } of wounds) if (isWhileOpen) await inflict(pathOf(segment), damage);
      const records = await readAll(journal, 1);
      for (const record of records) expect(record).toEqual(recordOf(record.seq, 0, bytesOf(record.seq)));
      // Damage on top of damage may be told again in a longer span; what was read is never told as lost.
      const lost = new Set(losses.flatMap((loss) => range(loss.fromSeq, loss.toSeq)));
      expect([...lost, ...seqsOf(records)].sort((a, b) => a - b)).toEqual(range(1, LAST_SEQ));
      expect(journal.backlog(1).records).toBe(records.length);
      await journal.close();
      await rm(directory, { recursive: true });
    }),
    { numRuns: 300 },
  );
});

test("one flipped byte of a segment loses at most one record", async () => {
  for (const name of segments) {
    const file = await readFile(join(root, "original", name));
    const firstSeq = Number(name.slice(-20, -4));
    const identity = { setName: "set", epoch: name.slice(4, 20), firstSeq };
    const lastSeq = parseSegment(file, identity, LAST_SEQ).records.at(-1)?.seq ?? 0;
    for (let at = 0; at < file.length; at++) {
      const copy = Buffer.from(file);
      copy[at] = (copy[at] ?? 0) ^ 0x40;
      const parsed = parseSegment(copy, identity, lastSeq);
      const lost = parsed.lost.flatMap((span) => range(span.fromSeq, span.toSeq));
      expect(lost.length).toBeLessThanOrEqual(1);
      expect([...lost, ...seqsOf(parsed.records)].sort((a, b) => a - b)).toEqual(range(firstSeq, lastSeq));
    }
  }
});

test("a segment that is the content of a record is never read as records", () => {
  const identity = { setName: "set", epoch: "0123456789abcdef", firstSeq: 1 };
  const header = encodeSegmentHeader(identity);
  const frame = (seq: number, bytes: Buffer, at: number): Buffer => {
    const head = Buffer.alloc(32);
    encodeFrameHeader(head, { seq, connectionId: 0, bytes }, segmentSeed(header), at);
    return Buffer.concat([head, bytes]);
  };
  const inner = Buffer.concat([header, frame(1, Buffer.from("inner one"), header.length), frame(2, Buffer.from("inner two"), header.length + 41)]);
  const outer = Buffer.concat([header, frame(1, inner, header.length)]);
  outer[header.length + 8] = 9;
  expect(parseSegment(outer, identity, 3)).toMatchObject({ records: [], lost: [{ fromSeq: 1, toSeq: 3 }] });
});

test("a parser fed with anything does not throw and invents nothing", () => {
  const identity = { setName: "set", epoch: "0123456789abcdef", firstSeq: 1 };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(parseSegment(Buffer.from(bytes), identity, 5)).toMatchObject({ records: [], lost: [{ fromSeq: 1, toSeq: 5 }] });
    }),
    { numRuns: 500 },
  );
});
