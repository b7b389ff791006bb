// What a connection says of itself in the words of the guide: its states, and the file that it touched last.

import { expect } from "vitest";
import { type ConnectionView, reportConnection } from "../../src/connection/connection-report.js";
import type { ConnectionState } from "../../src/connection/connection-state.js";
import { bytesFromText } from "../../src/model/byte-path.js";
import type { SourceEvent } from "../../src/model/source-messages.js";
import { test } from "../support/journal-fixture.js";
import { CONNECTION, memoryConnection } from "../support/memory-connection.js";

/** The connection, but for what a test says of it. */
function withParts(connection: ConnectionView, parts: Partial<ConnectionView>): ConnectionView {
  return new Proxy(connection, { get: (whole, key) => (Object.hasOwn(parts, key) ? parts[key as keyof ConnectionView] : Reflect.get(whole, key, whole)) });
}

const state = (kind: ConnectionState["kind"]): ConnectionState => ({ kind, attempt: 1, fault: { code: "CHANNEL_LOST", message: "away" } }) as ConnectionState;

test("replication is Stopped, Pending, Replicating or Ready", async ({ journals }) => {
  const { connection } = memoryConnection(await journals.open());
  const status = (parts: Partial<ConnectionView>): string => reportConnection(withParts(connection, parts)).replicationStatus;
  const streaming = state("streaming");
  expect(status({ state: streaming })).toBe("Ready");
  expect(status({ state: streaming, sentSeq: 7, appliedSeq: 6 })).toBe("Replicating");
  expect(status({ state: streaming, sentSeq: 7, appliedSeq: 7 })).toBe("Ready");
  expect(status({ state: state("backingOff"), sentSeq: 7, appliedSeq: 6 })).toBe("Pending");
  expect(status({ state: state("stopped") })).toBe("Stopped");
  const { record } = connection;
  expect(status({ state: streaming, sentSeq: 7, record: { ...record, options: { ...record.options, replicate: false } } })).toBe("Stopped");
});

test("the data is Mirroring while a mirror makes progress, and to be mirrored where it cannot", async ({ journals }) => {
  const { connection } = memoryConnection(await journals.open());
  const data = (parts: Partial<ConnectionView>): string => reportConnection(withParts(connection, parts)).targetDataState;
  expect(data({ state: state("streaming") })).toBe("OK");
  const mirrorId = connection.mirror.start({ mode: "full", content: "times", newerOnly: false }, new Date().toISOString());
  expect(data({ state: state("streaming") })).toBe("Mirroring");
  expect(data({ state: state("halted") })).toBe("Mirror Required");
  connection.mirror.begin(mirrorId, new Date().toISOString());
  connection.mirror.end("done", new Date().toISOString());
  expect(data({ state: state("streaming") })).toBe("OK");
});

test("the last file that was touched is told, whatever its name", async ({ journals }) => {
  const { connection } = memoryConnection(await journals.open());
  const last = (lastPath: string): string => {
    connection.takeEvent({ kind: "set", connectionId: CONNECTION, seq: 1, changes: 1, bytes: 0, mirror: null, lastPath } as unknown as SourceEvent);
    return reportConnection(connection).lastFileTouched;
  };
  expect(reportConnection(connection).lastFileTouched).toBe("");
  expect(last(bytesFromText("d/ä b"))).toBe("d/ä b");
  // A set that touches no file leaves it.
  expect(last("")).toBe("d/ä b");
  expect(last("d/\xff\n")).toBe("d/\\xff\\x0a");
});
