import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ErrorCode } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { RepsetStore } from "../../src/config/repset-store.js";
import type { Rule } from "../../src/model/rule.js";

const inc = (path: string, recursive = true): Rule => ({ path, mode: "include", recursive });
const exc = (path: string, recursive = true): Rule => ({ path, mode: "exclude", recursive });

async function open(files: Readonly<Record<string, string>> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "sm-repsets-"));
  mkdirSync(join(directory, "repsets.d"));
  const path = (name: string): string => join(directory, "repsets.d", name);
  for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
  const errors: string[] = [];
  const store = await RepsetStore.open(directory, { ...silentLog, error: (message) => errors.push(message) });
  onTestFinished(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const text = (name: string): string => readFileSync(path(name), "utf8");
  return { store, path, text, errors, directory, reopen: () => RepsetStore.open(directory, silentLog) };
}

const refuses = (promise: Promise<unknown>, code: ErrorCode) => expect(promise).rejects.toMatchObject({ code });

test("a saved set is there after a restart, generation and all", async () => {
  const { store, reopen } = await open();
  const { repset } = await store.save("web", [inc("/srv/web/"), exc("/srv/web/*.tmp")]);
  expect(repset).toEqual({ name: "web", generation: 1, rules: [inc("/srv/web"), exc("/srv/web/*.tmp")] });
  await store.save("web", [inc("/srv/web")], 1);
  expect((await reopen()).get("web")).toEqual({ name: "web", generation: 2, rules: [inc("/srv/web")] });
});

test("a file that was made private stays so when its set is saved, and belongs to whom it belonged", async () => {
  const { store, path } = await open();
  await store.save("web", [inc("/srv/web")]);
  expect(statSync(path("web.yaml")).mode & 0o777).toBe(0o644);
  chmodSync(path("web.yaml"), 0o640);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) chownSync(path("web.yaml"), 0, 1234);
  await store.save("web", [inc("/srv/web"), exc("/srv/web/keys")]);
  const { mode, gid } = statSync(path("web.yaml"));
  expect([mode & 0o777, gid]).toEqual([0o640, isRoot ? 1234 : process.getegid?.()]);
});

test("a stale save is refused and names both generations", async () => {
  const { store } = await open();
  await store.save("web", [inc("/srv/web")], 0);
  await store.save("web", [inc("/srv/web"), exc("/srv/web/x")], 1);
  await refuses(store.save("web", [inc("/srv/web")], 1), "REPSET_GENERATION");
  await expect(store.save("web", [inc("/srv/web")], 1)).rejects.toThrow(/generation 2.*generation 1/);
  await refuses(store.save("web", [inc("/srv/web")], 0), "REPSET_GENERATION");
});

test("redundant rules are dropped and reported", async () => {
  const { store } = await open();
  const { repset, dropped } = await store.save("d", [inc("/var/data"), inc("/var/data/old", false), exc("/var/data/tmp")]);
  expect(repset.rules).toEqual([inc("/var/data"), exc("/var/data/tmp")]);
  expect(dropped).toEqual([{ rule: inc("/var/data/old", false), reason: "the recursive rule /var/data inc, rec covers it" }]);
});

test("comments of a file edited by hand stay with their rules", async () => {
  const hand =
    "# ours\ngeneration: 4\nrules:\n  # the site\n  - path: /srv/web # all of it\n    mode: include\n  # gone soon\n  - {path: /srv/web/x, mode: exclude, recursive: false}\n";
  const { store, text } = await open({ "web.yaml": hand });
  await store.save("web", [exc("/srv/web/*.o"), inc("/srv/web")], 4);
  expect(text("web.yaml")).toBe(
    "# ours\ngeneration: 5\nrules:\n  - path: /srv/web/*.o\n    mode: exclude\n    recursive: true\n  # the site\n  - path: /srv/web # all of it\n    mode: include\n",
  );
});

test("rules changed by hand count as a save, on reload and right before a save", async () => {
  const { store, path, text } = await open();
  await store.save("web", [inc("/srv/web")]);
  writeFileSync(path("web.yaml"), text("web.yaml").replace("/srv/web", "/srv/www"));
  await refuses(store.save("web", [inc("/srv/x")], 1), "REPSET_GENERATION");
  expect(store.get("web")).toEqual({ name: "web", generation: 2, rules: [inc("/srv/www")] });
  writeFileSync(path("web.yaml"), text("web.yaml").replace("/srv/www", "/srv/w3"));
  await store.reload();
  expect(store.get("web").generation).toBe(3);
  expect(text("web.yaml")).toContain("generation: 3");
});

test("a comment added by hand is no new generation", async () => {
  const { store, path, text } = await open();
  await store.save("web", [inc("/srv/web")]);
  writeFileSync(path("web.yaml"), `# hello\n${text("web.yaml")}`);
  await store.save("web", [inc("/srv/web"), exc("/srv/web/y")], 1);
  expect(text("web.yaml")).toMatch(/^# hello\n/);
  expect(store.get("web").generation).toBe(2);
});

test("a broken file is listed with every error and its place, hides no other set, and is not overwritten", async () => {
  const broken = "generation: x\nrules:\n  - path: var/a\n    mode: include\n  - path: /b\n    mode: inclde\n    recrsive: true\n";
  const { store, text, errors } = await open({ "bad.yaml": broken, "good.yaml": "rules: [{path: /srv/good, mode: include}]\n", "a.b.yaml": "rules: []\n" });
  expect(store.list().map(({ name, repset, error }) => [name, repset !== undefined, error?.code])).toEqual([
    ["a.b", false, "REPSET_NAME_ILLEGAL"],
    ["bad", false, "CONFIG_INVALID"],
    ["good", true, undefined],
  ]);
  const message = store.list()[1]?.error?.message ?? "";
  for (const place of ["bad.yaml:1:13: generation", "bad.yaml:3:11: rules[0].path", "bad.yaml:6:11: rules[1].mode", "bad.yaml:7:15: rules[1].recrsive"])
    expect(message).toContain(place);
  expect(message).toContain("did you mean rules[1].recursive?");
  expect(errors).toHaveLength(2);
  expect(() => store.get("bad")).toThrow(/bad\.yaml:1:13/);
  await refuses(store.save("bad", [inc("/x")]), "CONFIG_INVALID");
  expect(text("bad.yaml")).toBe(broken);
  await store.remove("bad");
  expect(store.list().map((entry) => entry.name)).toEqual(["a.b", "good"]);
});

test("a generation is not used twice when the file was broken in between", async () => {
  const { store, path } = await open();
  await store.save("web", [inc("/srv/web")]);
  writeFileSync(path("web.yaml"), "rules: [");
  await store.reload();
  expect(() => store.get("web")).toThrow(/web\.yaml:1/);
  writeFileSync(path("web.yaml"), "generation: 1\nrules: [{path: /srv/other, mode: include}]\n");
  await store.reload();
  expect(store.get("web").generation).toBe(2);
});

test("a set that would share a path with another is refused, unless one excludes it", async () => {
  const { store } = await open();
  await store.save("all", [inc("/srv"), exc("/srv/db")]);
  await refuses(store.save("web", [inc("/srv/web")]), "REPSET_OVERLAP");
  await expect(store.save("web", [inc("/srv/web")])).rejects.toThrow(/\/srv\/web .*"web".*"all"/);
  await store.save("db", [inc("/srv/db")]);
  await refuses(store.save("all", [inc("/srv")]), "REPSET_OVERLAP");
});

test("a copy can be changed step by step, and cannot be connected beside the original before", async () => {
  const { store } = await open();
  await store.save("a", [inc("/srv/a"), exc("/srv/a/x")]);
  expect(await store.copy("a", "b")).toEqual({ name: "b", generation: 1, rules: [inc("/srv/a"), exc("/srv/a/x")] });
  expect(store.list().map(({ error }) => error?.code)).toEqual(["REPSET_OVERLAP", "REPSET_OVERLAP"]);
  expect(() => store.requireConnectable("b", ["a", "b"])).toThrow(/\/srv\/a would belong/);
  await store.save("b", [inc("/srv/a"), inc("/srv/b")], 1);
  await store.save("b", [inc("/srv/b")], 2);
  expect(store.requireConnectable("b", ["a"]).generation).toBe(3);
  expect(store.list().map(({ error }) => error)).toEqual([undefined, undefined]);
  await refuses(store.save("b", [inc("/srv")]), "REPSET_OVERLAP");
  await refuses(store.copy("a", "b"), "ALREADY_EXISTS");
  await refuses(store.copy("none", "c"), "NOT_FOUND");
});

test("rename keeps content and generation", async () => {
  const { store, path, reopen } = await open();
  await store.save("a", [inc("/srv/a")]);
  await store.save("c", [inc("/srv/c")]);
  expect(await store.rename("a", "b")).toEqual({ name: "b", generation: 1, rules: [inc("/srv/a")] });
  expect(existsSync(path("a.yaml"))).toBe(false);
  expect((await reopen()).get("b").rules).toEqual([inc("/srv/a")]);
  await refuses(store.rename("b", "c"), "ALREADY_EXISTS");
  await refuses(store.rename("b", "x/y"), "REPSET_NAME_ILLEGAL");
  await refuses(store.rename("a", "z"), "NOT_FOUND");
});

test("names are checked, also for the length of their file's name", async () => {
  const { store } = await open();
  for (const name of ["", "a.b", "../x", "a/b", "a|b", "a\nb", "x".repeat(251)]) await refuses(store.save(name, [inc("/srv/a")]), "REPSET_NAME_ILLEGAL");
  await store.save("\u00fcml\u00e4ut".padEnd(248, "x"), [inc("/srv/a")]);
});

test("illegal rules and sets without include are refused before anything is written", async () => {
  const { store, directory } = await open();
  await refuses(store.save("a", [exc("/srv")]), "REPSET_EMPTY");
  await refuses(store.save("a", [inc("srv")]), "REPSET_RULE_ILLEGAL");
  expect(readdirSync(join(directory, "repsets.d"))).toEqual([]);
});

test("what a crash left is cleared away, other files are left alone", async () => {
  const { store, path } = await open({ ".1-1.sm-tmp": "half", "x.yaml.sample": "rules: 1", ".hidden.yaml": "x" });
  expect(store.list()).toEqual([]);
  expect([existsSync(path(".1-1.sm-tmp")), existsSync(path("x.yaml.sample")), existsSync(path(".hidden.yaml"))]).toEqual([false, true, true]);
});

test("removing what is not there says so", async () => {
  const { store } = await open();
  await refuses(store.remove("nothing"), "NOT_FOUND");
  await store.save("a", [inc("/srv/a")]);
  await store.remove("a");
  expect(() => store.get("a")).toThrow(/no replication set "a"/);
  expect((await store.save("a", [inc("/srv/a")], 0)).repset.generation).toBe(1);
});
