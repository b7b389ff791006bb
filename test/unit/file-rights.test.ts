// What an agent refuses to start with: files that other accounts could read, write or exchange. The accounts are numbers here, so that
// the judge needs no other account to be there.

import { chmodSync, chownSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { checkFileRights, type JudgedDirectories } from "../../src/agent/file-rights.js";
import { orderFault, secretFault } from "../../src/base/file-rights.js";
import { Identity } from "../../src/transport/identity.js";
import { PeerStore } from "../../src/transport/peer-store.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const OWN = 1000;
const ROOT = 0;
const OTHER = 1001;
const FILE = 0o100000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;
const facts = (mode: number, uid = OWN, gid = OWN) => ({ mode, uid, gid });

test.each([
  ["private", facts(FILE | 0o600), undefined],
  ["of root", facts(FILE | 0o600, ROOT), undefined],
  ["private directory", facts(DIRECTORY | 0o700), undefined],
  ["readable by its group", facts(FILE | 0o640), "run chmod 600 /x"],
  ["readable by its group, which is root's", facts(FILE | 0o640, ROOT, ROOT), "run chmod 600 /x"],
  ["readable by all", facts(FILE | 0o604), "run chmod 600 /x"],
  ["directory that others may enter", facts(DIRECTORY | 0o711), "run chmod 700 /x"],
  ["of another account", facts(FILE | 0o600, OTHER), `run chown ${OWN} /x`],
  ["a link", facts(LINK | 0o777), "remove the link"],
])("a secret that is %s", (_, given, remedy) => {
  const fault = secretFault("/x", given, OWN);
  expect(fault?.code).toBe(remedy === undefined ? undefined : "IDENTITY_UNSAFE");
  expect(fault?.message ?? "").toContain(remedy ?? "");
});

test.each([
  ["readable by all", facts(FILE | 0o644), undefined],
  ["of root, for the group root to write", facts(FILE | 0o664, ROOT, ROOT), undefined],
  ["for its group to write", facts(FILE | 0o664), "run chmod go-w /x"],
  ["for all to write", facts(FILE | 0o646), "run chmod go-w /x"],
  ["for all to write, sticky", facts(DIRECTORY | 0o1777, ROOT, ROOT), "run chmod go-w /x"],
  ["of another account", facts(FILE | 0o600, OTHER), `run chown ${OWN} /x`],
])("what an agent obeys that is %s", (_, given, remedy) => {
  const fault = orderFault("/x", given, OWN);
  expect(fault?.code).toBe(remedy === undefined ? undefined : "FILE_UNSAFE");
  expect(fault?.message ?? "").toContain(remedy ?? "");
});

let home: string;
let directories: JudgedDirectories;

beforeEach(async () => {
  home = makeTempDirectory();
  const at = (name: string): string => join(home, name);
  directories = { configDir: at("etc"), stateDir: at("state"), runtimeDir: at("run"), logDir: at("log") };
  await Identity.open(directories.stateDir, "alpha");
  await (await PeerStore.open(directories.stateDir)).add({ name: "b", fingerprint: "a".repeat(64), addresses: [], addedAt: "2026-07-25T10:00:00Z" });
  for (const name of ["bootstrap.json", "users.json"]) writeFileSync(join(directories.stateDir, name), "{}", { mode: 0o600 });
  mkdirSync(join(directories.configDir, "repsets.d"), { recursive: true });
  mkdirSync(join(directories.configDir, "connections.d"));
  mkdirSync(directories.runtimeDir);
  mkdirSync(directories.logDir);
  for (const name of ["sm.yaml", "repsets.d/data.yaml", "connections.d/data.yaml"]) writeFileSync(join(directories.configDir, name), "", { mode: 0o640 });
});

const SECRETS = ["state/identity/key.pem", "state/identity/cert.pem", "state/peers.json", "state/bootstrap.json", "state/users.json"];
const ORDERS = ["etc/sm.yaml", "etc/repsets.d/data.yaml", "etc/connections.d/data.yaml"];

test("an agent's own files are as they should be", () => {
  expect(checkFileRights(directories)).toEqual([]);
});

test("before the first start there is nothing to judge", () => {
  rmSync(home, { recursive: true });
  expect(checkFileRights(directories)).toEqual([]);
});

test.each([...SECRETS, "state", "state/identity"])("%s that others may read refuses the start", (name) => {
  chmodSync(join(home, name), 0o755);
  expect(() => checkFileRights(directories)).toThrow(expect.objectContaining({ code: "IDENTITY_UNSAFE", message: expect.stringContaining(join(home, name)) }));
});

test.each([...SECRETS, "state/identity"])("%s that is a link refuses the start, and is not read", async (name) => {
  const path = join(home, name);
  renameSync(path, join(home, "elsewhere"));
  symlinkSync(join(home, "elsewhere"), path);
  const isDirectory = name === "state/identity";
  expect(() => checkFileRights(directories)).toThrow(expect.objectContaining({ code: "IDENTITY_UNSAFE", message: expect.stringContaining(path) }));
  if (isDirectory || name.endsWith(".pem")) await expect(Identity.open(directories.stateDir, "a")).rejects.toMatchObject({ code: "IDENTITY_UNSAFE" });
  if (name === "state/peers.json") await expect(PeerStore.open(directories.stateDir)).rejects.toMatchObject({ code: "IDENTITY_UNSAFE" });
});

test("a volume for the queue may be a link, and so may the state directory", () => {
  const volume = join(home, "volume");
  renameSync(directories.stateDir, volume);
  symlinkSync(volume, directories.stateDir);
  mkdirSync(join(home, "queue"));
  symlinkSync(join(home, "queue"), join(volume, "queue"));
  expect(checkFileRights(directories)).toEqual([]);
});

test.runIf(process.getuid?.() === 0).each([...SECRETS, "state", ...ORDERS, "etc", "run"])("%s of another account refuses the start", (name) => {
  chownSync(join(home, name), OTHER, OTHER);
  expect(() => checkFileRights(directories)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(`${join(home, name)} belongs to the account 1001`) }),
  );
});

test.each([...ORDERS, "etc", "etc/repsets.d", "etc/connections.d", "run"])("%s that others may write refuses the start", (name) => {
  const path = join(home, name);
  chmodSync(path, (lstatSync(path).mode & 0o777) | 0o002);
  expect(() => checkFileRights(directories)).toThrow(expect.objectContaining({ code: "FILE_UNSAFE", message: expect.stringContaining(`chmod go-w ${path}`) }));
});

test("configuration that all may read, and a log that others may write, are told in a sentence each", () => {
  for (const name of ORDERS) chmodSync(join(home, name), 0o644);
  chmodSync(directories.logDir, 0o777);
  expect(checkFileRights(directories)).toEqual([expect.stringMatching(/sm\.yaml and 2 more/), expect.stringContaining("the audit log too")]);
});

test("a secret is written past a link that somebody put in its way", async () => {
  const victim = join(home, "victim");
  writeFileSync(victim, "kept");
  symlinkSync(victim, join(directories.stateDir, "peers.json.new"));
  await (await PeerStore.open(directories.stateDir)).remove("b");
  expect(lstatSync(victim).size).toBe(4);
  expect(lstatSync(join(directories.stateDir, "peers.json")).mode & 0o777).toBe(0o600);
});
