// The examples of the help, carried out as they stand, one after the other, on two agents. Only the directories are those of the test.
// Those that need more than that: job-examples, shell-examples.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Config } from "@oclif/core/config";
import { expect, test } from "vitest";
import type { AgentProcess } from "../support/agent-process.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { ExampleStage } from "../support/example-stage.js";
import { giveIdentity } from "../support/identity-pool.js";
import { ROOT } from "../support/sm-program.js";

const OF_ONE_AGENT = [
  "sm whoami",
  "sm whoami --json",
  "sm agent status --json",
  "sm api document > sm-openapi.json",
  "sm completion bash > /usr/share/bash-completion/completions/sm",
  "sm completion zsh > /usr/share/zsh/site-functions/_sm",
  "sm completion fish > ~/.config/fish/completions/sm.fish",
  "sm man",
  "sm man repset create",
  "sm man sm.yaml",
  "sm man connect > connect.txt",
  "sm config check",
  "sm config check /etc/sm --json",
  "sm config check connections.d/home.yaml",
  "sm config get",
  "sm config get queue",
  "sm config get queue.memoryMiB --json",
  "sm config set guard.lostPercent 20",
  "sm config unset guard.lostPercent",
  "sm config set queue.diskMiB null",
  "sm config set apply.refusals '[EPERM]' --json",
  "sm config reload --dry-run",
  "sm config reload",
  "sm config reload --yes --json",
  "sm config schema",
  "sm config schema connection",
  "sm log",
  "sm log --event 93 --limit 5 --json",
  "sm audit",
  "sm audit --json",
  "sm job list",
  "sm queue show",
  "sm server list",
  "sm server list --json",
  "sm server default localhost",
  "sm user create grafana --role monitor > grafana.token",
  "sm user list",
  "sm user role grafana none",
  "sm user token grafana > grafana.token",
  "sm user token grafana --expires 90d > grafana.token",
  "sm user remove grafana",
  "sm user create ops --role admin --certificate ops.pem",
  "sm user create visitor --role monitor --expires 30d > visitor.token",
  "sm schedule preview '*-1..7 22:00' --count 10 --from '2026-12-01 00:00'",
  "sm task list",
];
/** In this order: each builds on those before it. */
const BEFORE_REPLICATION = [
  "sm peer list",
  "sm repset create home --include /home --exclude '**/*.tmp'",
  "sm repset list",
  "sm repset list --json",
  "sm repset create etc --include /etc --no-recursive",
  "sm repset show home",
  "sm repset show home --json",
  "sm completion values sets",
  "sm repset size home",
  "sm repset rule add home '/home/*/.cache' --exclude --dry-run",
  "sm repset rule add home /srv/data --include",
  "sm repset rule remove home /srv/data --dry-run --names 100",
  "sm repset rule remove home /srv/data",
  "sm connect home beta --map /home=/backup/home",
  "sm sync 1",
];
const WITH_REPLICATION = [
  "sm status",
  "sm status --json",
  "sm agent status",
  "sm stats",
  "sm explain /srv/www/index.html",
  "sm connection list",
  "sm connection show 1",
  "sm connection set 1 --compression brotli",
  "sm connection guard 1 lost=20,changed=50",
  "sm connection guard 1 20",
  "sm connection guard 1 configured",
  "sm connection guard 1 off",
  "sm connection set 1 --compression off --json",
  "sm connection list --json",
  "sm task list 1 --json",
  "sm log --connection 1 --since 2h",
  "sm config export > agent.yaml",
  "sm config export --to /tmp/agent",
  "sm config export --json",
  "sm mirror start 1 --newer --dry-run --names 100",
  "sm verify start 1 --checksum-all --wait",
  "sm verify status 1",
  "sm verify stop 1",
  "sm orphans start 1 --wait",
  "sm orphans status 1 --json",
  "sm orphans stop 1",
  "sm job list --connection 1",
  "sm job wait 3",
  "sm job wait 3 --timeout 10m",
  "sm job show 3",
  "sm job stop 3",
  "sm mirror start 1 --mode full --wait --timeout 1h",
  "sm mirror status 1",
  "sm mirror status 1 --json",
  "sm mirror pause 1",
  "sm mirror resume 1",
  "sm mirror stop 1",
  "sm mirror start 1 --orphans move --to /srv/orphans --older-than 7d --wait",
  "sm orphans start 1 --action move --to /srv/orphans --yes",
  "sm orphans status 1",
  "sm orphans stop 1",
  "sm verify start 1 --repair --newer",
  "sm verify stop 1",
  "sm orphans start 1 --action delete --older-than 7d --dry-run",
  "sm verify start 1 --wait",
  "sm verify start 1 --orphans report --wait",
  "sm verify status 1 --json",
  "sm restore status",
  "sm restore stop",
  "sm transmission limit 1 --percent 40 --link 100mbit",
  "sm transmission limit 1 1MiB",
  "sm transmission limit 1 500KB --during 'mon..fri 8:00' --lasting 10h",
  "sm transmission limit 1 none --during 'sat 0:00' --lasting 2d",
  "sm transmission limit 1 --automatic",
  "sm transmission limit 1 --clear",
  "sm replication stop 1",
  "sm replication start 1",
  "sm replication start 1 --no-mirror",
  "sm transmission stop 1",
  "sm transmission start 1",
  "sm transmission pause 1",
  "sm transmission resume 1",
  "sm transmission schedule 1 --calendar 'mon..fri 22:00' --queue-bytes 500MiB",
  "sm transmission schedule 1 --window 21:00-04:00",
  "sm transmission schedule 1 --start '2026-11-20 22:00' --every 30m --stop-after 10m",
  "sm transmission schedule 1 --disable",
  "sm transmission schedule 1 --clear",
  "sm transmission show 1",
  "sm verify schedule 1 --at 'sun 02:00' --checksum-all --repair",
  "sm verify schedule 1 --start '2026-11-20 22:00' --every 12h",
  "sm verify schedule 1 --catch-up --orphans report",
  "sm verify schedule 1 --disable",
  "sm verify schedule 1 --off",
  "sm verify scrub 1 --bytes-per-second 10MiB --window 21:00-06:00",
  "sm verify scrub 1 --repair --every 30d",
  "sm verify scrub 1",
  "sm verify scrub 1 --off",
  "sm schedule preview 'mon..fri 8..17:0/30'",
  "sm queue show 1 --json",
  "sm queue set --memory-mib 256 --disk-mib 20480",
  "sm queue set --disk-mib unlimited --alert-percent 70",
  "sm queue set --reset",
  "sm quarantine list",
  "sm quarantine retry --all",
  "sm quarantine drop --all",
  "sm repset export home",
  "sm repset import sets.yaml --replace --dry-run",
  "sm diagnostics --output /tmp/sm.tar.gz",
];
const ON_THE_TARGET = ["sm target pause 1 --source alpha", "sm target resume 1 --source alpha", "sm target pause", "sm target resume"];
const AT_THE_END = [
  "sm peer rotate --overlap 30d",
  "sm peer rotate",
  "sm peer rotate --force",
  "sm sync 1",
  "sm sync 1 --timeout 5m",
  "sm disconnect 1",
  "sm audit --command connection.disconnect --limit 10",
  "sm repset copy home homes",
  "sm repset delete home",
  "sm peer remove beta",
  "sm agent stop",
];

test("the examples do what they say", async () => {
  const stage = new ExampleStage();
  const [home, copy] = [stage.make("home"), join(stage.directory, "backup", "home")];
  for (const names of [["srv", "data"], ["tmp"]]) stage.make(...names);
  stage.plant("home/ann/letter", "dear");
  stage.plant("home/ann/x.tmp", "left out");
  const [beta, alpha] = [await stage.start("beta"), await stage.start("alpha")];
  stage.plant("sets.yaml", `repsets: [{ name: home, rules: [{ path: ${home}, mode: include }] }]`);
  stage.plant("connections.d/home.yaml", `set: home\ntarget: beta\nmap: { ${home}: ${copy} }\n`);
  giveIdentity(stage.home("account"));
  stage.plant("ops.pem", readFileSync(join(stage.home("account"), "state", "identity", "cert.pem"), "utf8"));
  for (const name of ["sets.yaml", "connections.d/home.yaml", "ops.pem"]) stage.place(name, join(stage.directory, name));
  stage.place("/etc/sm", stage.make("alpha", "etc"));
  stage.place("10.0.0.2:1500", beta.ready.listen);

  const run = async (agent: AgentProcess, list: readonly string[]): Promise<void> => {
    for (const example of list) await stage.run(agent.home, example);
  };
  const token = await stage.run(beta.home, "sm peer bootstrap create --site-name beta --address 10.0.0.2:1500");
  await stage.run(alpha.home, "sm peer bootstrap import - < token", { input: token.stdout });
  await run(alpha, OF_ONE_AGENT);
  await run(alpha, BEFORE_REPLICATION);
  await run(alpha, WITH_REPLICATION);
  await run(beta, ON_THE_TARGET);
  rmSync(join(home, "ann", "x.tmp"));
  await run(alpha, AT_THE_END);
  await alpha.exited;
  await expectEqualTrees(home, copy);
});

/** Each of the help, by one of these files. */
test("no example is left out", async () => {
  const files = ["cli-examples", "job-examples", "shell-examples"].map((name) => readFileSync(new URL(`${name}.test.ts`, import.meta.url), "utf8")).join("");
  const { commands } = await Config.load({ root: ROOT });
  const examples = commands.flatMap(({ examples = [] }) => examples.map(String));
  expect(examples.filter((example) => !files.includes(`"${example}"`))).toEqual([]);
});
