// What is told of the difference between two looks at an agent: one line for each state that changed. Pure.

import { isJobOver, type JobReport } from "../../model/job.js";
import type { CaptureReport, ConnectionReport, Reason, StatusReport, TargetConnectionReport } from "../../model/status.js";
import { jobFigure } from "../format/job-text.js";

/** "bad": a person should look; "good": what was bad is over. */
export type Tone = "plain" | "good" | "bad";

export interface WatchMessage {
  /** Of this machine's clock. */
  readonly atMs: number;
  readonly tone: Tone;
  readonly text: string;
}

/** The agent at one moment. `jobs`: the newest first. */
export interface Look {
  readonly report: StatusReport;
  readonly jobs: readonly JobReport[];
}

type Told = Omit<WatchMessage, "atMs">;

const plain = (text: string): Told => ({ tone: "plain", text });
const good = (text: string): Told => ({ tone: "good", text });
const bad = (text: string): Told => ({ tone: "bad", text });

export function messagesBetween(before: Look, after: Look, atMs: number): WatchMessage[] {
  const told = isOtherAgent(before.report, after.report)
    ? [plain(`the agent was started anew (pid ${after.report.agent.pid})`)]
    : [
        ...pairs(before.report.captures, after.report.captures, ({ repset }) => repset).flatMap(([old, now]) => captureMessages(old, now)),
        ...pairs(before.report.connections, after.report.connections, ({ id }) => id).flatMap(([old, now]) => connectionMessages(old, now)),
        ...pairs(before.report.targets, after.report.targets, targetKey).flatMap(([old, now]) => targetMessages(old, now)),
        ...pairs(before.jobs, after.jobs, ({ id }) => id).flatMap(([old, now]) => jobMessages(old, now)),
      ];
  return told.map((message) => ({ atMs, ...message }));
}

export function isOtherAgent(before: StatusReport, after: StatusReport): boolean {
  return before.agent.pid !== after.agent.pid || before.agent.startedAt !== after.agent.startedAt;
}

export function targetKey({ source, connectionId }: TargetConnectionReport): string {
  return `${source}/${connectionId}`;
}

type Pair<Item> = readonly [before: Item | undefined, after: Item | undefined];

function pairs<Item>(before: readonly Item[], after: readonly Item[], keyOf: (item: Item) => string | number): Pair<Item>[] {
  const old = new Map(before.map((item) => [keyOf(item), item]));
  const now = new Map(after.map((item) => [keyOf(item), item]));
  return [...new Set([...old.keys(), ...now.keys()])].map((key): Pair<Item> => [old.get(key), now.get(key)]);
}

function reasonMessages(name: string, before: readonly Reason[], after: readonly Reason[]): Told[] {
  const key = ({ code, object }: Reason): string => `${code} ${object}`;
  return pairs(before, after, key).flatMap(([old, now]) => {
    if (old === undefined && now !== undefined) return [bad(`${name}: ${now.code}: ${now.message}`)];
    if (old !== undefined && now === undefined) return [good(`${name}: ${old.code} is over`)];
    return [];
  });
}

function captureMessages(old: CaptureReport | undefined, now: CaptureReport | undefined): Told[] {
  if (now === undefined) return [];
  const name = `set ${now.repset}`;
  const state = old?.state === now.state ? [] : [now.state === "Halted" ? bad(`${name}: Halted`) : plain(`${name}: ${now.state}`)];
  return [...state, ...reasonMessages(name, old?.reasons ?? [], now.reasons)];
}

function connectionMessages(old: ConnectionReport | undefined, now: ConnectionReport | undefined): Told[] {
  if (now === undefined) return old === undefined ? [] : [plain(`${connectionName(old)}: disconnected`)];
  const name = connectionName(now);
  if (old === undefined) return [plain(`${name}: connected, ${now.state}`), ...reasonMessages(name, [], now.reasons)];
  return [
    ...(old.state === now.state ? [] : [stateMessage(name, now)]),
    ...(old.targetDataState === now.targetDataState ? [] : [plain(`${name}: data ${now.targetDataState}`)]),
    ...(old.targetStatus === now.targetStatus ? [] : [now.targetStatus === "OK" ? good(`${name}: target OK`) : bad(`${name}: target ${now.targetStatus}`)]),
    ...(old.transmitMode === now.transmitMode ? [] : [plain(`${name}: transmission ${now.transmitMode}`)]),
    ...mirrorMessages(name, old, now),
    ...reasonMessages(name, old.reasons, now.reasons),
  ];
}

export function connectionName({ id, repset, target }: ConnectionReport): string {
  return `${id} ${repset} → ${target}`;
}

const WRONG: readonly string[] = ["halted", "held", "backingOff"];

function stateMessage(name: string, { state }: ConnectionReport): Told {
  const text = `${name}: ${state}`;
  return WRONG.includes(state) ? bad(text) : state === "streaming" ? good(text) : plain(text);
}

function mirrorMessages(name: string, { mirror: old }: ConnectionReport, { mirror: now }: ConnectionReport): Told[] {
  const begun = now.id === old.id || now.outcome !== "running" ? [] : [plain(`${name}: mirror ${now.id} begins`)];
  const isNews = now.outcome !== null && now.outcome !== "running" && (old.id !== now.id || old.outcome !== now.outcome);
  if (!isNews) return begun;
  const problems = now.problemCount === 0 ? "" : ` with ${now.problemCount} problems`;
  const text = `${name}: mirror ${now.id} ${now.outcome}${problems}`;
  return [...begun, now.outcome === "done" && now.problemCount === 0 ? good(text) : bad(text)];
}

function targetMessages(old: TargetConnectionReport | undefined, now: TargetConnectionReport | undefined): Told[] {
  if (now === undefined) return old === undefined ? [] : [plain(`${old.repset} from ${old.source}: gone`)];
  const name = `${now.repset} from ${now.source}`;
  return [
    ...(old?.online === now.online ? [] : [now.online ? good(`${name}: online`) : bad(`${name}: offline`)]),
    ...(old === undefined || old.pause === now.pause
      ? []
      : [plain(`${name}: ${now.pause === "no" ? "resumed" : now.pause === "paused" ? "paused" : "pausing"}`)]),
    ...reasonMessages(name, old?.reasons ?? [], now.reasons),
  ];
}

function jobMessages(old: JobReport | undefined, now: JobReport | undefined): Told[] {
  if (now === undefined || old?.status === now.status) return [];
  const name = `job ${now.id} (${now.kind} of ${now.repset})`;
  if (!isJobOver(now)) return [plain(`${name}: ${now.status}`)];
  const text = `${name}: ${now.status}, ${jobFigure(now)}`;
  return [now.status === "Done" ? plain(text) : bad(text)];
}
