// The time before which everything is known to be durably on the target: what a restart compares by content begins there.

import { expect, onTestFinished, vi } from "vitest";
import type { Journal } from "../../src/model/journal-port.js";
import { ackOf } from "../support/acks.js";
import { test } from "../support/journal-fixture.js";
import { CONNECTION, LAG_MS, memoryConnection } from "../support/memory-connection.js";

/** A connection that streams; `durable` is the target's word, `made` a live set made at that time. */
const SET = { mirror: false, ends: true, moves: false, changes: 1, lost: 0, files: 1, changed: new Uint32Array(0), lastPath: "", bytes: Buffer.alloc(0) };

async function streaming(journal: Journal) {
  const { connection, heard } = memoryConnection(journal);
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  onTestFinished(() => void vi.useRealTimers());
  onTestFinished(() => running);
  onTestFinished(() => stop.abort());
  const acknowledge = await heard.promise;
  vi.useFakeTimers({ toFake: ["Date"] });
  const made = (seq: number, timeMs: number): void => {
    vi.setSystemTime(timeMs);
    connection.takeEvent({ kind: "set", seq, connectionId: 0, ...SET });
  };
  const durable = (seq: number): number => {
    acknowledge(ackOf({ appliedSeq: seq }));
    return connection.record.cleanUntilMs;
  };
  return { connection, made, durable };
}

test("moves with the sets that are durable", async ({ journals }) => {
  const { made, durable } = await streaming(await journals.open());
  made(1, 1000);
  made(2, 2000);
  made(4, 4000);
  expect(durable(1)).toBe(1000 - LAG_MS);
  expect(durable(3)).toBe(2000 - LAG_MS);
  expect(durable(4)).toBe(4000 - LAG_MS);
});

test("stays while places wait for repair, and until what repaired them is durable", async ({ journals }) => {
  const { connection, made, durable } = await streaming(await journals.open());
  made(1, 1000);
  expect(durable(1)).toBe(1000 - LAG_MS);
  connection.takeEvent({ kind: "repairs", connectionId: CONNECTION, pending: 1, lastSeq: 1 });
  made(2, 2000);
  expect(durable(2)).toBe(1000 - LAG_MS);
  made(3, 3000);
  connection.takeEvent({ kind: "repairs", connectionId: CONNECTION, pending: 0, lastSeq: 5 });
  expect(durable(3)).toBe(1000 - LAG_MS);
  made(6, 6000);
  expect(durable(6)).toBe(6000 - LAG_MS);
});
