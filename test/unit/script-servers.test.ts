// Scripts that address servers which the account has stored.

import { expect, test } from "vitest";
import { MemoryAgentControl } from "../support/memory-agent-control.js";
import { ScriptKit, TablePort } from "../support/script-kit.js";

function kitWithServer({ role = "admin" as "admin" | "monitor" } = {}): { readonly kit: ScriptKit; readonly files1: TablePort } {
  const kit = new ScriptKit();
  const files1 = new TablePort(new MemoryAgentControl(), role, new AbortController().signal);
  Object.assign(files1, { serverNames: ["files1", "10.0.0.7", "10.0.0.7:1500"] });
  kit.port.servers.set("files1", files1);
  return { kit, files1 };
}

async function setsOf({ agent }: { readonly agent: MemoryAgentControl }): Promise<readonly string[]> {
  return (await agent.repsets.list()).map(({ name }) => name);
}

test("SOURCE moves to a stored server and back to localhost; each does its own", async () => {
  const { kit, files1 } = kitWithServer();
  const script = ["repset create $name", 'repset rule add "/srv" include to $name', "repset save"].join("\n");
  const { failures } = await kit.run(`source files1\n$name = "there"\n${script}\nsource localhost\n$name = "here"\n${script}`);
  expect(failures).toEqual([]);
  expect(await setsOf(files1)).toEqual(["there"]);
  expect(await setsOf(kit)).toEqual(["here"]);
});

test("another source has other peers: the target is selected anew, and what is not saved does not come along", async () => {
  const { kit, files1 } = kitWithServer();
  await kit.pair("beta");
  expect((await kit.run("source localhost\ntarget beta\nsource files1\ntarget beta")).failures).toEqual(["4:1 -105 SCRIPT_TARGET"]);
  expect(kit.session.target).toBe(null);
  expect((await kit.run("source files1\nrepset create web\nsource localhost")).failures).toEqual(["3:1 -101 SCRIPT_VALUE"]);
  expect(kit.session.port).toBe(files1);
});

test("a name that nobody has is -103; a server that refuses is no source", async () => {
  const { kit, files1 } = kitWithServer();
  expect((await kit.run("source files2")).failures).toEqual(["1:1 -103 SCRIPT_SOURCE"]);
  Object.assign(files1, { call: () => files1.callNamed("no.such", {}) });
  expect((await kit.run("source files1")).failures).toEqual(["1:1 -102 COMMAND_UNKNOWN"]);
  expect(kit.session.port).toBe(kit.port);
  expect(kit.session.source).toBe(null);
});

test("LOGIN tells the role of the stored user, PING asks the server, LOGOUT goes back", async () => {
  const { kit, files1 } = kitWithServer({ role: "monitor" });
  expect(await kit.value('login files1 "" ""')).toBe(1);
  expect(await kit.value('login localhost "" ""')).toBe(2);
  expect(await kit.value("ping files1")).toBe(1);
  expect(files1.calls.at(-1)).toEqual(["ping", {}]);
  expect((await kit.run("source files1\nrepset delete web", { stopsOnError: false })).failures).toEqual(["2:1 -1 REFUSED"]);
  await kit.run("logout files1");
  expect(kit.session.port).toBe(kit.port);
  expect((await kit.run("status")).failures).toEqual(["1:1 -104 SCRIPT_NO_SOURCE"]);
});

test("a script that was given to a server means it by localhost, by its stored name and its address", async () => {
  const { kit, files1 } = kitWithServer();
  const remote = new ScriptKit({ agent: files1.agent });
  Object.assign(remote.port, { serverNames: files1.serverNames });
  for (const name of ["localhost", "files1", '"10.0.0.7:1500"', "10.0.0.7", "FILES1"]) {
    expect((await remote.run(`source ${name}\nrepset list`)).failures, name).toEqual([]);
    expect(remote.session.port).toBe(remote.port);
  }
  const { hostname } = await import("node:os");
  expect((await remote.run(`source "${hostname()}.elsewhere"`)).failures).toEqual(["1:1 -103 SCRIPT_SOURCE"]);
  expect(kit.port.calls).toEqual([]);
});

test("LOGIN with a token has the rights of its user until LOGOUT, here and on a stored server; a wrong one has none", async () => {
  const { kit, files1 } = kitWithServer();
  for (const { agent, session } of [
    { agent: kit.agent, session: "localhost" },
    { agent: files1.agent, session: "files1" },
  ]) {
    const { token } = await agent.users.create({ name: "joe", role: "monitor", fingerprint: null });
    const make = `repset create ${session}\nrepset rule add "/srv" include to ${session}\nrepset save`;
    await kit.run(`source ${session}`);
    expect(await kit.value(`login ${session} joe "${token}"`)).toBe(1);
    expect((await kit.run(`repset list\n${make}`)).failures).toEqual(["4:1 -1 REFUSED"]);
    kit.session.drafts.clear();
    expect(await kit.value(`login ${session} "" "${token.slice(0, -43)}${"A".repeat(43)}"`)).toBe(0);
    expect((await kit.run("repset list")).failures).toEqual(["1:1 -1 REFUSED"]);
    await kit.run(`logout ${session}\nsource ${session}`);
    expect((await kit.run(make)).failures).toEqual([]);
  }
  expect(await setsOf(files1)).toEqual(["files1"]);
});

test("a token of another user, or for a machine without a way to it, logs in nowhere, and is told to nobody", async () => {
  const { kit } = kitWithServer();
  const { token } = await kit.agent.users.create({ name: "joe", role: "admin", fingerprint: null });
  const ran = [await kit.run(`login localhost ann "${token}"`), await kit.run(`login nowhere joe "${token}"`), await kit.run(`login files1 joe "${token}"`)];
  expect(ran.map(({ failures }) => failures)).toEqual([["1:1 -101 SCRIPT_VALUE"], [], []]);
  expect(ran[1]?.reports[0]?.outcome.note).toContain("`sm server add`");
  expect(ran[2]?.output).toBe("  User access level set to DT_NO_ACCESS\n");
  expect(JSON.stringify(ran.map(({ reports }) => reports.map(({ outcome, written, error }) => [outcome, written, error?.message])))).not.toContain(
    token.slice(-43),
  );
});
