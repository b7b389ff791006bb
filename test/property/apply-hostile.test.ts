// Whatever bytes come: a set is applied, or refused with one clear error; nothing outside the root ever changes.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import type { Change, Extent, Meta } from "../../src/model/change.js";
import { CHANGES_PER_SET_MAX, decodeChangeSet, packHeader } from "../../src/model/change-set.js";
import { ApplyKit, bp, dir, entry, file, frame, link, meta, patch, remove, rename, snapshot, symlink } from "../support/apply-kit.js";

function tryApply(kit: ApplyKit, bytes: Buffer): void {
  try {
    const outcome = kit.engine.applySet(bytes);
    expect(["applied", "skipped"]).toContain(outcome.kind);
  } catch (error) {
    expect(error).toBeInstanceOf(SmError);
    expect((error as SmError).code).toBe("PROTOCOL");
  }
}

function plantOutside(kit: ApplyKit): Record<string, string> {
  mkdirSync(`${kit.directory}/outside/sub`, { recursive: true });
  mkdirSync(kit.target);
  writeFileSync(`${kit.directory}/outside/secret`, "secret");
  symlinkSync(`${kit.directory}/outside`, `${kit.target}/a`);
  symlinkSync("/etc/hostname", `${kit.target}/b`);
  return snapshot(`${kit.directory}/outside`);
}

test("flipped and cut frames", () => {
  const kit = new ApplyKit();
  const before = plantOutside(kit);
  const whole = frame(1, [
    dir("a/x"),
    file("a/secret", "evil"),
    symlink("c", "/etc"),
    rename("a/secret", "c/x"),
    link("d", "a/secret"),
    remove("a/sub"),
    file("c/passwd", "evil"),
    { op: "index", root: 0, path: bp("a/secret"), blockBytes: 2048, ranges: [0, 9] },
    {
      ...{ op: "rebuild", root: 0, path: bp("a/secret"), base: { size: 6, mtimeSec: 0, mtimeNsec: 0 }, continues: false, parts: [0, 3] },
      ...{ size: 3, seed: 1n, end: { meta: meta(), hash: 2n }, payload: Buffer.alloc(0) },
    },
  ]);
  try {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        tryApply(kit, bytes);
        tryApply(kit, bytes.subarray(0, length));
        expect(snapshot(`${kit.directory}/outside`)).toEqual(before);
      }),
      { numRuns: 1500 },
    );
  } finally {
    kit.close();
  }
});

test("well-formed frames with any values and hostile paths", () => {
  const kit = new ApplyKit();
  const before = plantOutside(kit);
  const part = fc.constantFrom("..", ".", "", "a", "b", "secret", "sub", "x".repeat(300), "\0", "/", "é", "€", "a/../../outside");
  const hostile = fc.array(part, { maxLength: 4 }).map((parts) => parts.join("/"));
  const number = fc.oneof(fc.nat(20), fc.constantFrom(-1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, Number.NaN));
  const field = fc.oneof(
    hostile,
    number,
    fc.constant(null),
    fc.constant([]),
    fc.constant([0o644, 0, 0, 1, 1]),
    fc.constant([[0, 5]]),
    fc.uint8Array({ maxLength: 4 }),
  );
  const changes = fc.array(fc.tuple(fc.nat(11), fc.constantFrom(0, 0, 0, 1, -1), hostile, fc.array(field, { maxLength: 8 })), { maxLength: 5 });
  let seq = 0;
  try {
    fc.assert(
      fc.property(changes, fc.uint8Array({ maxLength: 12 }), (list, payload) => {
        seq += 1;
        const header = packHeader(["set", seq, 1, 0, list.map(([op, root, path, rest]) => [op, root, path, ...rest])]);
        const head = Buffer.alloc(4);
        head.writeUInt32LE(header.length);
        tryApply(kit, Buffer.concat([head, header, payload]));
        expect(snapshot(`${kit.directory}/outside`)).toEqual(before);
      }),
      { numRuns: 3000 },
    );
  } finally {
    kit.close();
  }
});

const HEADER_BYTES_MAX = 8 * 1024 * 1024;

/** A set whose list of changes is these bytes of msgpack. */
function setOf(changes: Buffer | string): Buffer {
  const header = Buffer.concat([Buffer.from("95a3736574010100", "hex"), typeof changes === "string" ? Buffer.from(changes, "hex") : changes]);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(header.length);
  return Buffer.concat([head, header]);
}

function repeated(hex: string, count: number, tail = ""): Buffer {
  return Buffer.concat([Buffer.alloc(count * (hex.length / 2), Buffer.from(hex, "hex")), Buffer.from(tail, "hex")]);
}

const bombs: readonly [string, () => Buffer][] = [
  ["deep nesting", () => setOf(repeated("91", 1_000_000, "00"))],
  ["nesting one deeper than attributes are", () => setOf(repeated("91", 6, "00"))],
  ["nested lists that claim sixteen million each", () => setOf(Buffer.concat([repeated("dd01000000", 5), Buffer.alloc(1_100_000, 0xc0)]))],
  ["a list of four thousand million", () => setOf("ddffffffff00")],
  ["a text of four thousand million", () => setOf("91dbffffffff00")],
  ["bytes of four thousand million", () => setOf("91c6ffffffff00")],
  ["a map of four thousand million", () => setOf("91dfffffffff00")],
  ["a map of a hundred thousand", () => setOf(Buffer.concat([Buffer.from("91df000186a0", "hex"), repeated("a16100", 100_000)]))],
  ["an empty map", () => setOf("9180")],
  ["a map named __proto__", () => setOf(`9181a9${Buffer.from("__proto__").toString("hex")}9100`)],
  ["a timestamp", () => setOf("91d6ff00000000")],
  ["a record", () => setOf("91d4724091a161")],
  ["a number of many digits", () => setOf(Buffer.concat([Buffer.from("91c90010000042", "hex"), Buffer.alloc(0x100000, 0xff)]))],
  ["a regular expression", () => setOf("91c70678" + "92a2282ba0" + "00")],
  ["a million and more values", () => setOf(Buffer.concat([Buffer.from("dd00100000", "hex"), Buffer.alloc(0x100000, 0xc0)]))],
  ["millions of empty lists", () => setOf(Buffer.concat([Buffer.from("dd00600000", "hex"), Buffer.alloc(0x600000, 0x90)]))],
  ["a header beyond its limit", () => setOf(Buffer.concat([Buffer.from("91c600800000", "hex"), Buffer.alloc(HEADER_BYTES_MAX)]))],
  ["a header that ends in the middle", () => setOf("9296020000")],
  ["bytes behind the list", () => setOf("9000")],
];

test.each(bombs)("%s is refused before it takes memory", (_what, make) => {
  const kit = new ApplyKit();
  try {
    const bytes = make();
    const before = process.memoryUsage().heapUsed;
    const start = performance.now();
    expect(() => kit.engine.applySet(bytes)).toThrow(expect.objectContaining({ name: "SmError", code: "PROTOCOL" }));
    expect(performance.now() - start).toBeLessThan(1000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 << 20);
  } finally {
    kit.close();
  }
});

test("the largest sets that a source makes are within the limits", () => {
  const longest = "\xff".repeat(255);
  const path = Array.from({ length: 15 }, () => longest).join("/");
  const entries = Array.from({ length: 250 }, (_, i) =>
    entry(`${i}`.padStart(255, "\xff"), { type: "symlink", detail: "\xff".repeat(4095), linkTo: bp(path), xattrDigest: 2 ** 52 }),
  );
  const compare: Change = { op: "compare", root: 0, path: bp(path), entries, from: longest, until: longest, extras: "remove", meta: meta(), asksShared: true };
  expect(decodeChangeSet(frame(1, [compare])).changes).toEqual([compare]);
  const xattrs: Meta["xattrs"] = Array.from({ length: 9 }, (_, i) => [`user.${i}`, Buffer.alloc(10)] as const);
  const many = Array.from({ length: CHANGES_PER_SET_MAX }, (_, i) => dir(`${i}`, { xattrs }));
  expect(decodeChangeSet(frame(1, many)).changes.length).toBe(CHANGES_PER_SET_MAX);
  const extents = Array.from({ length: 100_000 }, (_, i): Extent => [2 * i, 1]);
  const holes = extents.map(([offset]): Extent => [offset + 1, 1]);
  const patched: Change = { ...patch("f", null, [], 200_000, meta()), extents, holes, payload: Buffer.alloc(100_000) } as Change;
  expect(decodeChangeSet(frame(1, [patched])).changes.length).toBe(1);
});
