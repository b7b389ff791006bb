// The examples of the help that need a state of things before them: programs that may run, files that refuse, files that are lost, a
// source that is to have its data back, a simulation.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { QuarantineEntry } from "../../src/model/control-port.js";
import type { ConnectionReport } from "../../src/model/status.js";
import { type AgentProcess, pairAgents } from "../support/agent-process.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { ExampleStage } from "../support/example-stage.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";

const FILES = 40;
const PROGRAM = '#!/bin/sh\necho "$(basename $0) $*" >> "$(dirname $0)/log"\n';

async function ask<T>(agent: AgentProcess, command: string, body: unknown = {}): Promise<T> {
  const answer = await agent.api(command, body);
  expect(answer.status, `${command}: ${JSON.stringify(answer.body)}`).toBe(200);
  return answer.body as T;
}

/** Of connection 1. */
async function reported(agent: AgentProcess, what: object): Promise<void> {
  await eventually(async () => {
    const { connection } = await ask<{ connection: ConnectionReport }>(agent, "connection.show", { id: 1 });
    expect(connection).toMatchObject(what);
  });
}

async function connected(source: AgentProcess, target: string, repset: string, pairs: readonly (readonly [string, string])[]): Promise<void> {
  await ask(source, "repset.create", { name: repset, rules: pairs.map(([path]) => ({ path, mode: "include" })) });
  const map = { kind: "pairs", pairs: pairs.map(([from, to]) => ({ source: from, target: to })) };
  await ask(source, "connection.connect", { repset, target, map });
  await ask(source, "connection.sync", { id: 1, timeoutMs: 50_000 });
}

function fill(directory: string): void {
  for (let at = 0; at < FILES; at++) writeFileSync(join(directory, `f${at}`), `${directory} ${at}\n`.repeat(100));
}

test("hooks, tasks, and what is held back: until it is approved, rejected, or accepted", async () => {
  const stage = new ExampleStage();
  const programs = stage.make("opt", "sm-tasks");
  const guard = "guard: {lostPercent: 50, lostFilesMin: 10}\n";
  stage.plant("alpha/etc/sm.yaml", `${guard}source: {hooks: true, tasks: true, taskDirectory: ${programs}}\n`);
  stage.plant("beta/etc/sm.yaml", `target: {tasks: true, taskDirectory: ${programs}}\n`);
  for (const name of ["quiesce.sh", "release.sh", "snapshot.sh"]) stage.plant(`opt/sm-tasks/${name}`, PROGRAM);
  const [beta, alpha] = [await stage.start("beta"), await stage.start("alpha")];
  await pairAgents(alpha, beta, "beta");
  const [home, copy] = [stage.make("home"), join(stage.directory, "backup")];
  fill(stage.make("home", "ann"));
  fill(stage.make("home", "bob"));
  await connected(alpha, "beta", "home", [[home, copy]]);
  const run = (example: string) => stage.run(alpha.home, example);

  await run("sm hook add 1 quiesce --event mirror-start --program /opt/sm-tasks/quiesce.sh --arg app --delay --timeout 5m --on-failure stop");
  await run("sm hook add 1 release --event mirror-complete --program /opt/sm-tasks/release.sh");
  await run("sm mirror start 1 --skip-empty --wait");
  await run("sm hook list");
  await run("sm hook list 1 --json");
  await run("sm hook show 1 quiesce");
  await run("sm hook remove 1 quiesce");
  const queue = "sm task queue 1 nightly --on-execute '/opt/sm-tasks/snapshot.sh daily' --timeout 10m --wait";
  for (let round = 0; round < 3; round++) await run(queue);
  await run("sm task show 1 3");
  await run("sm task wait 1 3");
  await run("sm task wait 1 3 --timeout 10m");
  await eventually(() => {
    const said = readFileSync(join(programs, "log"), "utf8").trim().split("\n").sort();
    expect(said).toEqual(["quiesce.sh app", "release.sh ", ...Array.from({ length: 3 }, () => "snapshot.sh daily")]);
  });

  renameSync(join(home, "ann"), join(stage.directory, "ann"));
  await reported(alpha, { state: "held" });
  await run("sm connection approve 1");
  await ask(alpha, "connection.sync", { id: 1, timeoutMs: 50_000 });
  await expectEqualTrees(home, copy);
  renameSync(join(home, "bob"), join(stage.directory, "bob"));
  await reported(alpha, { state: "held" });
  await run("sm connection reject 1");
  await run("sm mirror start 1");
  await reported(alpha, { state: "streaming", mirror: { status: "Idle", outcome: "done" } });
  expect(readdirSync(join(copy, "bob"))).toHaveLength(FILES);
});

test.runIf(canMountImages("ext4"))("a file that refuses on the target is tried again, and given up; a source that is gone for ever is forgotten", async () => {
  const stage = new ExampleStage();
  stage.plant("beta/etc/sm.yaml", "apply: {quarantineRetrySeconds: 1}\n");
  const [beta, alpha] = [await stage.start("beta"), await stage.start("alpha")];
  await pairAgents(alpha, beta, "beta");
  const home = stage.make("home");
  const image = LoopImage.open({ type: "ext4", sizeMiB: 64, at: stage.make("copy") });
  const locked = join(image.path, "locked");
  writeFileSync(join(home, "locked"), "before");
  await connected(alpha, "beta", "home", [[home, image.path]]);
  onTestFinished(() => void execFileSync("chattr", ["-i", locked], { stdio: "ignore" }));
  const held = async (text: string): Promise<void> => {
    execFileSync("chattr", ["+i", locked]);
    writeFileSync(join(home, "locked"), text);
    await eventually(async () => {
      const { entries } = await ask<{ entries: readonly QuarantineEntry[] }>(beta, "quarantine.list");
      expect(entries).toMatchObject([{ path: locked }]);
    });
    execFileSync("chattr", ["-i", locked]);
  };
  await held("once");
  await stage.run(beta.home, "sm quarantine retry /copy/locked");
  await eventually(() => expect(readFileSync(locked, "utf8")).toBe("once"));
  await reported(alpha, { targetDataState: "OK" });
  await held("twice");
  await stage.run(beta.home, "sm quarantine drop /copy/locked");
  await eventually(async () => {
    const { connection } = await ask<{ connection: ConnectionReport }>(alpha, "connection.show", { id: 1 });
    expect(connection.reasons.map(({ code }) => code)).toContain("MIRROR_REQUIRED");
  });
  await alpha.kill9();
  await stage.run(beta.home, "sm target forget 1 --source alpha --yes");
});

test("files come back: all, some, not faster than they may, to another machine; and a mirror of one directory", async () => {
  const stage = new ExampleStage();
  const [b, a, c] = [await stage.start("B"), await stage.start("A"), await stage.start("C")];
  await pairAgents(a, b, "B");
  await pairAgents(b, c, "C");
  const [images, database] = [stage.make("srv", "www", "img"), stage.make("data", "db")];
  for (const directory of [images, database]) fill(directory);
  const copy = (name: string): string => join(stage.directory, "copy", name);
  const places = [stage.make("srv", "www"), stage.make("data")] as const;
  await connected(a, "B", "web", [
    [places[0], copy("www")],
    [places[1], copy("data")],
  ]);
  const run = (example: string) => stage.run(a.home, example);
  await run("sm mirror start 1 --checksum-all --path /data/db --wait");

  const lose = async (): Promise<void> => {
    await ask(a, "replication.stop", { id: 1 });
    rmSync(images, { recursive: true });
  };
  const back = async (): Promise<void> => {
    expect(readdirSync(images)).toHaveLength(FILES);
    // Once the restore is over.
    await eventually(() => ask(a, "replication.start", { id: 1 }));
    await ask(a, "connection.sync", { id: 1, timeoutMs: 50_000 });
  };
  await lose();
  await run("sm restore start web --from B --wait");
  await back();
  await lose();
  await run("sm restore start web --from B --bandwidth 10MiB");
  await run("sm restore status web --json");
  await eventually(() => expect(existsSync(images) ? readdirSync(images) : []).toHaveLength(FILES));
  await back();
  await lose();
  await run("sm restore start web --from B --overwrite newer --path /srv/www/img");
  await run("sm restore stop web");
  // The source is no more: its data goes to another machine, by the word of the one that has the copy.
  await a.kill9();
  rmSync(images, { recursive: true, force: true });
  await stage.run(b.home, "sm restore start web --from B --to C --wait");
  expect(readdirSync(images)).toHaveLength(FILES);
});

test("a simulation is reported while it runs, and from its file", async () => {
  const stage = new ExampleStage();
  stage.plant("alpha/etc/sm.yaml", "tdu:\n  intervalSeconds: 1\n");
  const alpha = await stage.start("alpha");
  const home = stage.make("home");
  fill(home);
  await ask(alpha, "repset.create", { name: "home", rules: [{ path: home, mode: "include" }] });
  await stage.run(alpha.home, "sm connect home tdu --tdu-bandwidth 20mbit --tdu-rtt 40");
  const file = join(alpha.home, "log", "home simulation 1.csv");
  await eventually(() => expect(readFileSync(file, "utf8").trim().split("\n").length).toBeGreaterThan(2));
  await stage.run(alpha.home, "sm tdu report 1");
  await stage.run(alpha.home, "sm tdu report 1 --lag 15m --outage 4h --rate 100mbit");
  stage.place("/var/log/sm", join(alpha.home, "log"));
  copyFileSync(file, join(alpha.home, "log", "web simulation 1.csv"));
  await stage.run(alpha.home, "sm tdu report '/var/log/sm/web simulation 1.csv' --json");
});
