// The source's word that a connection is over: on the wire, and on the list of those that were not told.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { GoodbyeList } from "../../src/agent/goodbye-list.js";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import type { ConnectionRecord } from "../../src/connection/connection-record.js";
import type { DismissConnection, Peer } from "../../src/model/channel-port.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { Cleanup, introduce, never, openAgent, openTarget, sampleHello } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const KEY = "0123456789abcdef0123456789abcdef";
const PEER: Peer = { name: "B", fingerprint: "f".repeat(64), addresses: [], addedAt: "" };

async function linked(dismiss: DismissConnection) {
  const target = await openTarget(cleanup, {}, undefined, dismiss);
  const source = await openAgent(cleanup, "source");
  return { source, target, peer: await introduce(source, target) };
}

test("a goodbye is answered when the target has forgotten the connection, with who said it and its key", async () => {
  const heard: string[][] = [];
  const { source, target, peer } = await linked(async (name, key) => void heard.push([name, key]));
  await source.dialer.sayGoodbye(peer, KEY, never);
  await source.dialer.sayGoodbye(peer, KEY, never);
  expect(heard).toEqual([
    ["source", KEY],
    ["source", KEY],
  ]);
  await eventually(() => expect(target.server.channels()).toBe(0));
  await (await source.dialer.dial(peer, sampleHello, never)).close();
});

test("a target that does not forget says why; a defect of its own is told without its inside", async () => {
  const refusing = await linked(async () => {
    throw new SmError("REFUSED", "another's");
  });
  await expect(refusing.source.dialer.sayGoodbye(refusing.peer, KEY, never)).rejects.toMatchObject({ code: "REFUSED", message: "target: another's" });
  const broken = await linked(async () => {
    throw new Error("inside");
  });
  await expect(broken.source.dialer.sayGoodbye(broken.peer, KEY, never)).rejects.toMatchObject({ message: expect.not.stringContaining("inside") });
});

const record = { key: KEY, id: 3, repset: "data", peer: "B", mappings: [{ source: "/s", target: "/t" }] } as unknown as ConnectionRecord;

function listIn(stateDir: string, sayGoodbye: (attempt: number) => Promise<void>, peers: readonly Peer[] = [PEER]) {
  let attempts = 0;
  const findPeer = (name: string): Peer => {
    const peer = peers.find((one) => one.name === name);
    if (peer === undefined) throw new SmError("PEER_UNKNOWN", name);
    return peer;
  };
  const dialer = { sayGoodbye: () => sayGoodbye(++attempts) };
  const list = GoodbyeList.open({ stateDir, dialer, findPeer, onChange: () => undefined, log: silentLog });
  cleanup.add(list, (l) => l.close());
  return list;
}

const lost = async (): Promise<void> => {
  throw new SmError("CHANNEL_LOST", "nobody is there");
};
const onDisk = (stateDir: string): unknown => JSON.parse(readFileSync(join(stateDir, "goodbyes.json"), "utf8"));

test("what was not told is on disk, shown, and told again until it is, by the next agent, too", async () => {
  const stateDir = makeTempDirectory();
  const first = listIn(stateDir, lost);
  const told = first.add(record);
  expect(onDisk(stateDir)).toMatchObject([{ key: KEY, places: ["/t"] }]);
  expect(await told).toBe(false);
  expect(first.reports()).toMatchObject([
    { connectionId: 3, target: "B", reason: { code: "CHANNEL_LOST", message: expect.stringContaining("nobody is there") } },
  ]);
  await first.close();
  const second = listIn(stateDir, async (attempt) => (attempt === 1 ? lost() : undefined));
  expect(second.has(KEY)).toBe(true);
  await eventually(() => expect(second.reports()).toEqual([]));
  expect([onDisk(stateDir), await second.add(record)]).toEqual([[], true]);
});

test("nothing is said any more to a peer that was removed, or that the connection is not of", async () => {
  const stateDir = makeTempDirectory();
  const removed = listIn(stateDir, lost);
  await removed.add(record);
  removed.forgetPeer("B");
  expect([removed.reports(), onDisk(stateDir)]).toEqual([[], []]);
  const unknown = listIn(makeTempDirectory(), lost, []);
  expect([await unknown.add(record), unknown.reports()]).toEqual([false, []]);
  const anothers = listIn(makeTempDirectory(), async () => {
    throw new SmError("REFUSED", "another's");
  });
  expect([await anothers.add(record), anothers.reports()]).toEqual([false, []]);
});
