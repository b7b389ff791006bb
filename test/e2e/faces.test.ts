// A day's work, by each face: a set is made, connected and mirrored, held to a rate and to hours, verified, and disconnected. All come to
// the same. The requests are those of curl.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JobReport } from "../../src/model/job.js";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { curl, HAS_CURL } from "../support/curl-request.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory, plantTree } from "../support/temp-tree.js";

interface Day {
  readonly pair: AgentPair;
  /** Of the set, and of its directories. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly window: { readonly open: string; readonly close: string };
}

/** What a face does up to the verification, and its last deed. */
type Face = (day: Day) => Promise<() => Promise<unknown>>;

const RATE = 10_485_760;
const hour = (ahead: number): string => `${String((new Date().getHours() + 24 + ahead) % 24).padStart(2, "0")}:00`;

/** How it is, whatever face is at work. */
async function seen<T>({ pair }: Pick<Day, "pair">, command: string, input: object = {}): Promise<T> {
  return (await pair.source.api(command, input)).body as T;
}

async function connectionOf({ pair, name }: Day): Promise<ConnectionReport> {
  const { connections } = await seen<{ connections: readonly ConnectionReport[] }>({ pair }, "connection.list");
  const found = connections.find(({ repset }) => repset === name);
  if (found === undefined) throw new Error(`${name} is not connected`);
  return found;
}

async function jobsOf({ pair, name }: Day): Promise<readonly JobReport[]> {
  return (await seen<{ jobs: readonly JobReport[] }>({ pair }, "job.list")).jobs.filter(({ repset }) => repset === name);
}

async function run({ pair }: Day, lines: readonly string[]): Promise<void> {
  const result = await pair.source.cli(["run", "-"], { input: lines.join("\n"), timeoutMs: 60_000 });
  expect(result, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
}

const byScript: Face = async (day) => {
  const { name, source, target, window } = day;
  await run(day, [
    "source localhost",
    "target B",
    `repset create ${name}`,
    `repset rule add "${source}" include to ${name}`,
    "repset save",
    `$con = connect ${name} to B map "${source}" to "${target}"`,
    "waitonmirror $con",
    `limit bandwidth ${RATE}, 1 to B`,
    `schedule B window ${window.open} to ${window.close}`,
    "$job = verify $con checksum all",
    "waitonjob $job",
  ]);
  const { id } = await connectionOf(day);
  return () => run(day, ["source localhost", `disconnect ${id}`]);
};

const byCommands: Face = async (day) => {
  const { pair, name, source, target, window } = day;
  const sm = pair.source;
  await sm.json(["repset", "create", name, "--include", source]);
  const { connection } = await sm.json<{ connection: ConnectionReport }>(["connect", name, "B", "--map", `${source}=${target}`]);
  const id = `${connection.id}`;
  await sm.json(["sync", id]);
  await sm.json(["transmission", "limit", id, `${RATE}`]);
  await sm.json(["transmission", "schedule", id, "--window", `${window.open}-${window.close}`]);
  await sm.json(["verify", "start", id, "--checksum-all", "--wait"]);
  return () => sm.json(["disconnect", id]);
};

const byRequests: Face = async (day) => {
  const { pair, name, source, target, window } = day;
  const ask = async <T>(command: string, body: object): Promise<T> => {
    const { status, body: answer } = HAS_CURL ? await curl(pair.source, command, body) : await pair.source.api(command, body);
    expect(status, JSON.stringify(answer)).toBe(200);
    return answer as T;
  };
  await ask("repset.create", { name, rules: [{ path: source, mode: "include", recursive: true }] });
  const { connection } = await ask<{ connection: ConnectionReport }>("connection.connect", {
    repset: name,
    target: "B",
    map: { kind: "pairs", pairs: [{ source, target }] },
  });
  const { id } = connection;
  await ask("connection.sync", { id, timeoutMs: 60_000 });
  await ask("transmission.limit", { id, rate: { bytesPerSecond: RATE } });
  await ask("transmission.schedule", { id, change: { window } });
  const { job } = await ask<{ job: JobReport }>("verify.start", { id, content: "all" });
  await ask("job.wait", { job: job.id, timeoutMs: 30_000 });
  return () => ask("connection.disconnect", { id });
};

const byFiles: Face = async (day) => {
  const { pair, name, source, target, window } = day;
  const etc = join(pair.source.home, "etc");
  const describing = (more = ""): void => {
    mkdirSync(join(etc, "connections.d"), { recursive: true });
    const hours = `schedule: {window: "${window.open}-${window.close}"}`;
    writeFileSync(join(etc, "connections.d", `${name}.yaml`), `set: ${name}\ntarget: B\nmap: {${source}: ${target}}\nlimit: ${RATE}\n${hours}\n${more}`);
  };
  writeFileSync(join(etc, "repsets.d", `${name}.yaml`), `rules:\n  - {path: ${source}, mode: include}\n`);
  describing();
  await pair.source.json(["config", "reload"]);
  await pair.source.json(["sync", `${(await connectionOf(day)).id}`]);
  describing('verify: {at: "*:*:*", checksumAll: true}\n');
  await pair.source.json(["config", "reload"]);
  await eventually(async () => expect((await jobsOf(day)).at(-1)).toMatchObject({ status: "Done" }), { timeoutMs: 30_000 });
  describing();
  await pair.source.json(["config", "reload"]);
  return async () => {
    rmSync(join(etc, "connections.d", `${name}.yaml`));
    await pair.source.json(["config", "reload", "--yes"]);
  };
};

/** What must not depend on the face. */
async function stateOf(day: Day): Promise<unknown> {
  await eventually(async () => expect((await connectionOf(day)).replicationStatus).toBe("Ready"));
  const { replicationStatus, targetDataState, mappings, mirror, id } = await connectionOf(day);
  const { transmission } = await seen<{ transmission: Record<string, unknown> }>(day, "transmission.show", { id });
  const job = (await jobsOf(day)).find(({ status, kind }) => status === "Done" && kind === "verify");
  const verified = job?.kind === "verify" ? [job.verify.content, job.verify.repair, job.verify.differences] : null;
  const { schedule, limit, mode } = transmission;
  return { replicationStatus, targetDataState, mappings: mappings.length, mirrored: mirror.outcome, schedule, limit, mode, verified };
}

test("the same day by a script, by commands, by requests and by files", { timeout: 180_000 }, async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const window = { open: hour(-1), close: hour(2) };
  if (!HAS_CURL) console.warn("there is no curl here: the requests are made by Node");
  const states: unknown[] = [];
  const faces: readonly (readonly [string, Face])[] = [
    ["script", byScript],
    ["commands", byCommands],
    ["requests", byRequests],
    ["files", byFiles],
  ];
  for (const [name, face] of faces) {
    const day: Day = { pair, name, source: join(directory, `source-${name}`), target: join(directory, `target-${name}`), window };
    plantTree(day.source, { a: "one", "d/b": "two", "d/e/c": "three" });
    const finish = await face(day);
    states.push(await stateOf(day));
    await finish();
    expect(await seen(day, "connection.list")).toMatchObject({ connections: [] });
    await expectEqualTrees(day.source, day.target);
  }
  expect(states[0]).toMatchObject({ limit: { standing: { bytesPerSecond: RATE } }, schedule: { window }, mirrored: "done", verified: ["all", "no", 0] });
  for (const state of states) expect(state).toEqual(states[0]);
  expect((await seen<{ repsets: { name: string }[] }>({ pair }, "repset.list")).repsets.map(({ name }) => name).sort()).toEqual(
    faces.map(([name]) => name).sort(),
  );
});
