// More than two servers, or fewer (HP guide pp. 1-7 to 1-12): each with a member killed in the middle of it, then equal.

import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { Site } from "../support/site.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function sites<const Name extends string>(...names: readonly Name[]): Promise<Record<Name, Site>> {
  const directory = makeTempDirectory();
  const started = await Promise.all(names.map(async (name) => [name, await Site.start(directory, name)] as const));
  return Object.fromEntries(started) as Record<Name, Site>;
}

/** Something to replicate, and then something else. */
async function writer(directory: string, seed: number): Promise<{ run(count: number): Promise<void> }> {
  const driver = await FsDriver.open(directory);
  const operations = new RandomOperations({ seed, entriesMax: 60 });
  const run = async (count: number): Promise<void> => {
    await driver.run(operations.take(count));
  };
  await run(60);
  return { run };
}

test("one to many: a target that is away, or stands still, does not keep the other waiting", async () => {
  const { a, b, c } = await sites("a", "b", "c");
  const work = await writer(a.at("data"), 1);
  await a.knows(b, c);
  const toB = await a.connect("data", b, "copy");
  const toC = await a.connect("data", c, "copy");
  await a.sync(toB.id, toC.id);
  c.agent.pause();
  await work.run(60);
  await a.sync(toB.id);
  await expectEqualTrees(a.at("data"), b.at("copy"));
  c.agent.resume();
  await c.kill();
  await work.run(60);
  await a.sync(toB.id);
  await expectEqualTrees(a.at("data"), b.at("copy"));
  await c.restart();
  await a.sync(toC.id);
  await expectEqualTrees(a.at("data"), c.at("copy"));
});

test("many to one: each source has its own place there, and no other's", async () => {
  const { a, b, c } = await sites("a", "b", "c");
  const works = [await writer(a.at("data"), 2), await writer(b.at("data"), 3)];
  await a.knows(c);
  await b.knows(c);
  const fromA = await a.connect("data", c, "copies/a");
  const fromB = await b.connect("data", c, "copies/b");
  await a.sync(fromA.id);
  await b.sync(fromB.id);
  await c.kill();
  for (const work of works) await work.run(60);
  await c.restart();
  await a.sync(fromA.id);
  await b.sync(fromB.id);
  await expectEqualTrees(a.at("data"), c.at("copies/a"));
  await expectEqualTrees(b.at("data"), c.at("copies/b"));
  b.at("other");
  const refused = await b.connect("other", c, "copies/a/deep");
  expect(refused).toMatchObject({ state: "halted", reasons: [{ code: "TARGET_IN_USE", message: expect.stringContaining("copies/a") }, {}] });
});

test("chained: what arrives in the middle goes on, also when the middle is killed, and costs no more there", async () => {
  const { a, b, c } = await sites("a", "b", "c");
  const work = await writer(a.at("data"), 4);
  await a.knows(b);
  await b.knows(c);
  const first = await a.connect("data", b, "middle");
  await a.sync(first.id);
  const second = await b.connect("middle", c, "end");
  await b.sync(second.id);
  await expectEqualTrees(a.at("data"), c.at("end"));
  // By itself, without anybody asking.
  const big = join(a.at("data"), "big");
  mkdirSync(big);
  for (let i = 0; i < 50; i++) writeFileSync(join(big, `f${i}`), "x".repeat(2000));
  renameSync(big, `${big}-moved`);
  await eventually(() => expectEqualTrees(a.at("data"), c.at("end")), { timeoutMs: 30_000 });
  const churn = work.run(80);
  await b.kill();
  await churn;
  await b.restart();
  rmSync(`${big}-moved`, { recursive: true });
  await a.sync(first.id);
  await b.sync(second.id);
  await expectEqualTrees(a.at("data"), c.at("end"));
});

test("both ways: each server is the target of the other", async () => {
  const { a, b } = await sites("a", "b");
  const works = [await writer(a.at("one"), 5), await writer(b.at("two"), 6)];
  await a.knows(b);
  await b.knows(a);
  const there = await a.connect("one", b, "one");
  const back = await b.connect("two", a, "two");
  await a.sync(there.id);
  await b.sync(back.id);
  const churn = Promise.all(works.map((work) => work.run(80)));
  await a.kill();
  await churn;
  await a.restart();
  await a.sync(there.id);
  await b.sync(back.id);
  await expectEqualTrees(a.at("one"), b.at("one"));
  await expectEqualTrees(b.at("two"), a.at("two"));
});

test("one server: from one place of it to another", async () => {
  const { a } = await sites("a");
  const work = await writer(a.at("data"), 7);
  const connection = await a.connect("data", a, "copy");
  await a.sync(connection.id);
  const churn = work.run(80);
  await a.kill();
  await churn;
  await a.restart();
  await a.sync(connection.id);
  await expectEqualTrees(a.at("data"), a.at("copy"));
});
