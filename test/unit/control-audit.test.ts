// Which calls have an entry in the audit log, and that none has a secret in it.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { silentLog } from "../../src/base/log.js";
import { inputToKeep } from "../../src/control/audited.js";
import { type Role, socketCaller } from "../../src/control/caller.js";
import { type AnyCommand, defineCommand, quick } from "../../src/control/command.js";
import { COMMANDS } from "../../src/control/command-table.js";
import { dispatch } from "../../src/control/dispatcher.js";
import { AccountNames, namesFrom, socketAccount } from "../../src/fs/socket-account.js";
import { MemoryAgentControl } from "../support/memory-agent-control.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const ACCOUNT = { uid: 1234, pid: 99, name: "carol" };

async function call(agent: MemoryAgentControl, role: Role, name: string, input: unknown): Promise<string> {
  return dispatch(agent, { caller: socketCaller(role, ACCOUNT), name, input }, silentLog).then(
    () => "ok",
    (error: { readonly code: string }) => error.code,
  );
}

test("commands that may change something are written with who, from where, what and how it ended; those that read are not", async () => {
  const agent = new MemoryAgentControl();
  const create = { name: "home", rules: [] };
  for (const input of [create, create, { name: 1, rules: [] }]) await call(agent, "admin", "repset.create", input);
  await call(agent, "admin", "status", {});
  await call(agent, "none", "ping", {});
  const common = { at: expect.stringMatching(/Z$/), who: "carol", uid: 1234, pid: 99, from: "admin.sock", role: "admin", command: "repset.create", leftOut: 0 };
  expect(agent.audited.map(({ durationMs: _, ...entry }) => entry)).toEqual([
    { ...common, input: create, result: "ok" },
    { ...common, input: create, result: "ALREADY_EXISTS" },
    { ...common, input: null, result: "USAGE" },
  ]);
});

test("every call above the role of its caller is refused and written, without what it sent", async () => {
  const agent = new MemoryAgentControl();
  for (const { name, role } of COMMANDS) {
    if (role !== "none") expect(await call(agent, "none", name, { token: "a" }), name).toBe("REFUSED");
    if (role === "admin") expect(await call(agent, "monitor", name, { token: "a" }), name).toBe("REFUSED");
  }
  const count = (role: Role): number => COMMANDS.filter((command) => command.role === role).length;
  expect(agent.audited).toHaveLength(2 * count("admin") + count("monitor"));
  for (const entry of agent.audited) expect(entry).toMatchObject({ input: null, result: "REFUSED" });
});

test("an entry is written before the answer is given", async () => {
  const agent = new MemoryAgentControl();
  const order: string[] = [];
  agent.audit.write = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push("written");
  };
  await call(agent, "admin", "repset.create", { name: "home", rules: [] });
  order.push("answered");
  expect(order).toEqual(["written", "answered"]);
});

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly [key: string]: unknown;
}

function fieldNames(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties = {} } = schema as JsonSchema;
  return [...Object.keys(properties), ...Object.values(schema).flatMap(fieldNames)];
}

test.each(COMMANDS.map((command): [string, AnyCommand] => [command.name, command]))(
  "%s: fields that sound like a secret are declared, and are there",
  (_, command) => {
    const fields = new Set(fieldNames(z.toJSONSchema(command.input, { io: "input" })));
    const secretive = [...fields].filter((field) => /pass|secret|token|credential|private|pin$/i.test(field));
    expect([...command.secrets].sort()).toEqual(secretive.sort());
  },
);

test("secrets are removed at any depth, long inputs are told by their length, unknown fields are not kept", () => {
  const definition = { name: "x", role: "admin", summary: "", output: z.object({}), deadlineMs: quick, handler: async () => ({}) } as const;
  const input = z.object({ token: z.string().optional(), list: z.array(z.object({ token: z.unknown(), name: z.string() })).default([]) });
  const command = defineCommand({ ...definition, input, secrets: ["token"] });
  const kept = inputToKeep(command, { token: "abc", list: [{ token: { deep: "abc" }, name: "n" }], other: "abc" });
  expect(kept).toEqual({ token: "(secret)", list: [{ token: "(secret)", name: "n" }] });
  expect(inputToKeep(command, { list: [{ token: "", name: "n".repeat(20_000) }] })).toEqual({ tooLong: expect.any(Number) });
  expect(inputToKeep(command, { token: 5 })).toBeNull();
});

test("the kernel says who is at the other end of a Unix socket, and of no other", async () => {
  const directory = makeTempDirectory();
  const passwd = join(directory, "passwd");
  writeFileSync(passwd, "");
  const names = new AccountNames(passwd);
  const server = createServer();
  for (const place of [{ path: join(directory, "s") }, { port: 0, host: "127.0.0.1" }]) {
    server.listen(place);
    await once(server, "listening");
    const address = server.address();
    const client = connect(typeof address === "string" ? { path: address } : { port: (address as { port: number }).port });
    const [accepted] = (await once(server, "connection")) as [Socket];
    const { uid } = userInfo();
    if ("port" in place) expect(socketAccount(accepted, names)).toBeUndefined();
    else {
      expect(socketAccount(accepted, names)).toEqual({ uid, pid: process.pid, name: `uid ${uid}` });
      writeFileSync(passwd, `other:x:${uid + 1}:0::/:/bin/sh\nme:x:${uid}:0::/:/bin/sh\nalso:x:${uid}:0::/:/bin/sh\n`);
      expect(socketAccount(accepted, names)?.name).toBe("me");
    }
    client.destroy();
    accepted.destroy();
    expect(socketAccount(accepted, names)).toBeUndefined();
    server.close();
    await once(server, "close");
  }
});

test("names come from a password file, whatever else stands in it", () => {
  const text = "root:x:0:0:root:/root:/bin/sh\n# comment\n\nbroken\n:x:5\nx:x:-1:\ny:x:7\n+::::::\n";
  expect([...namesFrom(text)]).toEqual([
    [0, "root"],
    [7, "y"],
  ]);
  expect(new AccountNames("/nonexistent").of(3)).toBe("uid 3");
  expect(new AccountNames().of(0)).toBe(execFileSync("id", ["-un", "0"], { encoding: "utf8" }).trim());
});
