import { once } from "node:events";
import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { ChaosProxy } from "../support/chaos-proxy.js";
import { compareTrees, readManifest } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { describeLeaks, findLeaks } from "../support/leak-check.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { NetworkPair, runInNamespace } from "../support/network-namespace.js";
import { RandomOperations } from "../support/random-operations.js";
import { runCommand } from "../support/run-command.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const isRoot = process.getuid?.() === 0;

describe("random operations", () => {
  test("the same seed gives the same operations, another seed others", () => {
    const take = (seed: number) => new RandomOperations({ seed }).take(300);
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
  });

  test.each([11, 12, 13])("every operation succeeds on a real tree, twice alike (seed %i)", async (seed) => {
    const directory = makeTempDirectory();
    const roots = ["a", "b"].map((name) => join(directory, name));
    for (const root of roots) {
      mkdirSync(root);
      const generator = new RandomOperations({ seed, entriesMax: 80, fileBytesMax: 20_000 });
      const driver = await FsDriver.open(root);
      for (let batch = 0; batch < 8; batch++) await driver.run(generator.take(50));
      await driver.close();
    }
    const manifests = await Promise.all(roots.map(readManifest));
    const withoutTimes = manifests.map((entries) => entries.map(({ mtime_ns: _, allocated: __, ...rest }) => rest));
    expect(withoutTimes[0]).toEqual(withoutTimes[1]);
    expect(manifests[0]?.length).toBeGreaterThan(10);
  });

  test("kinds of operations that a run of some length makes", () => {
    const kinds = new Set(new RandomOperations({ seed: 5, privileged: true }).take(3_000).map(({ kind }) => kind));
    const expected = ["append", "block", "character", "chmod", "chown", "create", "editInDisguise", "exchange", "fifo", "link", "mkdir", "mmapWrite"];
    expected.push("punch", "removeTree", "removeXattr", "rename", "setXattr", "symlink", "times", "truncate", "unlink", "write");
    expect([...kinds].sort()).toEqual(expected.sort());
  });

  test("what fails is told with its operation", async () => {
    const driver = await FsDriver.open(makeTempDirectory());
    onTestFinished(() => driver.close());
    const problems = await driver.try([{ kind: "unlink", path: "absent" }]);
    expect(problems).toEqual([{ index: 0, operation: { kind: "unlink", path: "absent" }, errno: 2, message: "No such file or directory" }]);
    await expect(driver.run([{ kind: "rmdir", path: "absent" }])).rejects.toThrow(/1 operations failed.*absent/);
  });
});

describe("eventually", () => {
  test("returns the first success and throws the last failure", async () => {
    let count = 0;
    const attempt = () => {
      count += 1;
      if (count < 3) throw new Error(`failure ${count}`);
      return count;
    };
    expect(await eventually(attempt, { intervalMs: 1 })).toBe(3);
    const never = () => Promise.reject(new Error("not yet"));
    await expect(eventually(never, { timeoutMs: 20, intervalMs: 1 })).rejects.toThrow("still so after 20 ms: not yet");
  });
});

async function openEcho(): Promise<{ readonly host: string; readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

interface Client {
  readonly socket: Socket;
  received: string;
  ended: boolean;
}

async function dial(port: number): Promise<Client> {
  const client = startDialling(port);
  await once(client.socket, "connect");
  return client;
}

function startDialling(port: number): Client {
  const socket = createConnection({ port, host: "127.0.0.1" });
  const client: Client = { socket, received: "", ended: false };
  socket.setEncoding("latin1").on("data", (text: string) => {
    client.received += text;
  });
  socket.on("error", () => {
    client.ended = true;
  });
  socket.on("close", () => {
    client.ended = true;
  });
  onTestFinished(() => {
    socket.destroy();
  });
  return client;
}

describe("chaos proxy", () => {
  test("passes, delays, freezes and thaws", async () => {
    const proxy = await ChaosProxy.open(await openEcho());
    const client = await dial(proxy.port);
    client.socket.write("one");
    await eventually(() => expect(client.received).toBe("one"));
    expect(proxy.forwardedBytes).toBe(6);
    proxy.setDelay(60);
    const startedAt = performance.now();
    client.socket.write("two");
    await eventually(() => expect(client.received).toBe("onetwo"), { intervalMs: 1 });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(115);
    proxy.setDelay(0);
    proxy.freeze();
    client.socket.write("three");
    await sleep(100);
    expect(client).toMatchObject({ received: "onetwo", ended: false });
    proxy.thaw();
    await eventually(() => expect(client.received).toBe("onetwothree"));
  });

  test("cuts in the middle, partitions and heals", async () => {
    const proxy = await ChaosProxy.open(await openEcho());
    const first = await dial(proxy.port);
    proxy.cutAfter(5);
    first.socket.write("0123456789");
    await eventually(() => expect(first.ended).toBe(true));
    expect(first.received.length).toBeLessThanOrEqual(5);
    const second = await dial(proxy.port);
    await eventually(() => expect(proxy.acceptedLinks).toBe(2));
    proxy.partition();
    await eventually(() => expect(second.ended).toBe(true));
    const refused = startDialling(proxy.port);
    await eventually(() => expect(refused.ended).toBe(true));
    proxy.heal();
    const third = await dial(proxy.port);
    third.socket.write("back");
    await eventually(() => expect(third.received).toBe("back"));
  });

  test("carries much, in order", async () => {
    const proxy = await ChaosProxy.open(await openEcho());
    const client = await dial(proxy.port);
    const text = Array.from({ length: 200_000 }, (_, index) => `${index},`).join("");
    client.socket.write(text);
    await eventually(() => expect(client.received.length).toBe(text.length));
    expect(client.received === text).toBe(true);
  });
});

test("a command beyond its deadline is killed and reported", async () => {
  expect(await runCommand(["cat"], { input: "in" })).toEqual({ code: 0, signal: null, stdout: "in", stderr: "" });
  await expect(runCommand(["sleep", "60"], { timeoutMs: 50 })).rejects.toThrow("sleep 60: no end within 50 ms");
});

test.runIf(isRoot)("a process, a mount and a namespace left behind are found (root)", async () => {
  const mark = process.env.SM_TEST_RUN;
  if (mark === undefined) throw new Error("the run has no mark");
  const image = LoopImage.open({ type: "tmpfs", sizeMiB: 1 });
  const pair = NetworkPair.open();
  const sleeper = runCommand(["sleep", "3.125"], { timeoutMs: 10_000 });
  await eventually(() => {
    const lines = describeLeaks(findLeaks(mark));
    expect(lines).toContainEqual(expect.stringMatching(/^process \d+: sleep 3\.125$/));
    expect(lines).toContain(`mount ${image.path}`);
    expect(lines).toContain(`network namespace ${pair.a.name}`);
  });
  image.unmount();
  pair.close();
  await sleeper;
  expect(describeLeaks(findLeaks(mark)).join("\n")).not.toMatch(new RegExp(`sleep 3\\.125|${image.path}|${pair.a.name}`));
});

describe.runIf(isRoot)("file systems of their own (root)", () => {
  test.each([
    { type: "ext4", sizeMiB: 32 },
    { type: "xfs", sizeMiB: 300 },
    { type: "btrfs", sizeMiB: 128 },
    { type: "tmpfs", sizeMiB: 8 },
  ] as const)("$type", { timeout: 30_000 }, async ({ type, sizeMiB }) => {
    if (type === "ext4" || type === "tmpfs") expect(canMountImages(type)).toBe(true);
    else if (!canMountImages(type)) return;
    const image = LoopImage.open({ type, sizeMiB });
    writeFileSync(join(image.path, "file"), "x");
    expect(statfsSync(image.path).bsize * statfsSync(image.path).blocks).toBeLessThanOrEqual(sizeMiB << 20);
    image.remount("ro");
    expect(() => writeFileSync(join(image.path, "other"), "x")).toThrow(/EROFS/);
    expect(await compareTrees(image.path, image.path)).toEqual([]);
  });
});

test.runIf(isRoot)("a cable between two namespaces can be pulled (root)", { timeout: 20_000 }, () => {
  const pair = NetworkPair.open();
  const state = (): string => runInNamespace(pair.a, ["sh", "-c", "cat /sys/class/net/cable/operstate"]).trim();
  expect(state()).toBe("up");
  expect(runInNamespace(pair.b, ["ip", "-4", "-o", "addr", "show", "cable"])).toContain("10.77.0.2/24");
  pair.linkDown();
  expect(state()).toBe("down");
  pair.linkUp();
  expect(runInNamespace(pair.a, ["cat", "/sys/class/net/cable/carrier"]).trim()).toBe("1");
});
