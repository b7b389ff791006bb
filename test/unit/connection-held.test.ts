// A connection that is to be restored from its target, while it is just being connected.

import { expect, onTestFinished } from "vitest";
import { holdForRestore } from "../../src/connection/restore-hold.js";
import { eventually } from "../support/eventually.js";
import { test } from "../support/journal-fixture.js";
import { memoryConnection } from "../support/memory-connection.js";

const HOLD = { key: "ab".repeat(16), isOfPaths: false, message: "being restored" };

test("a welcome that comes with the hold lifts nothing, and begins no mirror", async ({ journals }) => {
  const { connection, commands } = memoryConnection(await journals.open(), (held) => {
    held.requireMirror({ reason: "manual", message: "", since: "", mode: "difference", extras: "remove", changedSinceMs: null, isAutomatic: true });
    holdForRestore(held, HOLD);
  });
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  onTestFinished(() => running);
  onTestFinished(() => stop.abort());
  await eventually(() => expect([connection.state.kind, connection.channel]).toEqual(["halted", null]));
  expect(connection.record.restore?.state).toBe("running");
  expect(commands.filter(({ kind }) => kind === "mirror")).toEqual([]);
  expect(connection.mirror.isRunning).toBe(false);
});
