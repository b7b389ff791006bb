// `sm log` with an agent that answers, with one that comes back, and with none.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { parseMoment } from "../../src/cli/parse/moment-flag.js";
import { withMemoryAgent as test } from "../support/memory-agent-home.js";
import { sm, startSm } from "../support/sm-program.js";

const PATIENT = { timeout: 30_000, interval: 50 };

test("sm log shows lines with their number, filtered as asked, and no byte of theirs steers the terminal", async ({ home, server: _ }) => {
  const all = await sm(["log"], { home });
  expect(all.stdout).toBe(
    "2026-05-01T10:00:01.000Z INFO      69  Kernel started on alpha\n2026-05-01T10:00:02.000Z INFO      89  Mirror started 1\n" +
      "2026-05-01T10:00:03.000Z WARN       -  something \\x1b[31m odd\n",
  );
  const asked = await sm(["log", "--event", "4019", "--connection", "1", "--since", "2026-05-01T00:00:00Z", "--json"], { home });
  expect(JSON.parse(asked.stdout)).toMatchObject({ entries: [{ seq: 2, event: 89, system: 4019, fields: { connection: 1 } }], cursor: 3, isCut: false });
  expect((await sm(["log", "--connection", "7"], { home })).stdout).toBe("nothing of that is in the log\n");
  const wrong = await sm(["log", "--since", "yesterday"], { home });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("--since")]);
  expect(parseMoment("--since", "2h", Date.parse("2026-05-01T10:00:00Z"))).toBe("2026-05-01T08:00:00.000Z");
});

test("sm log --follow prints what is new until it is interrupted, and waits for an agent that goes", async ({ home, agent, server }) => {
  const news = { ...(await agent.log.read({ limit: 1 })), cursor: 4 };
  let asked = 0;
  Object.assign(agent, {
    log: { ...agent.log, wait: async () => (asked++ === 0 ? news : new Promise((resolve) => setTimeout(() => resolve({ ...news, entries: [] }), 200))) },
  });
  const running = startSm(["log", "--follow", "--limit", "1", "--json"], { home });
  await vi.waitFor(
    () =>
      expect(
        running
          .stdout()
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line).seq),
      ).toEqual([3, 3]),
    PATIENT,
  );
  await server.close();
  await vi.waitFor(() => expect(running.stderr()).toContain("waiting for it"), PATIENT);
  running.process.kill("SIGINT");
  expect((await running.result).code).toBe(0);
});

test("without an agent the log directory is read; without a log that is an error", async ({ home }) => {
  expect(await sm(["log"], { home })).toMatchObject({ code: 3, stderr: expect.stringContaining("there is no log in") });
  mkdirSync(join(home, "log"));
  writeFileSync(join(home, "log/sm.log"), '2026-05-01T10:00:00.000Z WARN  it ended badly {"seq":1}\n');
  const { code, stdout, stderr } = await sm(["log", "--level", "warn"], { home });
  expect([code, stdout]).toEqual([0, "2026-05-01T10:00:00.000Z WARN       -  it ended badly\n"]);
  expect(stderr).toContain(`this is the log in ${home}/log`);
});
