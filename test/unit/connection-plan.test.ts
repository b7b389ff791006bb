import { expect, test } from "vitest";
import { type ConnectionStep, planConnections } from "../../src/agent/connection-plan.js";
import { parseConnectionFile } from "../../src/config/connection-file.js";
import { type ConnectionRecord, connectionRecordSchema } from "../../src/connection/connection-record.js";
import type { ConnectionDescription } from "../../src/model/connection-description.js";
import type { Hook } from "../../src/model/hook.js";

function record(overrides: Partial<ConnectionRecord>): ConnectionRecord {
  return connectionRecordSchema.parse({
    ...{ id: 1, key: "k", repset: "data", peer: "B", mappings: [{ source: "/data", target: "/copy" }], options: {}, createdAt: "" },
    ...{ roots: [], epoch: "", durableSeq: 0, mirrorNeed: null, wasMirrored: true, cleanUntilMs: 0 },
    ...overrides,
  });
}

function described(name: string, text = ""): ConnectionDescription {
  const parsed = parseConnectionFile(name, name, `set: data\ntarget: B\nmap: {/data: /copy}\n${text}`);
  if ("errors" in parsed) throw new Error(JSON.stringify(parsed.errors));
  return parsed.description;
}

function plan(
  descriptions: readonly ConnectionDescription[],
  records: readonly ConnectionRecord[],
  more: { files?: null; isConfirmed?: boolean; hooks?: readonly Hook[] | null } = {},
): string[] {
  const files = more.files === null ? null : descriptions.map(({ name }) => name);
  const { hooks = [], isConfirmed = false } = more;
  return planConnections({ descriptions, files, records, hooksOf: () => hooks, isConfirmed }).map(stepText);
}

function stepText(step: ConnectionStep): string {
  if (step.kind === "create") return `create ${step.description.name}`;
  if (step.kind === "disconnect" || step.kind === "keep") return `${step.kind} ${step.id}`;
  return step.kind === "refuse" ? `refuse ${step.id}` : `change ${step.id} ${step.changes.join("+")}`.trim();
}

test("what is missing is made, what is as described is left alone", () => {
  expect(plan([described("a")], [])).toEqual(["create a"]);
  expect(plan([described("a")], [record({ file: "a" })])).toEqual(["change 1"]);
});

test("each setting that differs is changed, and nothing else", () => {
  const one = (text: string): string[] => plan([described("a", text)], [record({ file: "a" })]);
  expect(one("compression: lz4")).toEqual(["change 1 compression"]);
  expect(one("replicate: false")).toEqual(["change 1 replicate"]);
  expect(one("guard: {changed: 50}")).toEqual(["change 1 guard"]);
  expect(one("limit: 1MiB\nschedule: {window: 1:00-2:00}")).toEqual(["change 1 limit+schedule"]);
  expect(one("verify: {at: daily}\nscrub: {bytesPerSecond: 1MiB}")).toEqual(["change 1 verify+scrub"]);
  expect(one("mirror: full")).toEqual(["change 1"]);
});

test("hooks of a file are those of the connection, in their order; where it says nothing they are left alone", () => {
  const text = "hooks: [{name: a, event: mirror-start, program: /a}, {name: b, event: mirror-stop, program: /b}]";
  const own = described("a", text).hooks ?? [];
  const one = (described_: string, hooks: readonly Hook[] | null): string[] => plan([described("a", described_)], [record({ file: "a" })], { hooks });
  expect(one(text, own)).toEqual(["change 1"]);
  expect(one(text, [])).toEqual(["change 1 hooks"]);
  expect(one(text, [...own].reverse())).toEqual(["change 1 hooks"]);
  expect(one(text.replace("/b", "/c"), own)).toEqual(["change 1 hooks"]);
  expect(one("hooks: []", own)).toEqual(["change 1 hooks"]);
  expect([one("", own), one("hooks: []", []), one(text, null)]).toEqual([["change 1"], ["change 1"], ["change 1"]]);
});

test("a place is never left: what would need another connection is refused", () => {
  const one = (text: string): string[] => plan([described("a", text)], [record({ file: "a" })]);
  for (const text of ["durability: none", "remapLinks: false"]) expect(one(text)).toEqual(["refuse 1"]);
  expect(plan([described("a")], [record({ file: "a", peer: "C" })])).toEqual(["refuse 1"]);
  expect(plan([described("a")], [record({ file: "a", mappings: [{ source: "/data", target: "/other" }] })])).toEqual(["refuse 1"]);
  expect(plan([described("a")], [record({ file: "a", mappings: [{ source: "/more", target: "/copy" }] })])).toEqual(["refuse 1"]);
});

test("a file of another name takes over what its place has", () => {
  expect(plan([described("b")], [record({ file: "a" })])).toEqual(["change 1 file"]);
});

test("what a command made gets the settings of a file, and never ends with it", () => {
  expect(plan([described("a", "compression: lz4")], [record({})])).toEqual(["change 1 compression"]);
  expect(plan([], [record({})])).toEqual([]);
});

test("what files made ends with them, but not all at once, and not without their directory", () => {
  const made = (id: number, file: string): ConnectionRecord => record({ id, file, mappings: [{ source: "/data", target: `/${file}` }] });
  const [a, b, c] = [record({ file: "a" }), made(2, "b"), made(3, "c")];
  expect(plan([described("a")], [a, b])).toEqual(["disconnect 2", "change 1"]);
  expect(plan([described("a")], [a, b, c])).toEqual(["keep 2", "keep 3", "change 1"]);
  expect(plan([described("a")], [a, b, c], { isConfirmed: true })).toEqual(["disconnect 2", "disconnect 3", "change 1"]);
  expect(plan([], [a])).toEqual(["keep 1"]);
  expect(plan([], [a], { isConfirmed: true })).toEqual(["disconnect 1"]);
  expect(plan([], [a], { files: null, isConfirmed: true })).toEqual(["keep 1"]);
});
