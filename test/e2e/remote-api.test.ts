// A real agent asked over TLS by a client that knows nothing but a token and the fingerprint of the server.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import type { UserToken } from "../../src/model/user.js";
import { AgentProcess } from "../support/agent-process.js";
import { makeTempDirectory } from "../support/temp-tree.js";

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly serverFingerprint: string;
}

function ask(agent: AgentProcess, path: string, token: string, body?: unknown): Promise<Asked> {
  const { host, port } = agent.address;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const outgoing = request({ host, port, path, method, headers, agent: false, rejectUnauthorized: false }, (response) => {
      const { raw } = (response.socket as TLSSocket).getPeerCertificate();
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, serverFingerprint: createHash("sha256").update(raw).digest("hex") }));
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test("a user made by the CLI asks from elsewhere, over a restart, until removed; the log has no token; and the door can be shut", async () => {
  const home = makeTempDirectory();
  let agent = await AgentProcess.start({ home });
  expect(await ask(agent, "/api/v1/ping", "")).toMatchObject({ status: 403, text: expect.stringContaining("pair with it first") });
  const made = await agent.json<UserToken>(["user", "create", "ops", "--role", "admin"]);
  const document = await ask(agent, "/api/v1/openapi.json", made.token);
  expect(document).toMatchObject({ status: 200, serverFingerprint: made.serverFingerprint });
  expect(JSON.parse(document.text)).toMatchObject({ openapi: "3.1.0", paths: { "/api/v1/connection/connect": { post: { "x-sm-role": "admin" } } } });
  expect(await ask(agent, "/api/v1/repset/create", made.token, { name: "web", rules: [{ path: "/srv", mode: "include", recursive: true }] })).toMatchObject({
    status: 200,
  });
  expect((await ask(agent, "/api/v1/ping", `${made.token.slice(0, -1)}~`)).status).toBe(401);

  expect(JSON.parse((await ask(agent, "/api/v1/agent/stop", made.token, {})).text)).toMatchObject({ stopping: true });
  await agent.exited;
  agent = await AgentProcess.start({ home });
  expect((await ask(agent, "/api/v1/repset/list", made.token)).text).toContain('"name":"web"');
  await agent.json(["user", "remove", "ops"]);
  expect(await ask(agent, "/api/v1/ping", made.token)).toMatchObject({ status: 403, text: expect.stringContaining("pair with it first") });

  const again = await agent.json<UserToken>(["user", "create", "ops", "--role", "admin"]);
  await agent.stop();
  mkdirSync(join(home, "etc"), { recursive: true });
  writeFileSync(join(home, "etc", "sm.yaml"), "api: {remote: false}\n");
  agent = await AgentProcess.start({ home });
  expect(await ask(agent, "/api/v1/ping", again.token)).toMatchObject({ status: 403, text: expect.stringContaining("pair with it first") });
  for (const token of [made.token, again.token]) {
    const secret = token.split("~")[2] ?? "";
    for (const directory of ["log", "state"]) {
      for (const name of readdirSync(join(home, directory), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
        expect(readFileSync(join(name.parentPath, name.name), "utf8"), name.name).not.toContain(secret);
      }
    }
  }
});
