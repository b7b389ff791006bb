// The servers that an account has stored: who may read the file, what it may hold, and that it is whole at any moment.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeToken } from "../../src/base/access-token.js";
import { SmError } from "../../src/base/errors.js";
import { chooseAgent, requireServer } from "../../src/cli/servers/server-choice.js";
import type { ServerEntry } from "../../src/cli/servers/server-entry.js";
import { parseServerName } from "../../src/cli/servers/server-entry.js";
import { ServerFile } from "../../src/cli/servers/server-file.js";
import { runMain } from "../support/run-main.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const PIN = "7c".repeat(32);

function entry(name: string, port = 1500): ServerEntry {
  return { name, address: { host: "10.0.0.2", port }, fingerprint: PIN, token: makeToken("ops").text };
}

function newFile(): ServerFile {
  return new ServerFile(join(makeTempDirectory(), "config", "sm", "servers.json"));
}

function add(file: ServerFile, ...entries: ServerEntry[]): Promise<void> {
  return file.update(({ servers, defaultName }) => ({ servers: [...servers, ...entries], defaultName }));
}

function errorOf(act: () => unknown): SmError {
  try {
    act();
  } catch (error) {
    if (error instanceof SmError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("the file", () => {
  test("is made for this account alone, whatever the umask, and gives back what was stored", async () => {
    const file = newFile();
    expect(file.read()).toEqual({ servers: [], defaultName: null });
    const umask = process.umask(0);
    const alpha = entry("alpha");
    await add(file, alpha).finally(() => process.umask(umask));
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(file.path, "..")).mode & 0o777).toBe(0o700);
    await file.update(({ servers }) => ({ servers, defaultName: "alpha" }));
    expect(file.read()).toEqual({ servers: [alpha], defaultName: "alpha" });
    expect(readdirSync(join(file.path, ".."))).toEqual(["servers.json"]);
  });

  test.each([
    ["file", 0o640, "600"],
    ["file", 0o602, "600"],
    ["directory", 0o755, "700"],
  ])("is refused with the remedy when others may use the %s (mode %o)", async (what, mode, wanted) => {
    const file = newFile();
    await add(file, entry("alpha"));
    const path = what === "file" ? file.path : join(file.path, "..");
    chmodSync(path, mode);
    for (const act of [() => file.read(), () => requireServer(file, "alpha"), () => chooseAgent({}, { SM_SERVERS_FILE: file.path })]) {
      expect(errorOf(act)).toMatchObject({ code: "SERVERS_UNSAFE", message: expect.stringContaining(`chmod ${wanted} ${path}`) });
    }
    await expect(add(file, entry("beta"))).rejects.toMatchObject({ code: "SERVERS_UNSAFE" });
  });

  test.runIf(process.geteuid?.() === 0).each(["file", "directory"])("of which the %s belongs to somebody else is refused", async (what) => {
    const file = newFile();
    await add(file, entry("alpha"));
    const path = what === "file" ? file.path : join(file.path, "..");
    chownSync(path, 65_534, 65_534);
    expect(errorOf(() => file.read())).toMatchObject({ code: "SERVERS_UNSAFE", message: expect.stringContaining(`chown 0 ${path}`) });
  });

  test.each([
    ["no JSON", "{"],
    ["another version", '{"version": 2, "servers": []}'],
    ["a list", "[]"],
    ["null", "null"],
    ["no token", JSON.stringify({ version: 1, servers: [{ name: "a", address: "h:1", fingerprint: PIN, token: "secret-of-somebody" }] })],
    ["half a fingerprint", JSON.stringify({ version: 1, servers: [{ name: "a", address: "h:1", fingerprint: "7c", token: makeToken("x").text }] })],
    ["no port", JSON.stringify({ version: 1, servers: [{ name: "a", address: "h", fingerprint: PIN, token: makeToken("x").text }] })],
    ["a default that is not there", '{"version": 1, "default": "a", "servers": []}'],
    ["a server that is null", '{"version": 1, "servers": [null]}'],
  ])("with %s is refused as a whole, without a word of what it holds", (_what, text) => {
    const file = newFile();
    mkdirSync(join(file.path, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(file.path, text, { mode: 0o600 });
    const error = errorOf(() => file.read());
    expect(error.code).toBe("SERVERS_INVALID");
    expect(error.message).toContain(file.path);
    expect(`${error.message}${JSON.stringify(error.data)}`).not.toContain("secret-of-somebody");
  });

  test("two servers of one name, in whatever case, are refused", async () => {
    const file = newFile();
    await add(file, entry("alpha"), entry("Alpha"));
    expect(errorOf(() => file.read()).message).toContain("two servers alpha");
  });

  test("of changes at once none is lost; one that fails leaves the file as it was, and nothing beside it", async () => {
    const file = newFile();
    await Promise.all(["a", "b", "c", "d", "e"].map((name) => add(file, entry(name))));
    expect(
      file
        .read()
        .servers.map(({ name }) => name)
        .sort(),
    ).toEqual(["a", "b", "c", "d", "e"]);
    const before = readFileSync(file.path, "utf8");
    await expect(
      file.update(() => {
        throw new SmError("ALREADY_EXISTS", "no");
      }),
    ).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(readFileSync(file.path, "utf8")).toBe(before);
    expect(existsSync(`${file.path}.new`)).toBe(false);
  });
});

test.runIf(process.geteuid?.() === 0)("a disk that takes only a part of the file leaves the one that was there", async () => {
  const directory = makeTempDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=12k,mode=700", "none", directory]);
  try {
    const file = new ServerFile(join(directory, "servers.json"));
    await add(file, entry("alpha"));
    const before = readFileSync(file.path, "utf8");
    await expect(add(file, ...Array.from({ length: 60 }, (_, index) => entry(`server-${index}`)))).rejects.toMatchObject({ code: "SERVERS_INVALID" });
    expect([readFileSync(file.path, "utf8"), readdirSync(directory)]).toEqual([before, ["servers.json"]]);
  } finally {
    execFileSync("umount", [directory]);
  }
});

test("a server that is removed takes its token with it, and its being the default", async () => {
  const file = newFile();
  const [alpha, beta] = [entry("alpha"), entry("beta", 1501)];
  await file.update(() => ({ servers: [alpha, beta], defaultName: "alpha" }));
  const environment = { SM_SERVERS_FILE: file.path };
  expect(await runMain(["server", "remove", "ALPHA"], environment)).toEqual({ code: 0, stdout: "removed alpha\n", stderr: "" });
  expect(file.read()).toEqual({ servers: [beta], defaultName: null });
  const directory = join(file.path, "..");
  for (const name of readdirSync(directory)) expect(readFileSync(join(directory, name), "utf8")).not.toContain(alpha.token);
  expect(await runMain(["server", "remove", "alpha"], environment)).toMatchObject({ code: 2, stderr: expect.stringContaining("SERVER_UNKNOWN") });
  expect((await runMain(["server", "show", "beta", "--json"], environment)).stdout).not.toContain(beta.token);
});

describe("the agent that a command asks", () => {
  test("flags come before the environment, that before the default; localhost is the agent here", async () => {
    const file = newFile();
    const [alpha, beta] = [entry("alpha"), entry("beta", 1501)];
    await file.update(() => ({ servers: [alpha, beta], defaultName: "beta" }));
    const env = { SM_SERVERS_FILE: file.path };
    const here = { kind: "here", runtimeDir: "/run/sm" };
    expect(chooseAgent({}, env)).toEqual({ kind: "server", server: beta });
    expect(chooseAgent({}, { ...env, SM_SERVER: "alpha" })).toEqual({ kind: "server", server: alpha });
    expect(chooseAgent({ server: "ALPHA" }, { ...env, SM_SERVER: "beta" })).toEqual({ kind: "server", server: alpha });
    expect(chooseAgent({ server: "10.0.0.2:1501" }, env)).toEqual({ kind: "server", server: beta });
    expect(chooseAgent({ server: "localhost" }, env)).toEqual(here);
    expect(chooseAgent({}, { ...env, SM_SERVER: "localhost" })).toEqual(here);
    expect(chooseAgent({ "runtime-dir": "/x" }, { ...env, SM_SERVER: "alpha" })).toEqual({ kind: "here", runtimeDir: "/x" });
    expect(chooseAgent({}, { ...env, SM_HOME: "/home" })).toEqual({ kind: "here", runtimeDir: "/home/run" });
    expect(chooseAgent({}, { ...env, SM_HOME: "/home", SM_SERVER: "alpha" })).toEqual({ kind: "server", server: alpha });
    await file.update(({ servers }) => ({ servers, defaultName: null }));
    expect(chooseAgent({}, env)).toEqual(here);
  });

  test("what is not stored is refused with the remedy, and never the agent here instead", async () => {
    const file = newFile();
    await add(file, entry("alpha"), entry("alpha-too"));
    const env = { SM_SERVERS_FILE: file.path };
    const refusal = (server: string): string => {
      const error = errorOf(() => chooseAgent({ server }, env));
      expect(error).toMatchObject({ code: "SERVER_UNKNOWN", entry: { exitCode: 2 } });
      return error.message;
    };
    expect(refusal("alpa")).toContain("did you mean alpha?");
    expect(refusal("10.0.0.9:1500")).toContain("sm server add NAME --address 10.0.0.9:1500");
    expect(refusal("10.0.0.2:1500")).toContain("alpha or alpha-too");
    expect(refusal("")).toContain('""');
    expect(errorOf(() => chooseAgent({}, { ...env, SM_SERVER: "beta" })).message).toContain('SM_SERVER is "beta"');
    expect(errorOf(() => chooseAgent({ server: "alpha", "state-dir": "/x" }, env))).toMatchObject({ code: "USAGE" });
  });

  test.each(["localhost", "LocalHost", "a:1500", "-x", "a b", "", "../x", "x".repeat(65)])("%j is no name of a server", (name) => {
    expect(errorOf(() => parseServerName(name)).code).toBe("USAGE");
  });
});

test("their names complete what is typed; a file that is refused, or a server that is unknown, is no error there", async () => {
  const home = makeTempDirectory();
  chmodSync(home, 0o700);
  const path = join(home, "servers.json");
  const values = (env: Readonly<Record<string, string>> = {}) => runMain(["completion", "values", "servers"], { SM_SERVERS_FILE: path, SM_HOME: home, ...env });
  expect(await values()).toEqual({ code: 0, stdout: "localhost\n", stderr: "" });
  await new ServerFile(path).update((stored) => ({ ...stored, servers: [entry("files1"), entry("files2", 1501)] }));
  expect((await values({ SM_SERVER: "unknown" })).stdout).toBe("localhost\nfiles1\nfiles2\n");
  chmodSync(path, 0o644);
  expect(await values()).toEqual({ code: 0, stdout: "", stderr: "" });
});
