// Whatever bytes come: a set is applied, or refused with one clear error; nothing outside the root ever changes.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { packHeader } from "../../src/model/change-set.js";
import { ApplyKit, dir, file, frame, link, remove, rename, snapshot, symlink } from "../support/apply-kit.js";

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
