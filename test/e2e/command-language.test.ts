// Scripts of the command language, from `sm run` to the files of the target.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { makeTempDirectory, plantTree } from "../support/temp-tree.js";

const run = (pair: AgentPair, text: string, ...flags: string[]) => pair.source.cli(["run", "-", ...flags], { input: text });

test("two sessions: sets, connections, waits, status, errors, and the generic form", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  await knownSession(pair);
  await ownSession(pair, directory);
  const refused = await run(pair, "source localhost\ndisconnect 1\nrepset lst\n", "--json");
  expect(refused.code).toBe(2);
  expect(refused.json).toMatchObject({ line: 3, column: 8, value: -102, error: { code: "SCRIPT_SYNTAX" } });
  expect((await pair.source.json<{ connections: unknown[] }>(["connection", "list"])).connections).toHaveLength(1);
});

/** The one documented session of the field, with places of this machine. */
async function knownSession(pair: AgentPair): Promise<void> {
  const { sourceDir, targetDir, target } = pair;
  plantTree(sourceDir, { a: "one", "temporary/b": "two", "d e/c": "three" });
  const first = await run(
    pair,
    [
      `logon ${target.ready.listen} admin "********"`,
      'logon localhost admin "********"',
      "source localhost",
      `target ${target.ready.listen}`,
      "repset create newrep",
      `repset rule add "${sourceDir}" include to newrep`,
      `repset rule add "${sourceDir}/temporary" exclude to newrep`,
      "repset save",
      "repset list",
      `connect newrep to ${target.ready.listen} map "${sourceDir}" to "${targetDir}"`,
      "waitonmirror 1",
      "status con 1",
    ].join("\n"),
  );
  expect(first, first.stderr).toMatchObject({ code: 0 });
  const lines = first.stdout.split("\n");
  expect(lines.slice(0, 5)).toEqual([
    "  User access level set to DT_FULL_ACCESS",
    "  User access level set to DT_FULL_ACCESS",
    "  - List of rep sets -",
    "  newrep                                              disabled",
    "  - Status for connection 1 -",
  ]);
  expect(lines[5]).toMatch(/^ {2}Time established: {17}\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d\.\d{3}$/);
  expect(lines.slice(6, 8)).toEqual(["  Replication set:                  newrep", "  Target machine:                   B"]);
  expect(lines[9]).toMatch(/^ {2}Mirror bytes transferred: {9}[1-9]\d*$/);
  await expectEqualTrees(join(sourceDir, "d e"), join(targetDir, "d e"));
}

/** Variables, conditions, waits, a verification, and what goes on behind a failure. */
async function ownSession({ source, targetDir }: AgentPair, directory: string): Promise<void> {
  const other = join(directory, "other");
  plantTree(other, { x: "1", y: "2" });
  const session = join(directory, "session.sm");
  writeFileSync(
    session,
    [
      "source localhost",
      "target B",
      "repset create second",
      `repset rule add "${other}" include to second`,
      "repset save",
      "repset list",
      `$con = connect second to B map "${other}" to "${targetDir}-2"`,
      "waitonmirror $con",
      "waitonqueue $con",
      "status con $con",
      'IF $con > 0 THEN WRITE "connected as" $con END',
      "$job = verify $con checksum all",
      "waitonjob $job",
      "limit bandwidth 2000000, 2 to B",
      "$rate = call transmission.show id = $con giving transmission.bytesPerSecondNow",
      'write "at most " + $rate',
      "disconnect $con",
      "ON ERROR CONTINUE",
      "$gone = status con $con",
      "write $gone $error",
      "exit 0",
    ].join("\n"),
  );
  const second = await source.cli(["run", session]);
  expect(second.stdout).toContain(
    "  newrep                                              enabled\n  second                                              disabled\n",
  );
  expect(second.stdout).toContain("\nconnected as 2\n");
  expect(second.stdout.endsWith("\nat most 1000000\n-101 NOT_FOUND\n")).toBe(true);
  expect(second.stderr).toMatch(/session\.sm, line 19, column 9: error -101 NOT_FOUND: /);
  expect(second.code).toBe(0);
  await expectEqualTrees(other, `${targetDir}-2`);
  const change = [
    "source localhost",
    `repset rule add "${other}/y" exclude to second`,
    "repset save",
    "$n = call repset.show name = second giving repset.generation",
  ];
  const changed = await source.cli(["run", "-"], { input: [...change, "write $n", "$c = call command.list giving commands.0.name", "write $c"].join("\n") });
  expect(changed, changed.stderr).toMatchObject({ code: 0, stdout: "2\nstatus\n" });
}
