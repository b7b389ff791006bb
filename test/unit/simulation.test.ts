// A simulated connection in its parts: the target that is none, the channel to it, what is recorded, and what it is called.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { peersOf, resolveTarget, welcomeOf } from "../../src/agent/simulated-target.js";
import { type RecordedConnection, SimulationRecorder } from "../../src/agent/simulation-recorder.js";
import { NullTarget } from "../../src/apply/null-target.js";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import type { ConnectionRecord } from "../../src/connection/connection-record.js";
import { planResume } from "../../src/connection/resume-plan.js";
import { simulatedConsistency, simulatedState, simulationReason } from "../../src/connection/simulated-report.js";
import { threadCpuUs } from "../../src/fs/thread-time.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { CompareChange, EntrySummary } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import type { Peer } from "../../src/model/channel-port.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";
import type { ConnectRequest } from "../../src/model/control-port.js";
import type { Ack } from "../../src/model/session.js";
import type { SimulatedLink } from "../../src/model/simulation.js";
import { formatRow, HEADER_LINE, NO_SUMS, parseRow } from "../../src/model/simulation-row.js";
import type { SourceEvent } from "../../src/model/source-messages.js";
import { readStatistics, statisticsFiles } from "../../src/observe/read-statistics.js";
import { StatisticsFile } from "../../src/observe/statistics-file.js";
import { CompressionSample } from "../../src/transport/compression-sample.js";
import { packSet } from "../../src/transport/set-compression.js";
import { SimulatedChannel } from "../../src/transport/simulated-channel.js";
import { eventually } from "../support/eventually.js";
import { simulationRow } from "../support/memory-agent-control.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { sampleSet, sampleWelcome } from "../support/transport-fixture.js";

const EPOCH = "0123456789abcdef";
const META = { mode: 0o755, uid: 0, gid: 0, mtimeSec: 1, mtimeNsec: 0, xattrs: [] };
const PEER: Peer = { name: "beta", fingerprint: "f".repeat(64), addresses: [], addedAt: "" };

function findPeer(name: string): Peer {
  if (name === PEER.name) return PEER;
  throw new SmError("PEER_UNKNOWN", `there is no peer ${name}`);
}

function entry(name: string, suspect: boolean): EntrySummary {
  return { name, type: "file", ...META, size: 5, xattrDigest: 0, detail: "", linkTo: null, suspect };
}

function compareOf(entries: readonly EntrySummary[]): Buffer {
  const change: CompareChange = {
    ...{ op: "compare", root: 0, path: "d" as BytePath, entries, from: "", until: "", extras: "remove", meta: META, asksShared: true },
  };
  const sums = { op: "sums", root: 0, path: "d/a" as BytePath } as const;
  return encodeChangeSet({ seq: 8, sourceTimeMs: 77, closed: false, mirror: true, changes: [change, sums] });
}

describe("the target that is none", () => {
  const open = (isMirrored: boolean): NullTarget => new NullTarget({ isMirrored: () => isMirrored, onSet: () => undefined });

  test("acknowledges a set as durable, and is never at a state that the source had", () => {
    const ack = open(true).take(sampleSet(7));
    expect(ack).toMatchObject({ appliedSeq: 7, durableSeq: 7, takenSeq: 7, answers: [], retrying: null, doubt: { code: "NOT_A_COPY" } });
  });

  test("is empty until it was mirrored, and from then on lacks what the source calls suspect", () => {
    const frame = compareOf([entry("a", false), entry("b", true)]);
    const [missing, sums] = open(false).take(frame).answers;
    expect(missing).toMatchObject({
      ...{ kind: "compare", seq: 8, root: 0, path: "d", extras: [], removed: 0 },
      differs: [
        { name: "a", why: "missing" },
        { name: "b", why: "missing" },
        { name: "", why: "attr" },
      ],
    });
    expect(sums).toMatchObject({ kind: "sums", base: null });
    expect(open(true).take(frame).answers[0]).toMatchObject({ differs: [{ name: "b", why: "content" }] });
  });

  test("refuses what is no change set, and tells of those that are", () => {
    const seen: [number, boolean][] = [];
    const target = new NullTarget({ isMirrored: () => true, onSet: (bytes, isMirror) => seen.push([bytes.length, isMirror]) });
    expect(() => target.take(Buffer.from("nonsense"))).toThrow(SmError);
    const frame = compareOf([]);
    target.take(frame);
    expect(seen).toEqual([[frame.length, true]]);
  });
});

describe("the channel to it", () => {
  function open(link: SimulatedLink = { bytesPerSecond: null, roundTripMs: 0 }) {
    const target = new NullTarget({ isMirrored: () => false, onSet: () => undefined });
    const channel = new SimulatedChannel({ welcome: sampleWelcome, link, compressBytesMin: 1024, target });
    const acks: Ack[] = [];
    channel.onAck((ack) => acks.push(ack));
    return { channel, acks };
  }
  const text = (bytes: number): Buffer => Buffer.alloc(bytes, "the state of a file is what the source had ");

  test("acknowledges in order, large sets that take longer to compress before small ones", async () => {
    const { channel, acks } = open();
    channel.setCompression("brotli");
    const wire: number[] = [];
    for (let seq = 1; seq <= 12; seq++) await channel.sendSet(sampleSet(seq, text(seq % 3 === 0 ? 2_000_000 : 10)), { onWire: (bytes) => wire.push(bytes) });
    await eventually(() => expect(acks.map(({ durableSeq }) => durableSeq)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1)));
    expect(channel.stats().sentCompressedBytes).toBe(wire.reduce((sum, bytes) => sum + bytes, 0));
    expect(channel.stats().sentCompressedBytes).toBeLessThan(channel.stats().sentBytes / 100);
    await channel.close();
  });

  test("has the bytes on its wire that a true one has", async () => {
    const { channel } = open();
    const set = sampleSet(1, text(100_000));
    for (const level of ["off", "lz4", "brotli"] as const) {
      channel.setCompression(level);
      const wire: number[] = [];
      await channel.sendSet(set, { onWire: (bytes) => wire.push(bytes) });
      await eventually(() => expect(wire).toHaveLength(1));
      expect(wire).toEqual([(await packSet(set, level, 1024)).length]);
    }
    await channel.close();
  });

  test("goes at the rate of the link, and is answered a round trip later", async () => {
    const { channel, acks } = open({ bytesPerSecond: 1_000_000, roundTripMs: 100 });
    const beganMs = performance.now();
    await channel.sendSet(sampleSet(1, Buffer.alloc(300_000)));
    expect(acks).toEqual([]);
    await eventually(() => expect(acks).toHaveLength(1));
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(390);
    await channel.close();
  });

  test("is held to a pace, in its pieces; one that ends ends the channel", async () => {
    const { channel, acks } = open();
    const taken: number[] = [];
    const set = sampleSet(1, Buffer.alloc(10_000));
    await channel.sendSet(set, { pace: { pieceBytes: 4096, take: async (bytes) => taken.push(bytes) > 0 } });
    expect(taken.length).toBe(3);
    expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(set.length);
    await eventually(() => expect(acks).toHaveLength(1));
    await expect(channel.sendSet(set, { pace: { pieceBytes: 4096, take: async () => false } })).rejects.toMatchObject({ code: "CHANNEL_LOST" });
    expect((await channel.ended).code).toBe("CHANNEL_LOST");
    await expect(channel.sendSet(set)).rejects.toMatchObject({ code: "CHANNEL_LOST" });
  });

  test("ends, with the reason, at a set that cannot be read", async () => {
    const { channel } = open();
    await channel.sendSet(Buffer.from("nonsense"));
    expect((await channel.ended).code).toBe("PROTOCOL");
  });
});

test("samples tell what each level makes of a set, and stop at their share of the time", () => {
  const clock = { atMs: 0, nowMs: () => 0, monotonicMs: () => clock.atMs };
  const sample = new CompressionSample({ compressBytesMin: 1024, cpuUs: threadCpuUs, clock });
  const sums = sample.take(sampleSet(1, Buffer.alloc(500_000, "all of it is one text ")));
  expect(sums.bytes).toBeGreaterThan(500_000);
  expect(sums.levels.lz4.bytes).toBeLessThan(20_000);
  expect(sums.levels.brotli.bytes).toBeLessThan(sums.levels.lz4.bytes);
  expect(sums.levels.brotli.cpuUs).toBeGreaterThan(0);
  const small = sample.take(sampleSet(2, Buffer.alloc(10)));
  expect(small.levels.lz4).toEqual({ bytes: small.bytes, cpuUs: 0 });
  const large = sampleSet(3, Buffer.alloc(3_000_000));
  const taken = Array.from({ length: 20 }, () => sample.take(large).bytes);
  expect(taken[0]).toBe(1024 * 1024);
  expect(taken.at(-1)).toBe(0);
  clock.atMs = 60_000;
  expect(sample.take(large).bytes).toBe(1024 * 1024);
});

describe("what is recorded", () => {
  const setEvent = (connectionId: number, bytes: number, changes = 1): SourceEvent => ({
    ...{
      kind: "set",
      seq: 1,
      connectionId,
      mirror: connectionId !== 0,
      ends: false,
      moves: false,
      changes,
      lost: 0,
      files: 0,
      changed: new Uint32Array(0),
      lastPath: "",
    },
    bytes: new Uint8Array(bytes),
  });

  function record() {
    const clock = { atMs: 0, nowMs: () => 1_700_000_000_000 + clock.atMs, monotonicMs: () => clock.atMs };
    const counts = { bytes: 0, wireBytes: 0, mirrorBytes: 0, mirrorWireBytes: 0 };
    const mirror = { id: 0, isRunning: false };
    const queue = { bytes: 0 };
    const places = { isEmpty: true };
    const connection: RecordedConnection = { id: 3, counts, mirror, oldestPendingMs: null, options: { journal: { backlog: () => queue }, places } };
    const lines: string[] = [];
    const sampler = { take: (set: Buffer) => ({ ...NO_SUMS, bytes: set.length }) };
    const set = () => ({ files: 4, bytes: 400 });
    const recorder = new SimulationRecorder({ connection, set, file: { append: (line) => lines.push(line) }, sampler, intervalMs: 10_000, clock });
    const pass = (ms: number): void => {
      clock.atMs += ms;
      recorder.look();
    };
    return { recorder, counts, mirror, queue, places, lines, pass, rows: () => lines.map((line) => parseRow(line)) };
  }

  test("a line for each interval, with the most that was queued in it", () => {
    const { recorder, counts, queue, pass, rows } = record();
    recorder.takeEvent(setEvent(0, 1000, 5));
    queue.bytes = 900;
    pass(1000);
    queue.bytes = 0;
    Object.assign(counts, { bytes: 1000, wireBytes: 400 });
    recorder.takeSet(Buffer.alloc(1000), false);
    pass(9000);
    pass(10_000);
    expect(rows()).toMatchObject([
      {
        seconds: 10,
        changes: 5,
        bytes: 1000,
        sentBytes: 1000,
        wireBytes: 400,
        mirrorBytes: 0,
        queueBytes: 900,
        setFiles: 4,
        setBytes: 400,
        live: { bytes: 1000 },
      },
      { seconds: 10, changes: 0, bytes: 0, sentBytes: 0, queueBytes: 0, live: { bytes: 0 } },
    ]);
  });

  test("what a mirror, or the repair of places, sends is no change; contents that had to be compared are", () => {
    const { recorder, counts, mirror, places, pass, rows } = record();
    Object.assign(mirror, { id: 1, isRunning: true });
    recorder.takeEvent(setEvent(3, 500));
    recorder.takeSet(Buffer.alloc(500), true);
    Object.assign(counts, { bytes: 500, wireBytes: 500, mirrorBytes: 500, mirrorWireBytes: 500 });
    mirror.isRunning = false;
    pass(10_000);
    places.isEmpty = false;
    recorder.takeEvent(setEvent(3, 70));
    pass(10_000);
    places.isEmpty = true;
    pass(10_000);
    recorder.takeEvent(setEvent(3, 60));
    recorder.takeEvent(setEvent(4, 999));
    Object.assign(counts, { bytes: 560, wireBytes: 530, mirrorBytes: 560, mirrorWireBytes: 530 });
    pass(10_000);
    expect(rows()).toMatchObject([
      { changes: 0, bytes: 0, sentBytes: 0, mirrorBytes: 500, mirrorWireBytes: 500, mirror: { bytes: 500 }, live: { bytes: 0 } },
      { changes: 0, bytes: 0 },
      { changes: 0, bytes: 0 },
      { changes: 1, bytes: 60, sentBytes: 60, wireBytes: 30, mirrorBytes: 0 },
    ]);
  });

  test("an agent that stops writes what there is", () => {
    const { recorder, lines, pass, rows } = record();
    recorder.close();
    expect(lines).toEqual([]);
    recorder.takeEvent(setEvent(0, 10));
    pass(4000);
    recorder.close();
    expect(rows()).toMatchObject([{ seconds: 4, bytes: 10 }]);
  });
});

describe("the statistics file", () => {
  const line = formatRow(simulationRow());
  const open = (path: string, bytesMax = 10_000): StatisticsFile => new StatisticsFile({ path, bytesMax, filesMax: 3, log: silentLog });

  test("is turned at its size; the oldest goes, and what is left is read in order", async () => {
    const path = join(makeTempDirectory(), "set simulation 1.csv");
    const file = open(path, HEADER_LINE.length + 1 + 2 * (line.length + 1));
    for (let index = 0; index < 9; index++) file.append(formatRow(simulationRow({ endMs: Date.parse("2026-11-02T00:00:00Z") + index * 10_000 })));
    expect(statisticsFiles(path)).toEqual([`${path}.2`, `${path}.1`, path]);
    const { loads } = await readStatistics(statisticsFiles(path));
    expect(loads.map(({ startMs }) => new Date(startMs).toISOString().slice(14, 19))).toEqual(["00:30", "00:40", "00:50", "01:00", "01:10"]);
  });

  test("goes on after a restart; behind what a crash tore a new one is begun", async () => {
    const path = join(makeTempDirectory(), "set simulation 1.csv");
    open(path).append(line);
    open(path).append(line);
    expect(readFileSync(path, "utf8")).toBe(`${HEADER_LINE}\n${line}\n${line}\n`);
    writeFileSync(path, `${HEADER_LINE}\n${line}\n${line.slice(0, 40)}`);
    open(path).append(line);
    expect(readFileSync(path, "utf8")).toBe(`${HEADER_LINE}\n${line}\n`);
    expect((await readStatistics(statisticsFiles(path))).loads).toHaveLength(2);
  });

  test("that cannot be written holds up nothing, and goes on when it can be", () => {
    const warnings: string[] = [];
    const directory = makeTempDirectory();
    const file = new StatisticsFile({ path: directory, bytesMax: 1000, filesMax: 2, log: { ...silentLog, warn: (message) => warnings.push(message) } });
    file.append(line);
    file.append(line);
    expect(warnings).toHaveLength(1);
  });

  test("of another kind is refused", async () => {
    const path = join(makeTempDirectory(), "other.csv");
    writeFileSync(path, "a,b\n1,2\n");
    await expect(readStatistics([path])).rejects.toMatchObject({ code: "USAGE" });
    expect(statisticsFiles(`${path}.none`)).toEqual([]);
  });
});

describe("the name tdu", () => {
  const options = connectionOptionsSchema.parse({});
  const request = (target: string, kind: "none" | "exact", more = {}): ConnectRequest => ({
    repset: "web",
    target,
    map: { kind },
    options: { ...options, ...more },
  });

  test("means a simulation in any spelling, which has no place on a target", () => {
    expect(resolveTarget(request("TdU", "none"), findPeer)).toMatchObject({ target: "tdu", isSimulated: true });
    expect(() => resolveTarget(request("tdu", "exact"), findPeer)).toThrow(/leave --map/);
    expect(() => resolveTarget(request("beta", "none"), findPeer)).toThrow(/where on beta/);
    expect(() => resolveTarget(request("gamma", "exact"), findPeer)).toThrow(/no peer gamma/);
    expect(() => resolveTarget(request("beta", "exact", { simulatedLink: { bytesPerSecond: null, roundTripMs: 1 } }), findPeer)).toThrow(/tdu only/);
  });

  test("of a peer that had it before stays that peer's; what was connected stays what it was", () => {
    const old: Peer = { ...PEER, name: "TDU" };
    expect(resolveTarget(request("TDU", "exact"), () => old)).toMatchObject({ target: "TDU", isSimulated: false });
    expect(peersOf({ peer: "tdu" } as ConnectionRecord, () => old)("tdu")).toBe(old);
    expect(peersOf({ peer: "tdu", isSimulated: true } as ConnectionRecord, () => old)("tdu")).toMatchObject({ name: "tdu", addresses: [] });
  });
});

describe("after a restart", () => {
  const mark = { untilMs: 1, bootId: "b", bootTimeMs: 0, set: "s", mounts: [1], book: { id: "b", seq: 1 }, hot: [] };
  const need = {
    reason: "restart",
    message: "m",
    since: "",
    mode: "difference",
    extras: "remove",
    changedSinceMs: 1,
    isAutomatic: true,
    isScan: true,
  } as const;
  const base = { epoch: EPOCH, durableSeq: 9, wasMirrored: true, cleanUntilMs: 1, mirrorNeed: need, options: {} } as unknown as ConnectionRecord;
  const plan = (record: ConnectionRecord) =>
    planResume({ record, welcome: welcomeOf(record, { epoch: EPOCH }, "1"), heardSeq: 9, toldSeq: 9, hadStream: false, nowIso: "" });

  test("of a queue that went on, the stream goes on, and a scan is enough", () => {
    const record = { ...base, checkpoint: { epoch: EPOCH, seq: 5, mark } };
    expect(plan(record)).toMatchObject({ sentSeq: 9, mirrorNeed: { isScan: true } });
  });

  test("of a queue that begins anew, it is the copy that it was all the same", () => {
    const record = { ...base, durableSeq: 0, checkpoint: { epoch: "fedcba9876543210", seq: 5, mark } };
    expect(plan(record)).toMatchObject({ sentSeq: 0, mirrorNeed: { isScan: true } });
  });

  test("before its first mirror was done it is empty", () => {
    expect(welcomeOf({ ...base, wasMirrored: false, checkpoint: null }, { epoch: EPOCH }, "1")).toMatchObject({ empty: true, resumed: true });
  });
});

test("it is never called a copy", () => {
  const simulated = { id: 1, isSimulated: true, createdAt: "2026-11-02T00:00:00.000Z" } as const;
  const real = { id: 1, createdAt: simulated.createdAt };
  const states = ["OK", "Repairing", "Mirroring", "Mirror Required"] as const;
  expect(states.map((state) => simulatedState(simulated, state))).toEqual(["Simulated", "Simulated", "Mirroring", "Mirror Required"]);
  expect(states.map((state) => simulatedState(real, state))).toEqual(states);
  const report = { seq: 5, at: simulated.createdAt, lagMs: 1, reason: null };
  expect(simulatedConsistency(simulated, report)).toMatchObject({
    seq: 0,
    at: null,
    reason: { code: "SIMULATION", message: "simulation: nothing is stored anywhere" },
  });
  expect([simulatedConsistency(real, report), simulationReason(real)]).toEqual([report, null]);
});
