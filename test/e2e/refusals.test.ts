// What would copy itself, or overwrite what others write, is refused: by name, with the reason.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { Site } from "../support/site.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("chains do not close, whichever link is made last; one that was ended may be turned round", async () => {
  const directory = makeTempDirectory();
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => Site.start(directory, name)));
  if (a === undefined || b === undefined || c === undefined) throw new Error("no sites");
  await a.knows(b);
  await b.knows(a, c);
  await c.knows(a);
  const onward = await b.connect("middle", c, "end");
  await b.sync(onward.id);
  const { connectedSince } = await b.report(onward.id);
  const first = await a.connect("data", b, "middle");
  await a.sync(first.id);
  // The end is told what it comes from now.
  await eventually(async () => expect((await b.report(onward.id)).connectedSince).not.toBe(connectedSince));
  await b.sync(onward.id);
  const closing = await c.connect("end", a, "data/deep");
  expect(closing).toMatchObject({
    state: "halted",
    reasons: [{ code: "LOOP", message: expect.stringContaining(`${join(a.directory, "data")} of this very agent`) }, {}],
  });
  const direct = await b.connect("middle", a, "data");
  expect(direct).toMatchObject({ state: "halted", reasons: [{ code: "LOOP" }, {}] });
  await a.call("connection.disconnect", { id: first.id });
  await b.call("mirror.start", { id: direct.id });
  await b.sync(direct.id);
});

test("places within each other, in the agent's own directories, or of the kernel are refused", async () => {
  const directory = makeTempDirectory();
  const [a, b] = await Promise.all(["a", "b"].map((name) => Site.start(directory, name)));
  if (a === undefined || b === undefined) throw new Error("no sites");
  await a.knows(b);
  mkdirSync(join(a.directory, "data", "sub"), { recursive: true });
  const refuse = async (set: string, map: Readonly<Record<string, string>>, code: string, word: string): Promise<void> => {
    const { connection, error } = await a.join(set, b, map);
    const said = error ?? connection?.reasons[0];
    expect(said, `${set} ${JSON.stringify({ map, connection })}`).toMatchObject({ code, message: expect.stringContaining(word) });
    if (connection !== undefined) await a.call("connection.disconnect", { id: connection.id });
  };
  const data = join(a.directory, "data");
  const other = a.at("other");
  await a.create("data", data);
  await a.create("home", join(a.directory, "home"));
  await a.create("kernel", "/proc/sys");
  await a.create("pair", other, join(directory, "b", "own"));
  b.at("own");
  await refuse("data", { [data]: join(data, "sub/copy") }, "LOOP", "lie inside each other");
  await refuse("data", { [data]: a.directory }, "LOOP", "lie inside each other");
  await refuse("data", { [data]: "/etc/copy" }, "TARGET_PATH_DENIED", "belongs to the system");
  await refuse("data", { [data]: join(b.directory, "home/state/copy") }, "TARGET_PATH_DENIED", "belongs to the agent itself");
  await refuse("home", { [join(a.directory, "home")]: "/sm/copy" }, "SOURCE_PATH_DENIED", "where the agent itself writes");
  await refuse("kernel", { "/proc/sys": "/sm/copy" }, "SOURCE_PATH_DENIED", "/proc");
  await refuse("pair", { [other]: "/sm/copy", [b.at("own")]: "/sm/copy/other" }, "MAP_INVALID", "into one place");
  await refuse("pair", { [other]: join(b.directory, "copy"), [b.at("own")]: join(other, "copy") }, "LOOP", "lie inside each other");
});
