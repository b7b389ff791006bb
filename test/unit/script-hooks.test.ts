// SCRIPT ADD, LIST, REMOVE: what they ask of the agent, and the numbers they give.

import { expect, test } from "vitest";
import { ScriptKit } from "../support/script-kit.js";

async function kit(): Promise<ScriptKit> {
  const made = new ScriptKit();
  await made.pair("beta");
  expect(
    (await made.run('source localhost\nrepset create web\nrepset rule add "/srv" include to web\nrepset save\nconnect web to beta map exact')).failures,
  ).toEqual([]);
  return made;
}

function asked({ port }: ScriptKit, command: string): unknown {
  return port.calls.findLast(([name]) => name === command)?.[1];
}

test("the documented form: a path as a whole, arguments separated by blanks, DELAY; one for each moment", async () => {
  const made = await kit();
  const text = 'script add 1 localhost on beta mirrorstart = "/opt/my scripts/stop.sh" args = "-f  app" delay nointeract';
  expect(await made.value(text)).toBe(1);
  const added = { id: 1, name: "mirror-start", event: "mirror-start", program: { path: "/opt/my scripts/stop.sh", args: ["-f", "app"] } };
  expect(asked(made, "hook.add")).toEqual({ ...added, isDelaying: true, isReplacing: true });
  expect(
    (await made.run('SCRIPT ADD 1 ON beta MIRRORCOMPLETE="/opt/go.sh" NODELAY\nscript add 1 on beta mirrorstop="/opt/go.sh"\nscript list 1')).output,
  ).toContain("1  mirror-complete  mirror-complete  /opt/go.sh\n  1  mirror-stop  mirror-stop  /opt/go.sh");
  expect((await made.run('script remove 1 on beta mirrorstop\nscript remove 1 name "mirror-complete"')).failures).toEqual([]);
  expect((await made.run("script list")).output).not.toContain("/opt/go.sh");
});

test.each([
  ['script add 1 on beta mirrorstart = "stop.sh"', "-101 SCRIPT_VALUE"],
  ['script add 1 on gamma mirrorstart = "/a"', "-105 SCRIPT_TARGET"],
  ['script add 1 on localhost mirrorstart = "/a"', "-101 SCRIPT_VALUE"],
  ['script add 1 gamma on beta mirrorstart = "/a"', "-101 SCRIPT_VALUE"],
  ['script add 9 on beta mirrorstart = "/a"', "-101 NOT_FOUND"],
  ['script add 1 mirrorstart = "/a"', "-102 SCRIPT_SYNTAX"],
  ['script add 1 on beta failover = "/a"', "-102 SCRIPT_SYNTAX"],
  ['script add 1 on beta mirrorstart = "/a" interact', "-1 SCRIPT_NO_COUNTERPART"],
  ["script remove 1 mirrorstop", "-101 NOT_FOUND"],
])("%s fails with its code", async (text, failure) => {
  const made = await kit();
  const { failures } = await made.run(text, { stopsOnError: false });
  expect(failures.map((line) => line.replace(/^1:\d+ /, ""))).toEqual([failure]);
});
