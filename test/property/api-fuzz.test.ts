// Whatever is sent to the API is answered, as JSON, by a result or by a refusal of the caller: never by a defect.
// SM_FUZZ_RUNS=1000000 makes it a long run, SM_TEST_SEED begins elsewhere.

import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { silentLog } from "../../src/base/log.js";
import type { Role } from "../../src/control/caller.js";
import { COMMANDS } from "../../src/control/command-table.js";
import { buildApi, routePath } from "../../src/control/http-api.js";
import { EventStreams } from "../../src/control/http-events.js";
import { WaitingRequests } from "../../src/control/login.js";
import { connectionReport, MemoryAgentControl } from "../support/memory-agent-control.js";

const RUNS = Number(process.env.SM_FUZZ_RUNS ?? 1000);
const FIRST_SEED = Number(process.env.SM_TEST_SEED ?? 1);
/** What an agent in memory collects is thrown away after so many. */
const BATCH = 1000;

/** Names that schemas know, so that what is sent comes as far as their values. */
const FIELDS = [
  ...new Set(
    COMMANDS.flatMap(({ input }) => [...JSON.stringify(z.toJSONSchema(input, { io: "input" })).matchAll(/"(\w+)":\{/g)].map(([, name]) => name ?? "")),
  ),
  "__proto__",
  "constructor",
];

const value: fc.Arbitrary<unknown> = fc.oneof(
  { withCrossShrink: true, depthSize: "small" },
  fc.constantFrom<unknown>(
    1,
    0,
    -1,
    "home",
    "",
    null,
    true,
    "localhost",
    "/home",
    "none",
    "exact",
    "admin",
    [],
    {},
    1e308,
    "2026-01-01T00:00:00Z",
    "\u0000",
    "🦀",
  ),
  fc.jsonValue(),
);
const fields = fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 });
const body = fc.oneof(
  fc
    .letrec((tie) => ({ tree: fc.oneof({ maxDepth: 3 }, fields, fc.dictionary(fc.constantFrom(...FIELDS), tie("tree"), { maxKeys: 4 })) }))
    .tree.map((tree) => JSON.stringify(tree)),
  fields.map((input) => JSON.stringify(input)),
  fc.json(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("[".repeat(20_000), '{"a":'.repeat(5_000), `"${"x".repeat(100_000)}"`, "1e999", '{"id":1,"id":"x"}', "\ufeff{}", "nul"),
);
const path = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...COMMANDS.map(({ name }) => routePath(name)), "/api/v1/events", "/api/v1/openapi.json") },
  { weight: 1, arbitrary: fc.webPath().map((text) => `/api/v1/${text}`) },
  // What is injected goes through a parser of URLs; paths that are none are in fault/api-hostile.
  { weight: 1, arbitrary: fc.stringMatching(/^\/[!-~]{0,60}$/).filter((text) => URL.canParse(text, "http://x")) },
);
const query = fc.option(fc.webQueryParameters(), { nil: undefined });
const role = fc.constantFrom<Role>("admin", "monitor", "none");
const method = fc.constantFrom("POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "PATCH");
const contentType = fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", "", "x", "multipart/form-data");

async function openFuzzed() {
  const agent = new MemoryAgentControl({ mirrorEnds: {} });
  await agent.repsets.create("home", [{ path: "/home", mode: "include", recursive: true }]);
  agent.setConnection(connectionReport({ id: 1 }));
  // Whoever waits for news has waited long enough.
  agent.waitStatus = async () => agent.status();
  const streams = new EventStreams({ agent, log: silentLog });
  let callerRole: Role = "none";
  const login = () => ({ caller: { role: callerRole, name: "fuzz", from: "here" }, isCurrent: () => true });
  const common = { agent, log: silentLog, streams, login, bodyTimeoutMs: 60_000, needsJsonType: false, waiting: new WaitingRequests() };
  const app = await buildApi(() => common);
  const as = (next: Role): void => {
    callerRole = next;
  };
  return { app, as };
}

test(
  `${RUNS} requests`,
  async () => {
    const statuses = new Map<number, number>();
    for (let done = 0; done < RUNS; done += BATCH) {
      const { app, as } = await openFuzzed();
      const property = fc.asyncProperty(method, path, query, body, role, contentType, async (verb, where, asked, payload, by, type) => {
        as(by);
        const url = asked === undefined ? where : `${where}?${asked}`;
        const isWithBody = verb !== "GET" && verb !== "OPTIONS";
        const answer = await app.inject({ method: verb as "POST", url, ...(isWithBody ? { payload, headers: { "content-type": type } } : {}) });
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        const json = answer.json() as { readonly error?: { readonly code: string; readonly message: string; readonly hint: string } };
        if (answer.statusCode === 200) {
          expect(json.error).toBeUndefined();
          return;
        }
        expect(json.error, answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String), hint: expect.any(String) });
        // 501 and above is what an agent may not be able to do now; 500 is a defect.
        expect(answer.statusCode, `${verb} ${url} ${payload.slice(0, 500)} ${answer.body}`).not.toBe(500);
      });
      await fc.assert(property, { numRuns: Math.min(BATCH, RUNS - done), seed: FIRST_SEED + done });
      await app.close();
    }
    if (RUNS > BATCH) console.log(`${RUNS} requests: ${JSON.stringify(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)))}`);
    for (const status of [200, 400, 403, 404, 405]) expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(0);
  },
  RUNS * 100 + 60_000,
);
