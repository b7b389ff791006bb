import { expect, test } from "vitest";
import { parseToken } from "../../src/base/access-token.js";
import type { Clock } from "../../src/base/clock.js";
import { FAILED_LOGINS_MAX, FAILED_LOGINS_WINDOW_MS, RemoteLogins } from "../../src/control/remote-logins.js";
import { MemoryUsers } from "../support/memory-users.js";
import { memoryLog } from "../support/transport-fixture.js";

const WRONG = `sm~joe~${"A".repeat(43)}`;

async function openLogins() {
  const clock: Clock & { ms: number } = { ms: 1_000, nowMs: () => clock.ms, monotonicMs: () => clock.ms };
  const users = new MemoryUsers();
  const log = memoryLog();
  const logins = new RemoteLogins({ users, log, clock });
  const { token } = await users.create({ name: "joe", role: "monitor", fingerprint: null });
  /** The outcome of one login: "joe", or a code. */
  const tryToken = (text: string, remoteAddress: string): string => {
    try {
      return logins.login({ authorization: `Bearer ${text}`, fingerprint: undefined, remoteAddress }).caller.name;
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  };
  const fail = (times: number, address: (index: number) => string) => Array.from({ length: times }, (_, index) => tryToken(WRONG, address(index)));
  return { clock, users, log, logins, token, tryToken, fail };
}

test("the name of a token is counted from all addresses, and does not lock out where the user logged in from", async () => {
  const { tryToken, fail, token, clock } = await openLogins();
  expect(tryToken(token, "10.0.0.1")).toBe("joe");
  fail(FAILED_LOGINS_MAX, (index) => `10.1.0.${index}`);
  expect(tryToken(token, "10.0.0.2")).toBe("LOGIN_LOCKED");
  expect(tryToken(token, "10.0.0.1")).toBe("joe");
  clock.ms += FAILED_LOGINS_WINDOW_MS;
  expect(tryToken(token, "10.0.0.2")).toBe("joe");
});

test("an address is one network: all of an IPv6 /64, and IPv4 in either form", async () => {
  for (const [address, same, other] of [
    [(index: number) => `2001:db8::${index}`, "2001:db8:0:0:ffff::1", "2001:db8:0:1::1"],
    [() => "::ffff:10.0.0.9", "10.0.0.9", "10.0.0.8"],
    [() => "fe80::1%eth0", "fe80::2", "fe81::1"],
  ] as const) {
    const { tryToken, fail, token, users } = await openLogins();
    // Of nobody: the name does not matter here.
    await users.remove("joe");
    const created = await users.create({ name: "ann", role: "monitor", fingerprint: null });
    expect(token).not.toBe(created.token);
    fail(FAILED_LOGINS_MAX, address);
    expect(tryToken(created.token, same)).toBe("LOGIN_LOCKED");
    expect(tryToken(created.token, other)).toBe("ann");
  }
});

test("a thousand failures from a thousand addresses are bounded in the log by address, and tokens are never in it", async () => {
  const { fail, log, token } = await openLogins();
  const outcomes = fail(1000, () => "10.0.0.7");
  expect(new Set(outcomes)).toEqual(new Set(["LOGIN_FAILED", "LOGIN_LOCKED"]));
  expect(outcomes.filter((outcome) => outcome === "LOGIN_FAILED")).toHaveLength(FAILED_LOGINS_MAX);
  expect(log.lines.length).toBeLessThanOrEqual(4);
  expect(JSON.stringify(log.lines)).not.toContain(parseToken(token)?.secret);
});

test("a login holds until its user is changed", async () => {
  const { logins, users, token } = await openLogins();
  const attempt = { authorization: `bearer ${token}`, fingerprint: undefined, remoteAddress: "10.0.0.1" };
  const login = logins.login(attempt);
  expect(login).toMatchObject({ caller: { role: "monitor", name: "joe", from: "10.0.0.1" } });
  expect(login.isCurrent()).toBe(true);
  await users.setRole("joe", "none");
  expect(login.isCurrent()).toBe(false);
  expect(logins.login(attempt)).toMatchObject({ caller: { role: "none" } });
  await users.remove("joe");
  await users.create({ name: "joe", role: "admin", fingerprint: null });
  expect(() => logins.login(attempt)).toThrow("not that of a user");
});
