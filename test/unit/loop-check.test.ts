// Copies that would feed themselves: by place on one machine, and round a chain of agents.

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OriginTeller } from "../../src/agent/origin-teller.js";
import { type Feed, feedsOf, originsOf, refuseChainLoops, refuseLocalLoops } from "../../src/apply/loop-check.js";
import { parseMountTable } from "../../src/fs/mount-table.js";
import { liesWithin } from "../../src/fs/storage-place.js";
import { ORIGINS_MAX } from "../../src/model/session.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const LOOP = expect.objectContaining({ code: "LOOP" });

test("a target is refused inside its source, around it, inside another source of the set, and through links", () => {
  const directory = makeTempDirectory();
  const at = (name: string): string => join(directory, name);
  for (const name of ["a/sub", "b", "c"]) mkdirSync(at(name), { recursive: true });
  symlinkSync(at("a"), at("link"));
  for (const target of ["a", "a/sub", "a/new/deep", "", "link/sub", "link/new"]) {
    expect(() => refuseLocalLoops([{ source: at("a"), target: at(target) }]), target).toThrowError(LOOP);
  }
  const crossed = [
    { source: at("a"), target: at("c/a") },
    { source: at("b"), target: at("a/b") },
  ];
  expect(() => refuseLocalLoops(crossed)).toThrowError(LOOP);
  refuseLocalLoops([
    { source: at("a"), target: at("c/a") },
    { source: at("b"), target: at("ab") },
  ]);
});

test("one directory under two mounts is one place", () => {
  const mounts = parseMountTable(
    [
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
      "2 1 8:1 /srv/data /mnt/bind rw - ext4 /dev/sda1 rw",
      "3 1 8:2 / /srv/disk rw - ext4 /dev/sdb1 rw",
      "4 1 8:2 /x /mnt/other rw - ext4 /dev/sdb1 rw",
    ].join("\n"),
  );
  const within = (a: string, b: string): boolean => liesWithin(a, b, mounts);
  expect(within("/srv/data", "/mnt/bind/copy")).toBe(true);
  expect(within("/mnt/bind/copy", "/srv/data/copy/deep")).toBe(true);
  expect(within("/srv/database", "/mnt/bind")).toBe(false);
  // What is mounted below a source belongs to it.
  expect(within("/srv", "/mnt/other/copy")).toBe(true);
  expect(within("/mnt/other", "/srv")).toBe(true);
  expect(within("/mnt/other", "/mnt/bind")).toBe(false);
});

const key = (n: number): string => `${n}`.padStart(32, "0");
const fingerprint = (name: string): string => Buffer.from(name).toString("hex").padStart(64, "0");

/** Agents joined one after the other, as their hellos would do it; false = refused. */
class Chain {
  readonly #feeds = new Map<string, Feed[]>();
  readonly #connections = new Map<string, Set<string>>();
  #count = 0;

  #of(agent: string): Feed[] {
    return this.#feeds.get(agent) ?? [];
  }

  join(from: string, source: string, to: string, target: string): boolean {
    const connectionKey = key(++this.#count);
    this.#connections.set(from, new Set([...(this.#connections.get(from) ?? []), connectionKey]));
    const feeds = feedsOf({ connectionKey, mappings: [{ source, target }], origins: originsOf([source], this.#of(from)) }, fingerprint(from));
    try {
      refuseChainLoops(
        feeds,
        (agent) => agent === fingerprint(to),
        (known) => this.#connections.get(to)?.has(known) === true,
      );
    } catch (error) {
      expect(error).toEqual(LOOP);
      return false;
    }
    this.#feeds.set(to, [...this.#of(to), ...feeds]);
    return true;
  }
}

test("a chain of any length does not close, wherever in a tree its ends meet", () => {
  const chain = new Chain();
  expect(chain.join("a", "/sm/data", "b", "/sm/copy")).toBe(true);
  expect(chain.join("b", "/sm/copy", "c", "/sm/third")).toBe(true);
  expect(chain.join("c", "/sm/third/deep", "d", "/sm/fourth")).toBe(true);
  expect(chain.join("d", "/sm/fourth", "a", "/sm/data/deep/back")).toBe(false);
  expect(chain.join("d", "/sm/fourth", "a", "/sm")).toBe(false);
  expect(chain.join("d", "/sm", "b", "/sm/copy/deep")).toBe(false);
  // Only what is below "deep" went as far as d: beside it nothing comes round.
  expect(chain.join("d", "/sm/fourth", "a", "/sm/data/beside")).toBe(true);
  expect(chain.join("c", "/sm/third", "a", "/sm/elsewhere")).toBe(true);
});

test("both ways between two agents, and through one agent alone, as long as nothing comes back to where it was", () => {
  const chain = new Chain();
  expect(chain.join("a", "/sm/one", "b", "/sm/one")).toBe(true);
  expect(chain.join("b", "/sm/two", "a", "/sm/two")).toBe(true);
  expect(chain.join("b", "/sm/one", "a", "/sm/one")).toBe(false);
  expect(chain.join("a", "/sm/x", "a", "/sm/y")).toBe(true);
  expect(chain.join("a", "/sm/y/z", "a", "/sm/x/z")).toBe(false);
  expect(chain.join("a", "/sm/y/z", "a", "/sm/x/w")).toBe(true);
});

test("a connection that was ended closes nothing; too many places are refused", () => {
  const feed = { place: "/sm/copy", agent: fingerprint("a"), path: "/sm/data", key: key(1) };
  const origins = originsOf(["/sm/copy"], [feed]);
  const back = feedsOf({ connectionKey: key(2), mappings: [{ source: "/sm/copy", target: "/sm/data" }], origins }, fingerprint("b"));
  expect(() =>
    refuseChainLoops(
      back,
      (agent) => agent === fingerprint("a"),
      () => true,
    ),
  ).toThrowError(LOOP);
  refuseChainLoops(
    back,
    (agent) => agent === fingerprint("a"),
    () => false,
  );
  const many = Array.from({ length: ORIGINS_MAX + 1 }, (_, i) => ({ ...feed, place: `/sm/copy/${i}` }));
  expect(() => originsOf(["/sm/copy"], many)).toThrowError(LOOP);
});

test("who was told is told anew at once of what is new, and in time of what is gone", () => {
  const feed = { place: "/sm/copy", agent: fingerprint("a"), path: "/sm/data", key: key(1) };
  let feeds: Feed[] = [];
  const teller = new OriginTeller(() => feeds);
  const isOutdated = (isExact: boolean): boolean => teller.isOutdated(1, ["/sm/copy/sub"], isExact);
  expect(isOutdated(true)).toBe(false);
  expect(teller.tell(1, ["/sm/copy/sub"])).toEqual([]);
  feeds = [feed];
  expect(isOutdated(false)).toBe(true);
  expect(teller.tell(1, ["/sm/copy/sub"])).toEqual([{ ...feed, place: "/sm/copy/sub", path: "/sm/data/sub" }]);
  feeds = [];
  expect([isOutdated(false), isOutdated(true)]).toEqual([false, true]);
});
