// What a restart of the source agent costs: a look at the metadata of the tree, and the comparison of what changed.

import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORIES = 20;
const FILES = 20;

interface Kept {
  readonly checkpoint: { readonly seq: number; readonly mark: { untilMs: number } } | null;
}

function recordPath(pair: AgentPair): string {
  return join(pair.source.home, "state", "connections", `${pair.connectionId}.json`);
}

test("try", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  for (let d = 0; d < DIRECTORIES; d++) {
    mkdirSync(join(pair.sourceDir, `d${d}`, "sub"), { recursive: true });
    for (let f = 0; f < FILES; f++) writeFileSync(join(pair.sourceDir, `d${d}`, "sub", `f${f}`), `content ${d} ${f}`);
  }
  await pair.connect();
  await pair.expectEqual();
  console.log(readdirSync(join(pair.source.home), { recursive: true }).join(" "));
  await new Promise((r) => setTimeout(r, 4000));
  const path = readdirSync(join(pair.source.home), { recursive: true }).map(String).find((n) => n.endsWith("connections/1.json")) as string;
  console.log(readFileSync(join(pair.source.home, path), "utf8"));
  await pair.source.kill9();
  writeFileSync(join(pair.sourceDir, "d1", "new"), "n");
  await pair.restartSource();
  await pair.expectEqual();
  console.log((await pair.source.cli(["status"])).stdout, pair.source.text);
}, 60_000);
