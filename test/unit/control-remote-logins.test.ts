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

test("a token that ended is refused with the time and the command, and what it opened is over; a wrong one learns nothing of that", async () => {
  const { users, logins, clock, tryToken, log } = await openLogins();
  const { token } = await users.create({ name: "ann", role: "monitor", fingerprint: "ab".repeat(32), tokenUntil: new Date(5_000).toISOString() });
  const attempt = { authorization: `Bearer ${token}`, fingerprint: undefined, remoteAddress: "10.0.0.1" };
  const login = logins.login(attempt);
  const byCertificate = logins.login({ ...attempt, authorization: undefined, fingerprint: "ab".repeat(32) });
  expect(login.isCurrent()).toBe(true);
  clock.ms = 5_000;
  expect([login.isCurrent(), byCertificate.isCurrent()]).toEqual([false, true]);
  for (let times = 0; times <= FAILED_LOGINS_MAX; times++) {
    expect(() => logins.login(attempt)).toThrow('the token of "ann" ended at 1970-01-01T00:00:05.000Z: `sm user token ann`');
  }
  expect(() => logins.login({ ...attempt, authorization: `Bearer sm~ann~${"A".repeat(43)}` })).toThrow("not that of a user");
  expect(log.lines.filter(({ message }) => message.includes('token of "ann" ended'))).toHaveLength(3);
  expect(JSON.stringify(log.lines)).not.toContain(parseToken(token)?.secret);
  const renewed = await users.renewToken("ann", "never");
  expect(tryToken(renewed.token, "10.0.0.1")).toBe("ann");
});
