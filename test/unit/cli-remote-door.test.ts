// The CLI's way to another machine against servers that are not what they should be: what is sent to them, and what is said of them.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { PassThrough } from "node:stream";
import { createServer, type Server, type TlsOptions } from "node:tls";
import type { ReadStream } from "node:tty";
import { expect, onTestFinished, test } from "vitest";
import { makeToken } from "../../src/base/access-token.js";
import { ApiClient } from "../../src/cli/api-client.js";
import { askSecret } from "../../src/cli/parse/ask.js";
import { fetchFingerprint, RemoteDoor } from "../../src/cli/servers/remote-door.js";
import type { ServerEntry } from "../../src/cli/servers/server-entry.js";
import { Identity } from "../../src/transport/identity.js";
import { freePort } from "../support/agent-process.js";
import { makeTempDirectory } from "../support/temp-tree.js";

interface Listener {
  readonly server: ServerEntry;
  /** All that came in behind the handshake. */
  received(): string;
}

async function listen(answer: string | null, options: TlsOptions = {}): Promise<Listener> {
  const identity = await Identity.open(makeTempDirectory(), "files1");
  let received = "";
  const server: Server = createServer({ ...identity.tls(), ...options }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (answer !== null && received.includes("\r\n\r\n")) socket.end(answer);
    });
  });
  server.on("tlsClientError", () => undefined);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const entry = { name: "files1", address: { host: "127.0.0.1", port }, fingerprint: identity.fingerprint, token: makeToken("ops").text };
  return { server: entry, received: () => received };
}

function http(status: number, body: string): string {
  return `HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

function ping(server: ServerEntry, options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {}): Promise<unknown> {
  return new ApiClient(new RemoteDoor(server)).call("ping", {}, options);
}

test("the token goes in the header, to the server with the pinned certificate", async () => {
  const { server, received } = await listen(http(200, '{"time":"now"}'));
  expect(await fetchFingerprint(server.address)).toBe(server.fingerprint);
  expect(received()).toBe("");
  expect(await ping(server)).toEqual({ time: "now" });
  expect(received()).toMatch(/^POST \/api\/v1\/ping HTTP\/1\.1\r\n/);
  expect(received()).toContain(`authorization: Bearer ${server.token}\r\n`);
});

test("another certificate than the pinned one is refused with 7, and gets not one byte", async () => {
  const { server, received } = await listen(http(200, "{}"));
  const pinned = "00".repeat(32);
  await expect(ping({ ...server, fingerprint: pinned })).rejects.toMatchObject({
    code: "SERVER_MISMATCH",
    entry: { exitCode: 7 },
    data: { shown: server.fingerprint, pinned },
  });
  expect(received()).toBe("");
});

test.each([
  ["an agent without users", http(403, "this agent does not know your certificate: pair with it first\n"), "REFUSED", 7],
  ["a refusal by the role", http(403, '{"error":{"code":"REFUSED","message":"no","hint":"","data":{}}}'), "REFUSED", 7],
  ["a token that is over", http(401, '{"error":{"code":"LOGIN_FAILED","message":"no","hint":"","data":{}}}'), "LOGIN_FAILED", 7],
  ["too many failed logins", http(429, '{"error":{"code":"LOGIN_LOCKED","message":"no","hint":"","data":{}}}'), "LOGIN_LOCKED", 7],
  ["another program", http(404, "<html>"), "PROTOCOL", 4],
  ["an answer that is cut", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "AGENT_UNREACHABLE", 3],
  ["no HTTP", "SSH-2.0-x\r\n", "AGENT_UNREACHABLE", 3],
])("%s is told as what it is", async (_what, answer, code, exitCode) => {
  const { server } = await listen(answer);
  await expect(ping(server)).rejects.toMatchObject({ code, entry: { exitCode } });
});

test("who does not answer, speaks an older TLS or none, or is not there, is unreachable", async () => {
  const mute = await listen(null);
  await expect(ping(mute.server, { deadlineMs: 100 })).rejects.toMatchObject({ code: "AGENT_UNREACHABLE", message: expect.stringContaining("in time") });
  const interrupt = new AbortController();
  const call = ping(mute.server, { signal: interrupt.signal });
  interrupt.abort();
  await expect(call).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });

  const old = await listen(http(200, "{}"), { maxVersion: "TLSv1.2" });
  await expect(ping(old.server)).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
  expect(old.received()).toBe("");

  const plain = createTcpServer((socket) => socket.on("error", () => undefined).end("220 hello\r\n"));
  await once(plain.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void plain.close());
  const { port } = plain.address() as AddressInfo;
  await expect(ping({ ...mute.server, address: { host: "127.0.0.1", port } })).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
  const nobody = { host: "127.0.0.1", port: await freePort() };
  await expect(ping({ ...mute.server, address: nobody })).rejects.toMatchObject({
    code: "AGENT_UNREACHABLE",
    message: expect.stringContaining("no agent answers"),
  });
});

test("a secret is typed without an echo, corrected, and given up", async () => {
  const ask = async (...keys: string[]): Promise<{ readonly outcome: string; readonly shown: string; readonly modes: boolean[] }> => {
    const modes: boolean[] = [];
    const input = Object.assign(new PassThrough(), { setRawMode: (isRaw: boolean) => modes.push(isRaw) }) as unknown as ReadStream;
    const output = new PassThrough();
    const answer = askSecret("Token: ", input, output).catch((error: Error) => `refused: ${error.message}`);
    for (const each of keys) input.push(each);
    return { outcome: await answer, shown: String(output.read()), modes };
  };
  expect(await ask("sm~o", "pX\x7fs~x\r")).toEqual({ outcome: "sm~ops~x", shown: "Token: \n", modes: [true, false] });
  expect(await ask("wrong\x15right\nmore")).toMatchObject({ outcome: "right" });
  expect(await ask("half\x03")).toEqual({ outcome: "refused: nothing was given", shown: "Token: \n", modes: [true, false] });
});
