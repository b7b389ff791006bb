import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { connectionFileOf, parseConnectionFile } from "../../src/config/connection-file.js";
import type { FieldError } from "../../src/config/field-error.js";
import type { ConnectionDescription } from "../../src/model/connection-description.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";

const SAMPLE = readFileSync(new URL("../../config/connections.d/example.yaml.sample", import.meta.url), "utf8");

function parse(text: string): ConnectionDescription {
  const parsed = parseConnectionFile("home", "/etc/sm/connections.d/home.yaml", text);
  if ("errors" in parsed) throw new Error(JSON.stringify(parsed.errors));
  return parsed.description;
}

function errorsOf(text: string): readonly FieldError[] {
  const parsed = parseConnectionFile("home", "home.yaml", text);
  return "errors" in parsed ? parsed.errors : [];
}

test("the sample says what it means", () => {
  const { request, limit, schedule, verify, scrub } = parse(SAMPLE);
  expect(request).toMatchObject({ repset: "data", target: "backup1", map: { kind: "pairs", pairs: [{ source: "/var/data", target: "/backup/data" }] } });
  expect(request.options).toMatchObject({ compression: "lz4", guard: 20, guardChanged: 50, mirror: "difference", replicate: true });
  const slow = { bytesPerSecond: 1_250_000, share: null };
  expect(limit).toEqual({
    standing: { bytesPerSecond: 12_500_000, share: null },
    times: [{ calendar: "mon..fri 8:00", lastingMs: 36_000_000, rate: slow }],
  });
  expect(schedule?.window).toEqual({ open: "20:00", close: "06:00" });
  expect(verify).toMatchObject({ calendar: "sun 02:00", content: "all", repair: "all", orphans: { action: "report" }, catchesUp: false });
  expect(scrub).toMatchObject({ bytesPerSecond: 10 * 1024 * 1024, everyMs: 86_400_000, repair: "no" });
});

test("what is left out is as by default, and a durability is not made up", () => {
  const { request, ...settings } = parse("set: data\ntarget: b\nexact: true\nlimit:\n");
  expect(request.options).toEqual({
    mirror: "difference",
    replicate: true,
    compression: "off",
    remapLinks: true,
    guard: "configured",
    guardChanged: "configured",
  });
  expect(settings).toEqual({ name: "home", limit: { standing: null, times: [] }, schedule: null, verify: null, scrub: null, hooks: null });
  expect(parse("{set: d, target: tdu, simulation: {bandwidth: 20mbit}}").request.map).toEqual({ kind: "none" });
  expect(parse("{set: d, target: b, exact: true, guard: off}").request.options).toMatchObject({ guard: "off", guardChanged: "off" });
});

test.each([
  ["a place that is missing", "{set: d, target: b}", "", "one of map"],
  ["two places", "{set: d, target: b, exact: true, base: /x}", "", "one of map"],
  ["an empty map", "{set: d, target: b, map: {}}", "map", "one of map"],
  ["a relative target", "{set: d, target: b, map: {/a: b}}", "map./a", "an absolute path"],
  ["a relative source", "{set: d, target: b, map: {a: /b}}", "map.a", "an absolute path of the source"],
  ["an unknown word", "{set: d, target: b, exact: true, limitt: 1MiB}", "limitt", "did you mean limit?"],
  ["an unknown word within", "{set: d, target: b, exact: true, verify: {at: 'sun 2:00', repare: true}}", "verify.repare", "did you mean verify.repair?"],
  ["a wrong size", "{set: d, target: b, exact: true, limit: 10MX}", "limit", "a rate"],
  ["a wrong calendar", "{set: d, target: b, exact: true, verify: {at: someday}}", "verify.at", "what fits"],
  ["an interval without a start", "{set: d, target: b, exact: true, schedule: {every: 1h}}", "schedule", "needs the start"],
  ["a session that nothing begins", "{set: d, target: b, exact: true, schedule: {stopAfter: 1h}}", "schedule", "begins one"],
  ["a window without length", "{set: d, target: b, exact: true, scrub: {bytesPerSecond: 1MiB, window: '1:00-1:00'}}", "scrub.window", "two different times"],
  ["an interval out of range", "{set: d, target: b, exact: true, schedule: {start: '2030-01-01 1:00', every: 1s}}", "schedule.start", "no time"],
  [
    "orphans without a place",
    "{set: d, target: b, exact: true, verify: {at: daily, orphans: {action: move}}}",
    "verify.orphans.to",
    "a directory of the target",
  ],
  ["two ways to compare", "{set: d, target: b, exact: true, verify: {at: daily, checksum: true, checksumAll: true}}", "verify.checksum", "one of them"],
  ["a number for a flag", "{set: d, target: b, exact: true, replicate: 1}", "replicate", "true or false"],
  ["a kind of mirror", "{set: d, target: b, exact: true, mirror: some}", "mirror", "full, difference, none"],
  ["nothing", "", "set", "text"],
])("%s is an error with its place", (_title, text, path, expected) => {
  const errors = errorsOf(text);
  expect(errors.map((error) => error.path)).toContain(path);
  expect(errors.find((error) => error.path === path)?.expected).toContain(expected);
  for (const { line, column, file } of errors) expect([line >= 1, column >= 1, file]).toEqual([true, true, "home.yaml"]);
});

const HOOKS = `hooks:
  - {name: quiesce, event: mirror-start, program: /opt/sm/quiesce, args: [db, "two words"], delay: true, timeout: 5m, onFailure: stop}
  - {name: release, event: mirror-complete, program: /opt/sm/release}
`;

test("hooks are read in their order, and nothing is said of them where the file says nothing", () => {
  const place = "set: d\ntarget: b\nexact: true\n";
  expect(parse(place).hooks).toBe(null);
  expect(parse(`${place}hooks: []\n`).hooks).toEqual([]);
  const rest = { isDelaying: false, timeoutSeconds: 60, onFailure: "continue" };
  expect(parse(place + HOOKS).hooks).toEqual([
    {
      ...{ name: "quiesce", event: "mirror-start", program: { path: "/opt/sm/quiesce", args: ["db", "two words"] } },
      ...{ isDelaying: true, timeoutSeconds: 300, onFailure: "stop" },
    },
    { name: "release", event: "mirror-complete", program: { path: "/opt/sm/release", args: [] }, ...rest },
  ]);
});

test.each([
  ["another moment", "{name: a, event: verify-start, program: /a}", "hooks[0].event", "mirror-start, mirror-complete, mirror-stop"],
  ["no name", "{event: mirror-start, program: /a}", "hooks[0].name", "text"],
  ["a name that is none", "{name: a b, event: mirror-start, program: /a}", "hooks[0].name", "letters, digits"],
  ["a program without its place", "{name: a, event: mirror-start, program: a}", "hooks[0].program", "an absolute path"],
  ["more time than a day", "{name: a, event: mirror-start, program: /a, timeout: 2d}", "hooks[0].timeout", "at most 86400"],
  ["a failure that stops what does not wait", "{name: a, event: mirror-start, program: /a, onFailure: stop}", "hooks[0].onFailure", "waits"],
  ["a name twice", "{name: a, event: mirror-start, program: /a}, {name: a, event: mirror-stop, program: /a}", "hooks[1].name", "no hook before has"],
])("a hook with %s is an error with its place", (_title, text, path, expected) => {
  const errors = errorsOf(`{set: d, target: b, exact: true, hooks: [${text}]}`);
  expect(errors.map((error) => error.path)).toEqual([path]);
  expect(errors[0]?.expected).toContain(expected);
});

test("all errors come at once", () => {
  const text = "set: d\ntarget: 5\nlimit: lots\nscrub:\n  bytesPerSecond: 1\nfoo: 1\n";
  expect(
    errorsOf(text)
      .map(({ path, line }) => `${path} ${line}`)
      .sort(),
  ).toEqual([" 1", "foo 6", "limit 3", "scrub.bytesPerSecond 5", "target 2"]);
});

test("what is exported is read as what it was", () => {
  for (const text of [
    SAMPLE + HOOKS,
    SAMPLE.replace("limit: 100mbit", "limit: {percent: 40, link: 1.5gbit}").replace("repair: true", "repair: true\n  newer: true\n  start: '2030-01-01 10:00'"),
  ]) {
    const { request, hooks, ...settings } = parse(text);
    const mappings = request.map.kind === "pairs" ? request.map.pairs : [];
    const connection = {
      repset: request.repset,
      target: request.target,
      isSimulated: false,
      mappings,
      options: connectionOptionsSchema.parse(request.options),
      hooks: hooks ?? [],
      ...settings,
    };
    const written = stringify(connectionFileOf(connection));
    expect(parse(written)).toEqual({ request, hooks, ...settings });
  }
});
