// Replication sets whose files are edited by hand while the agent runs: no command passes over what stands there.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RepsetReload } from "../../src/agent/repset-reload.js";
import { RepsetService } from "../../src/agent/repset-service.js";
import type { SourceService } from "../../src/agent/source-service.js";
import { silentLog } from "../../src/base/log.js";
import { RepsetStore } from "../../src/config/repset-store.js";
import type { Rule } from "../../src/model/rule.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const rule = (path: string, mode: Rule["mode"]): Rule => ({ path, mode, recursive: true });
const OLD = [rule("/srv/web", "include")];
const EDITED = [...OLD, rule("/srv/web/keys", "exclude")];

async function edited() {
  const directory = makeTempDirectory();
  const store = await RepsetStore.open(directory, silentLog);
  const { repset } = await store.save("web", OLD);
  const file = join(directory, "repsets.d/web.yaml");
  writeFileSync(file, readFileSync(file, "utf8").concat("  - {path: /srv/web/keys, mode: exclude}\n"));
  const told: (readonly Rule[])[] = [];
  const source = {
    connectionsOf: () => [1],
    checkRules: () => undefined,
    sourceOf: (name: string) => (name === "web" ? { repset } : undefined),
    rulesSaved: async ({ rules }: { readonly rules: readonly Rule[] }) => void told.push(rules),
  } as unknown as SourceService;
  return { directory, store, source, told };
}

test("a rule that is added by a command is added to what was edited", async () => {
  const { store, source, told } = await edited();
  await new RepsetService(store, source).addRule("web", rule("/srv/web/tmp", "exclude"));
  const paths = ["/srv/web", "/srv/web/keys", "/srv/web/tmp"];
  expect(store.get("web").rules.map(({ path }) => path)).toEqual(paths);
  expect(told.map((rules) => rules.map(({ path }) => path))).toEqual([paths]);
});

test("an edited set that a command has read since is still taken by the next reload", async () => {
  const { directory, store, source, told } = await edited();
  await store.copy("web", "other");
  const reload = new RepsetReload(directory, store, source);
  const changes = reload.plan(
    new Map([
      ["web", EDITED],
      ["other", EDITED],
    ]),
  );
  expect(changes).toEqual([{ name: "web", change: "changed" }]);
  await reload.take(changes);
  expect(told).toEqual([EDITED]);
});
