import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { USERS_MAX, UserStore } from "../../src/agent/user-store.js";
import { isSecretOf, parseToken } from "../../src/base/access-token.js";

const FINGERPRINT = "ab".repeat(32);

const test = base.extend<{ directory: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  directory: async ({}, use) => {
    const directory = mkdtempSync(join(tmpdir(), "sm-users-"));
    await use(directory);
    rmSync(directory, { recursive: true });
  },
});

test("users are kept over restarts, for this account alone, and no token with them", async ({ directory }) => {
  const users = await UserStore.open(directory);
  const { token } = await users.create({ name: "joe", role: "admin", fingerprint: FINGERPRINT });
  const file = join(directory, "users.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).not.toContain(parseToken(token)?.secret);
  const again = await UserStore.open(directory);
  expect(again.find("joe")).toEqual(users.find("joe"));
  expect(isSecretOf(parseToken(token)?.secret ?? "", again.find("joe")?.tokenHash)).toBe(true);
  const renewed = await again.renewToken("joe");
  expect(isSecretOf(parseToken(token)?.secret ?? "", again.find("joe")?.tokenHash)).toBe(false);
  expect(isSecretOf(parseToken(renewed.token)?.secret ?? "", (await UserStore.open(directory)).find("joe")?.tokenHash)).toBe(true);
  await again.remove("joe");
  expect((await UserStore.open(directory)).count).toBe(0);
});

test("names and certificates are those of one user, and legal", async ({ directory }) => {
  const users = await UserStore.open(directory);
  await users.create({ name: "joe", role: "none", fingerprint: FINGERPRINT });
  await expect(users.create({ name: "joe", role: "none", fingerprint: null })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  await expect(users.create({ name: "ann", role: "none", fingerprint: FINGERPRINT })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  for (const name of ["", "a b", "~", "a~b", ".a", "ä", "a\n", "x".repeat(65), "a/b"]) {
    await expect(users.create({ name, role: "admin", fingerprint: null }), name).rejects.toMatchObject({ code: "USAGE" });
  }
  for (const deed of [() => users.remove("nobody"), () => users.renewToken("nobody"), () => users.setRole("nobody", "admin")]) {
    await expect(deed()).rejects.toMatchObject({ code: "NOT_FOUND" });
  }
  expect(users.count).toBe(1);
});

test("what takes rights away counts although the file cannot be written, and says so; what gives them does not", async ({ directory }) => {
  const users = await UserStore.open(directory);
  await users.create({ name: "joe", role: "admin", fingerprint: null });
  const before = users.find("joe");
  let changes = 0;
  users.onChanged(() => {
    changes += 1;
  });
  mkdirSync(join(directory, "users.json.new"));
  await expect(users.create({ name: "ann", role: "admin", fingerprint: null })).rejects.toThrow();
  expect(users.find("ann")).toBeUndefined();
  await expect(users.setRole("joe", "monitor")).rejects.toThrow("until this agent restarts only");
  expect(users.find("joe")).toMatchObject({ role: "monitor" });
  expect(users.find("joe")).not.toBe(before);
  await expect(users.remove("joe")).rejects.toThrow("until this agent restarts only");
  expect(users.count).toBe(0);
  expect(changes).toBe(2);
});

test.for([
  ["not JSON", "{"],
  ["another version", '{"version":2,"users":[]}'],
  ["a role that is none", JSON.stringify({ version: 1, users: [{ name: "a", role: "root" }] })],
] as const)("a file of another shape stops the agent: %s", async ([, text], { directory }) => {
  writeFileSync(join(directory, "users.json"), text, { mode: 0o600 });
  await expect(UserStore.open(directory)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
});

test("a file that others may read stops the agent; users are few", async ({ directory }) => {
  writeFileSync(join(directory, "users.json"), '{"version":1,"users":[]}');
  chmodSync(join(directory, "users.json"), 0o644);
  await expect(UserStore.open(directory)).rejects.toMatchObject({ code: "IDENTITY_UNSAFE" });
  const at = "2026-01-01T00:00:00.000Z";
  const users = Array.from({ length: USERS_MAX }, (_, i) => ({
    name: `u${i}`,
    role: "none",
    tokenHash: FINGERPRINT,
    fingerprint: null,
    createdAt: at,
    tokenAt: at,
  }));
  writeFileSync(join(directory, "users.json"), JSON.stringify({ version: 1, users }));
  chmodSync(join(directory, "users.json"), 0o600);
  await expect((await UserStore.open(directory)).create({ name: "more", role: "none", fingerprint: null })).rejects.toMatchObject({ code: "REFUSED" });
});
