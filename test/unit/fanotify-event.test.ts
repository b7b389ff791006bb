// Event buffers as four file systems gave them, and what a careless or hostile one must not do to the parser.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FanotifyEvent, handleOfKey, type NamedPlace, parseEvents } from "../../src/capture/fanotify-event.js";
import { identityOfHandle } from "../../src/fs/file-handle.js";

const GOLDEN = JSON.parse(readFileSync(new URL("golden/fanotify-events.json", import.meta.url), "utf8")) as Record<string, string>;
const TYPES = Object.keys(GOLDEN);

function golden(type: string): Buffer {
  return Buffer.from(GOLDEN[type] ?? "", "hex");
}

function parse(buffer: Buffer): { readonly events: FanotifyEvent[]; readonly isWhole: boolean } {
  const events: FanotifyEvent[] = [];
  return { isWhole: parseEvents(buffer, buffer.length, (event) => events.push(event)), events };
}

const MASKS: Readonly<Record<number, string>> = {
  2: "modify",
  4: "attrib",
  8: "close",
  256: "create",
  512: "delete",
  268435456: "rename",
  1073741824: "dir",
};

/** Inodes by the order of their appearance. */
function outline(events: readonly FanotifyEvent[]): string[] {
  const inodes = new Map<string, string>();
  const inode = (key: string): string => {
    const known = inodes.get(key) ?? `#${inodes.size}`;
    inodes.set(key, known);
    return known;
  };
  const place = (label: string, named: NamedPlace | null): string => (named === null ? "" : ` ${label} ${inode(named.directory)}/${named.name}`);
  return events.map(({ mask, target, place: at, from, to }) => {
    const bits = Object.entries(MASKS).flatMap(([bit, name]) => ((mask & Number(bit)) !== 0 ? [name] : []));
    return `${bits.join("+")}${place("at", at)}${place("from", from)}${place("to", to)}${target === null ? "" : ` of ${inode(target)}`}`;
  });
}

/** The directory and the file of each recording. */
const IDENTITIES: Readonly<Record<string, readonly unknown[]>> = {
  ext4: [
    { ino: 32769, generation: 1422475578, space: 0 },
    { ino: 32770, generation: 1034412818, space: 0 },
  ],
  xfs: [
    { ino: 131, generation: 2322512767, space: 0 },
    { ino: 132, generation: 2990277993, space: 0 },
  ],
  btrfs: [
    { ino: 257, generation: 7, space: 5 },
    { ino: 258, generation: 7, space: 5 },
  ],
  tmpfs: [
    { ino: 2, generation: 2859605713, space: 0 },
    { ino: 3, generation: 2219408636, space: 0 },
  ],
};

describe.each(TYPES)("events of %s", (type) => {
  test("say what was done, where and to which inode", () => {
    const { events, isWhole } = parse(golden(type));
    expect(isWhole).toBe(true);
    expect(outline(events)).toEqual([
      "create+dir at #0/d of #1",
      "modify+close+create at #1/\xff of #2",
      "attrib of #2",
      "create+delete at #0/l of #2",
      "rename+dir from #0/d to #0/e of #1",
      "attrib+dir at #1/.",
    ]);
    expect(events.every(({ pid }) => pid === 4242)).toBe(true);
  });

  test("name inodes by number, generation and space", () => {
    const keys = new Set(parse(golden(type)).events.flatMap(({ target }) => target ?? []));
    const identities = [...keys].map((key) => identityOfHandle(handleOfKey(key)));
    expect(identities).toEqual(IDENTITIES[type]);
  });

  test("cut anywhere: the events before the cut, and damage unless the cut is between two", () => {
    const whole = golden(type);
    const { events } = parse(whole);
    for (let length = 0; length < whole.length; length++) {
      const cut = parse(whole.subarray(0, length));
      expect(cut.events).toEqual(events.slice(0, cut.events.length));
      expect(cut.isWhole).toBe(length === lengthOf(whole, cut.events.length));
    }
  });

  test("with bytes changed: never more than damage", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(golden(type).length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }), (changes) => {
        const buffer = golden(type);
        for (const [at, byte] of changes) buffer[at] = byte;
        for (const { place, from, to } of parse(buffer).events) {
          for (const named of [place, from, to]) if (named !== null) expect(named.name).toMatch(/^[^/\0]+$/s);
        }
      }),
    );
  });
});

function lengthOf(buffer: Buffer, events: number): number {
  let at = 0;
  for (let i = 0; i < events; i++) at += buffer.readUInt32LE(at);
  return at;
}

describe("a buffer that is not as it should be", () => {
  const first = (change: (buffer: Buffer) => void): boolean => {
    const buffer = Buffer.from(golden("ext4").subarray(0, lengthOf(golden("ext4"), 1)));
    change(buffer);
    return parse(buffer).isWhole;
  };
  const DAMAGES: readonly (readonly [string, (buffer: Buffer) => unknown])[] = [
    ["an event of no length", (buffer) => buffer.writeUInt32LE(0, 0)],
    ["an event longer than the buffer", (buffer) => buffer.writeUInt32LE(buffer.length + 1, 0)],
    ["an event of 4 GiB", (buffer) => buffer.writeUInt32LE(0xffffffff, 0)],
    ["another version", (buffer) => (buffer[4] = 4)],
    ["metadata longer than the event", (buffer) => buffer.writeUInt16LE(0xffff, 6)],
    ["metadata too short", (buffer) => buffer.writeUInt16LE(8, 6)],
    ["a record of no length", (buffer) => buffer.writeUInt16LE(0, 26)],
    ["a record longer than the event", (buffer) => buffer.writeUInt16LE(0xffff, 26)],
    ["a handle longer than handles are", (buffer) => buffer.writeUInt32LE(129, 36)],
    ["a handle of 4 GiB", (buffer) => buffer.writeUInt32LE(0xffffffff, 36)],
    ["a handle of no length", (buffer) => buffer.writeUInt32LE(0, 36)],
    ["a name with a slash", (buffer) => buffer.write("/", 52, "latin1")],
    ["a name that leads up", (buffer) => buffer.write("..\0", 52, "latin1")],
    ["no name", (buffer) => (buffer[52] = 0)],
    ["a name without an end", (buffer) => buffer.fill("n", 52)],
  ];

  test.for(DAMAGES)("%s is damage", ([, change]) => expect(first(change)).toBe(false));

  test("a record of a kind that is not known is passed over", () => {
    expect(first((buffer) => (buffer[24] = 99))).toBe(true);
  });

  test("an event that tells nothing is damage, but for an overflow", () => {
    const bare = Buffer.alloc(24);
    bare.writeUInt32LE(24, 0);
    bare[4] = 3;
    bare.writeUInt16LE(24, 6);
    expect(parse(bare)).toEqual({ events: [], isWhole: false });
    bare.writeUInt32LE(0x4000, 8);
    expect(parse(bare)).toMatchObject({ events: [{ mask: 0x4000, target: null, place: null }], isWhole: true });
  });
});
