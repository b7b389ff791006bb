import { expect, onTestFinished, test } from "vitest";
import { TokenExpiry } from "../../src/agent/token-expiry.js";
import { UserStore } from "../../src/agent/user-store.js";
import { parseExpiry } from "../../src/cli/parse/expiry-flag.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { memoryLog } from "../support/transport-fixture.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function open(nowMs: () => number = Date.now) {
  const users = await UserStore.open(makeTempDirectory());
  const log = memoryLog();
  let news = 0;
  const onChange = (): void => {
    news += 1;
  };
  const expiry = new TokenExpiry({ users, onChange, log, nowMs });
  onTestFinished(() => expiry.close());
  return { users, log, expiry, news: () => news, open: () => new TokenExpiry({ users, onChange, log, nowMs }) };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const joe = { name: "joe", role: "monitor", fingerprint: null } as const;

test("a token that ends is listed, kept over restarts, and made anew for as long as it was meant to be, or as is said", async () => {
  const directory = makeTempDirectory();
  const users = await UserStore.open(directory);
  const until = iso(Date.now() + 30 * DAY_MS);
  await users.create({ ...joe, tokenUntil: until });
  expect((await UserStore.open(directory)).require("joe").tokenUntil).toBe(until);
  const lifeMs = ({ tokenAt, tokenUntil }: { tokenAt: string; tokenUntil: string | null }): number => Date.parse(tokenUntil ?? "") - Date.parse(tokenAt);
  const renewed = (await users.renewToken("joe")).user;
  expect(lifeMs(renewed)).toBeGreaterThan(30 * DAY_MS - HOUR_MS);
  expect((await users.renewToken("joe", iso(Date.now() + DAY_MS))).user.tokenUntil).not.toBe(until);
  expect((await users.renewToken("joe", "never")).user.tokenUntil).toBeNull();
  expect((await users.renewToken("joe")).user.tokenUntil).toBeNull();
  await expect(users.renewToken("joe", iso(Date.now() - 1000))).rejects.toMatchObject({ code: "USAGE" });
  await expect(users.create({ ...joe, name: "ann", tokenUntil: iso(0) })).rejects.toMatchObject({ code: "USAGE" });
  expect(users.find("ann")).toBeUndefined();
});

test("an agent says that a token is about to end, and that it ended, once each in the log and as long as it is so in the status", async () => {
  let nowMs = Date.now();
  const { users, log, expiry, open: look } = await open(() => nowMs);
  const until = nowMs + 30 * DAY_MS;
  await users.create({ ...joe, tokenUntil: iso(until) });
  expect(expiry.reasons()).toEqual([]);
  nowMs = until - DAY_MS;
  expect(expiry.reasons()).toMatchObject([{ code: "TOKEN_ENDS", object: "joe", nextAt: iso(until), command: "sm user token joe" }]);
  look().close();
  nowMs = until;
  expect(expiry.reasons()).toMatchObject([{ code: "TOKEN_ENDED", object: "joe", nextAt: null }]);
  look().close();
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    `warn The token of the user joe ends at ${iso(until)}`,
    `warn The token of the user joe ended at ${iso(until)}`,
  ]);
  await users.remove("joe");
  expect(expiry.reasons()).toEqual([]);
});

test("at the end of a token whoever waits on it is told to look again, and the status changes", async () => {
  const { users, news, log } = await open();
  let asked = 0;
  await users.create({ ...joe, tokenUntil: iso(Date.now() + 200) });
  users.onChanged(() => {
    asked += 1;
  });
  await eventually(async () => expect([asked, log.lines.at(-1)?.message.includes("ended")]).toEqual([1, true]));
  expect(news()).toBeGreaterThan(0);
});

test("--expires takes how long, or a time in the future", () => {
  const nowMs = Date.parse("2026-06-01T12:00:00Z");
  expect(parseExpiry("--expires", "30d", nowMs)).toBe("2026-07-01T12:00:00.000Z");
  expect(parseExpiry("--expires", "90m", nowMs)).toBe("2026-06-01T13:30:00.000Z");
  expect(parseExpiry("--expires", "2026-06-02T00:00:00Z", nowMs)).toBe("2026-06-02T00:00:00.000Z");
  expect(parseExpiry("--expires", "2026-12-31", nowMs)).toBe(iso(new Date(2026, 11, 31).getTime()));
  for (const text of ["", "soon", "0", "0d", "2026-05-31T00:00:00Z", "2026-02-30 10:00", "999999999d"]) {
    expect(() => parseExpiry("--expires", text, nowMs), text).toThrow(expect.objectContaining({ code: "USAGE" }));
  }
});
