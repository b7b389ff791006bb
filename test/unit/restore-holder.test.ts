// Who has a copy gives it back to one call at a time.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { RestoreHolder, type RestoreHolderOptions } from "../../src/agent/restore-holder.js";
import type { RestoreMarks } from "../../src/apply/restore-marks.js";
import { silentLog } from "../../src/base/log.js";
import { NOTHING_RESTORED, type RestoreNews, type RestoreRequest, restoreNewsSchema } from "../../src/model/restore.js";
import type { FrameLink } from "../../src/transport/frame-link.js";
import { RestoreCall } from "../../src/transport/restore-call.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const ASKED: Omit<RestoreRequest, "key"> = {
  ...{ repset: "data", connectionKey: null, compression: "off", isInquiry: false },
  options: { overwrite: "always", checksum: false, orphans: "keep", paths: null },
};

function holderOf(doubt: { readonly code: string; readonly message: string } | null): RestoreHolder {
  const directory = makeTempDirectory();
  const mappings = [{ source: "/data", target: join(directory, "gone") }];
  const terms = { connectionId: 1, peer: "A", repset: "data", mappings, rules: [], remapLinks: true, durability: "fsync" } as const;
  const view = { terms, online: false, last: { retrying: null, doubt } };
  const marks = { of: () => null, set: () => undefined, clear: () => undefined } as unknown as RestoreMarks;
  const holder = new RestoreHolder({
    config: { stateDir: directory, queue: { directory }, server: { name: "B" } },
    limits: () => ({}),
    target: { copies: () => [{ key: "ab".repeat(16), view, isPaused: false }], restores: marks },
    log: silentLog,
  } as unknown as RestoreHolderOptions);
  onTestFinished(() => holder.close());
  return holder;
}

function callOf(told: RestoreNews[] = []): RestoreCall {
  return { ended: new Promise(() => undefined), tell: (news: RestoreNews) => told.push(news), close: () => undefined } as unknown as RestoreCall;
}

test("a second restore of a copy does not begin while the first one does", async () => {
  const holder = holderOf(null);
  const began = ["1", "2"].map((key) => holder.accept("A", { ...ASKED, key }, callOf()));
  const codes = await Promise.all(began.map((each) => each.then(() => "begun").catch(({ code }) => code)));
  expect(codes).toEqual(["ROOT_MISSING", "PEER_BUSY"]);
});

test("what speaks against a copy is told in news that a receiver takes, however long it is", async () => {
  const told: RestoreNews[] = [];
  await holderOf({ code: "NOT_A_COPY", message: "x".repeat(2000) }).accept("A", { ...ASKED, key: "1", isInquiry: true }, callOf(told));
  expect(restoreNewsSchema.parse(told[0]).doubt).toHaveLength(2000);
});

test.each([
  ["without a limit", {}, 40 * 100_000],
  ["of 64 KiB a second", { bytesPerSecond: 65_536 }, 9 * 100_000],
])("progress leaves the link to the data, the end is told at once: %s", (_name, limit, bytesMax) => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  let bytes = 0;
  const link = { isEnded: false, ended: new Promise(() => undefined), send: (frame: Buffer) => (bytes += frame.length) } as unknown as FrameLink;
  const call = new RestoreCall(link, { ...ASKED, key: "1", options: { ...ASKED.options, ...limit } }, 0);
  const counts = { ...NOTHING_RESTORED, orphanNames: Array.from({ length: 1000 }, (_, i) => `${i}`.padStart(200, "x")) };
  const news = (status: RestoreNews["status"]): RestoreNews => ({ status, percent: 1, message: null, counts, mappings: [], doubt: null });
  for (let i = 0; i < 400; i++) {
    call.tell(news("running"));
    vi.advanceTimersByTime(250);
  }
  expect(bytes).toBeLessThan(bytesMax);
  const before = bytes;
  call.tell(news("running"));
  call.tell(news("done"));
  expect(bytes).toBeGreaterThan(before + 200_000);
});

test("what a restore left that was cut short goes at the start, and nothing else that is beside it", () => {
  const directory = makeTempDirectory();
  const [left, foreign] = [join(directory, "restores", "0a".repeat(16)), join(directory, "restores", "2024")];
  for (const each of [left, foreign]) mkdirSync(join(each, "x"), { recursive: true });
  const config = { stateDir: makeTempDirectory(), queue: { directory }, server: { name: "B" } };
  new RestoreHolder({ config, log: silentLog } as unknown as RestoreHolderOptions).close();
  expect([existsSync(left), existsSync(foreign)]).toEqual([false, true]);
});

/** The holder of one copy: the set "data" of the peer "alpha". */
function holderOfAlpha(): RestoreHolder {
  const directory = makeTempDirectory();
  const terms = { peer: "alpha", repset: "data", rules: [], mappings: [], remapLinks: true, durability: "fsync" };
  const view = { terms, online: false, last: { retrying: null, doubt: null } };
  const options = {
    config: { stateDir: directory, queue: { directory: join(directory, "queue") }, server: { name: "holder" } },
    target: { copies: () => [{ key: "key of alpha", view, isPaused: false }] },
    log: silentLog,
  };
  const made = new RestoreHolder(options as unknown as RestoreHolderOptions);
  onTestFinished(() => made.close());
  return made;
}

test("a copy is given to the peer that made it, and to no other, whatever that one asks for", () => {
  const found = holderOfAlpha();
  expect(found.find("data", "alpha", null).copy).toMatchObject({ peer: "alpha", repset: "data" });
  const asked: [string, string | null][] = [
    ["data", null],
    ["data", "key of alpha"],
    ["alpha/data", null],
    ["alpha/data", "key of alpha"],
  ];
  for (const [repset, key] of asked) {
    expect(() => found.find(repset, "eve", key), repset).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  }
});
