// Commands that come at the same moment: none of them sees the agent while another one is half done.

import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Requests in one piece, so that the agent begins with all of them in one turn. Returns the answers, in order. */
function atOnce(agent: AgentProcess, command: string, bodies: readonly unknown[]): Promise<readonly string[]> {
  return callsAtOnce(
    agent,
    bodies.map((body) => [command, body]),
  );
}

async function callsAtOnce(agent: AgentProcess, calls: readonly (readonly [command: string, body: unknown])[]): Promise<readonly string[]> {
  const socket = connect(agent.ready.adminSocket);
  let answers = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answers += text;
  });
  const requests = calls.map(([command, body], index) => {
    const text = JSON.stringify(body);
    const last = index === calls.length - 1 ? "connection: close\r\n" : "";
    return `POST /api/v1/${command.replaceAll(".", "/")} HTTP/1.1\r\nhost: x\r\n${last}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  });
  socket.write(requests.join(""));
  await once(socket, "close");
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) |"error":\{"code":"([A-Z_]+)"/g)].map(([, status, code]) => status ?? code ?? "");
}

test("a connection asked for twice is made once, and rules saved at once leave one worker that has them all", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const [source, target] = [join(directory, "source"), join(directory, "target")];
  mkdirSync(source);
  let agent = await AgentProcess.start({ home: join(directory, "home") });
  await agent.api("repset.create", { name: "data", rules: [{ path: source, mode: "include" }] });
  const wish = { repset: "data", target: "localhost", map: { kind: "pairs", pairs: [{ source, target }] } };
  expect(await atOnce(agent, "connection.connect", [wish, wish])).toEqual(["200", "409", "CONNECTION_EXISTS"]);
  expect((await agent.cli(["sync", "1"])).code).toBe(0);

  const names = ["a", "b", "c", "d"];
  const rules = names.map((name) => ({ name: "data", rule: { path: join(source, name), mode: "exclude" } }));
  expect(await atOnce(agent, "repset.rule.add", rules)).toEqual(["200", "200", "200", "200"]);
  for (const name of [...names, "e"]) writeFileSync(join(source, name), name);
  await eventually(() => expect(readFileSync(join(target, "e"), "utf8")).toBe("e"));
  expect((await agent.cli(["sync", "1"])).code).toBe(0);
  expect(names.filter((name) => existsSync(join(target, name)))).toEqual([]);
  // Two workers would number their changes alike.
  expect(agent.outputTail).not.toContain("queueGaveUp");

  // One that cannot be taken up is told of, and can be ended.
  await agent.stop();
  const file = join(directory, "home/etc/repsets.d/data.yaml");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, "rules: 7\n");
  agent = await agent.restart();
  const { connections, agent: self } = await agent.status();
  expect(connections).toEqual([]);
  expect(self.reasons).toContainEqual(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining("connection 1 (data to localhost)") }),
  );
  writeFileSync(file, text);
  await agent.json(["config", "reload"]);
  expect(await atOnce(agent, "connection.connect", [wish])).toEqual(["409", "CONNECTION_EXISTS"]);
  await agent.json(["disconnect", "1"]);
  expect((await agent.status()).agent.reasons).not.toContainEqual(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(await atOnce(agent, "connection.connect", [wish])).toEqual(["200"]);
});

test("a set that is removed or renamed while it is being connected stays: no connection is without its set", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const source = join(directory, "source");
  mkdirSync(source);
  const agent = await AgentProcess.start({ home: join(directory, "home") });
  await agent.api("repset.create", { name: "data", rules: [{ path: source, mode: "include" }] });
  const connecting = ["connection.connect", { repset: "data", target: "tdu", map: { kind: "none" } }] as const;
  const removing = [
    ["repset.delete", { name: "data" }],
    ["repset.rename", { name: "data", to: "other" }],
  ] as const;
  for (const call of removing) {
    expect(await callsAtOnce(agent, [connecting, call])).toEqual(["200", "409", "REPSET_IN_USE"]);
    const [connection] = (await agent.status()).connections;
    expect((await agent.cli(["repset", "show", "data"])).code).toBe(0);
    await agent.json(["disconnect", `${connection?.id}`]);
    expect(await callsAtOnce(agent, [call, connecting])).toEqual(["200", "404", "NOT_FOUND"]);
    await agent.api("repset.create", { name: "data", rules: [{ path: source, mode: "include" }] });
  }
});
