// `sm replicate`: one machine, no configuration. An agent of its own replicates one directory to another until told to stop.
// Invariants: the child agent never outlives the call; a second run on the same pair goes on where the first one ended.

import { SmError, toSmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import type { ConnectionReport } from "../../model/status.js";
import { type AgentApi, openAgentApi } from "../agent-api.js";
import { literalRulePath } from "../parse/rule-flags.js";
import { ChildAgent } from "./child-agent.js";
import type { DirectoryPair } from "./directory-pair.js";
import type { ReplicateSummary, ReplicateView } from "./replicate-view.js";

export interface ReplicateOptions {
  readonly pair: DirectoryPair;
  readonly home: string;
  readonly program: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly drainMs: number;
  readonly view: ReplicateView;
  /** Orderly end: drain, then stop. */
  readonly signal: AbortSignal;
  /** End at once. */
  readonly abort: AbortSignal;
}

const REPSET = "replicate";
const TARGET = "localhost";
const CONNECT_DEADLINE_MS = 130_000;
const DRAIN_GRACE_MS = 10_000;
const POLL_MS = 1_000;
const REDRAW_MS = 250;

/** Resolves with how it ended; rejects when the agent died or could not begin. */
export async function replicate(options: ReplicateOptions): Promise<ReplicateSummary> {
  const startedMs = performance.now();
  options.view.starting({ ...options.pair, home: options.home });
  const agent = await ChildAgent.open(options);
  const onAbort = (): void => void agent.kill();
  options.abort.addEventListener("abort", onAbort);
  if (options.abort.aborted) onAbort();
  try {
    const ended = await Promise.race([follow(openAgentApi(agent), options), agent.died()]);
    const isOrderly = await agent.close();
    const reason = ended.reason ?? (isOrderly ? null : { code: "TIMEOUT", message: "the agent did not stop in time and was killed" });
    return { ...options.pair, seconds: (performance.now() - startedMs) / 1000, synced: reason === null, reason, connection: ended.connection };
  } finally {
    options.abort.removeEventListener("abort", onAbort);
    await agent.kill();
    options.view.close();
  }
}

type Ended = Pick<ReplicateSummary, "reason" | "connection">;

async function follow(api: AgentApi, options: ReplicateOptions): Promise<Ended> {
  await ensureRepset(api, options);
  const { id } = await ensureConnection(api, options);
  const stopped = new Promise<undefined>((resolve) => {
    options.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    if (options.signal.aborted) resolve(undefined);
  });
  let index = 0;
  for (;;) {
    const report = await Promise.race([stopped, api.call("status.wait", { since: index, timeoutMs: POLL_MS })]);
    if (report === undefined || options.signal.aborted) return drain(api, id, options);
    index = report.index;
    const connection = report.connections.find((candidate) => candidate.id === id);
    if (connection === undefined) throw new SmError("NOT_FOUND", `connection ${id} was ended by somebody else`);
    await options.view.update(connection);
    await delay(REDRAW_MS, options.signal);
  }
}

async function ensureRepset(api: AgentApi, { pair, home }: ReplicateOptions): Promise<void> {
  const path = literalRulePath(pair.source);
  const { repsets } = await api.call("repset.list", {});
  const existing = repsets.find(({ name }) => name === REPSET);
  if (existing === undefined) {
    await api.call("repset.create", { name: REPSET, rules: [{ path, mode: "include" }] });
  } else if (!existing.rules.some((rule) => rule.mode === "include" && (rule.path === path || rule.path === pair.source))) {
    throw new SmError("ALREADY_EXISTS", `${home} belongs to the replication of another source: choose another --home`);
  }
}

async function ensureConnection(api: AgentApi, { pair }: ReplicateOptions): Promise<ConnectionReport> {
  const { connections } = await api.call("connection.list", {});
  const existing = connections.find(
    ({ repset, mappings }) => repset === REPSET && mappings.some((map) => map.source === pair.source && map.target === pair.target),
  );
  if (existing !== undefined) return existing;
  const map = { kind: "pairs" as const, pairs: [{ source: pair.source, target: pair.target }] };
  const { connection } = await api.call("connection.connect", { repset: REPSET, target: TARGET, map }, { deadlineMs: CONNECT_DEADLINE_MS });
  return connection;
}

/** What cannot be drained now stays queued, and is sent by the next run. */
async function drain(api: AgentApi, id: number, options: ReplicateOptions): Promise<Ended> {
  options.view.draining(Math.round(options.drainMs / 1000));
  try {
    const deadlineMs = options.drainMs + DRAIN_GRACE_MS;
    const { connection } = await api.call("connection.sync", { id, timeoutMs: options.drainMs }, { deadlineMs });
    return { reason: null, connection };
  } catch (thrown) {
    const { code, message } = toSmError(thrown);
    if (code === "AGENT_UNREACHABLE") throw thrown;
    const { connection } = await api.call("connection.show", { id });
    return { reason: { code, message }, connection };
  }
}
