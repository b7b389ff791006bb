import { once } from "node:events";
import { cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { KeyRotation } from "../../src/agent/key-rotation.js";
import { serverNameOf } from "../../src/base/server-name.js";
import type { Peer } from "../../src/model/channel-port.js";
import { fingerprintOf, Identity } from "../../src/transport/identity.js";
import { PeerServer } from "../../src/transport/peer-server.js";
import { PeerStore } from "../../src/transport/peer-store.js";
import { WsSourceDialer } from "../../src/transport/source-dialer.js";
import { eventually } from "../support/eventually.js";
import { Cleanup, introduce, never, openAgent, openTarget, peerOf, sampleHello, type Target, tempDirectory } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const LATER = "2999-01-01T00:00:00.000Z";
const MORE_THAN_A_DAY = 100_000;
const DAY_SECONDS = 86_400;

/** Two agents that dial each other, as "source" and "target". */
async function openPair() {
  const [one, two] = [await openTarget(cleanup), await openTarget(cleanup)];
  const two1 = await introduce(one, two);
  const one2 = { ...peerOf(one, "source") };
  await two.peers.remove("source");
  await two.peers.add(one2);
  return { one, two, asSeenByOne: (): Peer => one.peers.get("target") ?? two1, asSeenByTwo: (): Peer => two.peers.get("source") ?? one2 };
}

function rotationOf(agent: Target, roundMs = MORE_THAN_A_DAY): KeyRotation {
  const { identity, peers, dialer, log, server } = agent;
  const rotation = new KeyRotation({ identity, peers, dialer, server: () => server, onConfirmed: () => undefined, onChange: () => undefined, log, roundMs });
  return cleanup.add(rotation, (r) => r.close());
}

/** The agent of a thief: what was read of a state directory before, on a machine of their own. */
async function thiefOf(agent: Target): Promise<{ readonly identity: Identity }> {
  const directory = await tempDirectory(cleanup);
  await cp(join(agent.directory, "identity"), join(directory, "identity"), { recursive: true });
  return { identity: await Identity.open(directory, "thief") };
}

describe("a rotation", () => {
  test("is confirmed by a peer that can be dialled, and ends; a stolen old key is refused from then on, on both sides", async () => {
    const { one, two, asSeenByOne, asSeenByTwo } = await openPair();
    const former = one.identity.fingerprint;
    const thief = await thiefOf(one);
    const rotated = await rotationOf(one).rotate({ isForced: false, overlapSeconds: undefined });
    expect(rotated).toMatchObject({ former, rotation: null, pairAnew: [] });
    expect(one.identity).toMatchObject({ fingerprint: rotated.fingerprint, next: undefined });
    expect(two.peers.get("source")).toMatchObject({ fingerprint: rotated.fingerprint });
    expect(two.peers.get("source")?.next).toBeUndefined();
    await one.dialer.probe(asSeenByOne(), never);
    await two.dialer.probe(asSeenByTwo(), never);

    // The thief dials the peer, dials the robbed agent as itself, and is dialled in its place.
    const robber = await openAgent(cleanup, "robber");
    const stolen = { ...robber, identity: thief.identity };
    for (const victim of [peerOf(two), peerOf(one)]) {
      await robber.peers.add({ ...victim, name: `victim ${victim.addresses[0]?.port}` });
      const dialer = cleanup.add(await WsSourceDialer.open({ ...stolen, compressBytesMin: 0 }), (d) => d.close());
      await expect(dialer.probe({ ...victim, name: `victim ${victim.addresses[0]?.port}` }, never)).rejects.toMatchObject({ code: "PEER_UNKNOWN" });
    }
    const impostor = await PeerServer.open({
      ...stolen,
      listen: { host: "127.0.0.1", port: 0 },
      accept: () => Promise.reject(new Error("nothing may come so far")),
      dismiss: async () => undefined,
    });
    cleanup.add(impostor, (s) => s.close());
    await expect(two.dialer.probe({ ...asSeenByTwo(), addresses: [impostor.address] }, never)).rejects.toMatchObject({ code: "PEER_MISMATCH" });
  });

  test("closes what was open by the old key, so that nobody goes on with it", async () => {
    const { one, two, asSeenByOne } = await openPair();
    const channel = await one.dialer.dial(asSeenByOne(), sampleHello, never);
    await rotationOf(one).rotate({ isForced: false, overlapSeconds: undefined });
    await expect(channel.ended).resolves.toMatchObject({ code: "CHANNEL_LOST" });
    await eventually(async () => expect(two.server.channels("source")).toBe(0));
    await one.dialer.dial(asSeenByOne(), sampleHello, never);
  });

  test("waits for a peer that is away, says so, and is told to it when it dials by itself", async () => {
    const { one, two, asSeenByTwo } = await openPair();
    const former = one.identity.fingerprint;
    // From here the peer cannot be dialled: it has no listener any more.
    await two.server.close();
    const rotation = rotationOf(one);
    const rotated = await rotation.rotate({ isForced: false, overlapSeconds: DAY_SECONDS });
    expect(rotated.rotation).toMatchObject({ fingerprint: one.identity.newest, waiting: [{ name: "target", why: expect.stringContaining("target") }] });
    expect(rotation.reasons()).toMatchObject([{ code: "KEY_ROTATION", object: "target", nextAt: rotated.rotation?.until }]);
    expect(one.identity.fingerprint).toBe(former);

    await two.dialer.probe(asSeenByTwo(), never);
    await eventually(async () => expect(one.identity.fingerprint).toBe(rotated.fingerprint));
    expect(two.peers.get("source")).toMatchObject({ fingerprint: rotated.fingerprint });
    expect(rotation.reasons()).toEqual([]);
    await two.dialer.probe(asSeenByTwo(), never);
  });

  test("repeated, goes on with the key that was announced; by force the old key goes at once, and the peers to be paired anew are named", async () => {
    const { one, two, asSeenByTwo } = await openPair();
    await two.server.close();
    const rotation = rotationOf(one);
    const first = await rotation.rotate({ isForced: false, overlapSeconds: undefined });
    const again = await rotation.rotate({ isForced: false, overlapSeconds: 3 * DAY_SECONDS });
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(Date.parse(again.rotation?.until ?? "") - Date.now()).toBeGreaterThan(2 * DAY_SECONDS * 1000);
    const forced = await rotation.rotate({ isForced: true, overlapSeconds: undefined });
    expect(forced).toEqual({ fingerprint: first.fingerprint, former: first.former, rotation: null, pairAnew: ["target"] });
    await expect(two.dialer.probe(asSeenByTwo(), never)).rejects.toMatchObject({ code: "PEER_MISMATCH" });
  });

  test("an agent that is its own peer goes on with that", async () => {
    const { one } = await openPair();
    const itself = peerOf(one, "localhost");
    const channel = await one.dialer.dial(itself, sampleHello, never);
    await rotationOf(one).rotate({ isForced: false, overlapSeconds: undefined });
    await expect(channel.ended).resolves.toMatchObject({ code: "CHANNEL_LOST" });
    await one.dialer.probe(itself, never);
    await one.dialer.probe(peerOf(one, "localhost"), never);
  });

  test("of both sides at once ends on both", async () => {
    const { one, two, asSeenByOne, asSeenByTwo } = await openPair();
    const rotations = [rotationOf(one, 50), rotationOf(two, 50)];
    const rotated = await Promise.all(rotations.map((each) => each.rotate({ isForced: false, overlapSeconds: undefined })));
    await eventually(async () => expect([one.identity.fingerprint, two.identity.fingerprint]).toEqual(rotated.map(({ fingerprint }) => fingerprint)));
    await one.dialer.probe(asSeenByOne(), never);
    await two.dialer.probe(asSeenByTwo(), never);
  });

  test("does not lock the pair out when the agent ends before it knows that the peer confirmed, or the peer before it shows", async () => {
    const { one, two, asSeenByOne, asSeenByTwo } = await openPair();
    await one.identity.begin("2026-01-01T00:00:00.000Z", LATER);
    const next = one.identity.newest;
    // The peer keeps the announcement, and nothing was shown yet.
    await two.peers.announce("source", next);
    await one.dialer.probe(asSeenByOne(), never);
    await two.dialer.probe(asSeenByTwo(), never);
    expect(two.peers.get("source")?.fingerprint).toBe(next);
    // The peer takes the next certificate only, and this agent has not written that down: as after a crash of it.
    const crashed = await openAgent(cleanup, "unused");
    await cp(one.directory, crashed.directory, { recursive: true });
    await writeFile(
      join(crashed.directory, "rotation.json"),
      JSON.stringify({ version: 1, former: [], rotation: { ...one.identity.rotation, confirmed: [] } }),
      {
        mode: 0o600,
      },
    );
    const [identity, peers] = [await Identity.open(crashed.directory, "x"), await PeerStore.open(crashed.directory)];
    expect(identity.isConfirmed(asSeenByOne())).toBe(false);
    const dialer = cleanup.add(await WsSourceDialer.open({ identity, peers, log: crashed.log, compressBytesMin: 0 }), (d) => d.close());
    await dialer.probe(asSeenByOne(), never);
    expect(identity.isConfirmed(asSeenByOne())).toBe(true);
  });

  test("a peer that knows no rotation keeps the old key alive, and is named", async () => {
    const { one, two } = await openPair();
    const old = await oldListener(two);
    await one.peers.add({ ...peerOf(two), addresses: [old] });
    const rotated = await rotationOf(one).rotate({ isForced: false, overlapSeconds: undefined });
    expect(rotated.rotation?.waiting).toEqual([{ name: "target", why: expect.stringContaining("takes no new certificate of a peer: update it") }]);
  });

  test("clients that name no certificate, as programs of others, see the old one until it goes; who asks for the new one sees that at once", async () => {
    const { one } = await openPair();
    const former = one.identity.fingerprint;
    await one.identity.begin("2026-01-01T00:00:00.000Z", LATER);
    const { newest } = one.identity;
    expect(await shownBy(one)).toBe(former);
    expect(await shownBy(one, serverNameOf(newest))).toBe(newest);
    expect(await shownBy(one, "files1")).toBe(former);
    await one.identity.drop();
    expect([await shownBy(one), await shownBy(one, serverNameOf(former))]).toEqual([newest, newest]);
  });

  test("a certificate that is somebody else's is not taken", async () => {
    const { one, two } = await openPair();
    await two.peers.add({ ...peerOf(one, "third"), fingerprint: "3".repeat(64) });
    await expect(two.peers.announce("source", "3".repeat(64))).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(two.peers.announce("third", two.peers.get("source")?.fingerprint ?? "")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  });
});

/** What a client sees that knows nothing yet. */
async function shownBy({ server }: Target, servername?: string): Promise<string> {
  const socket = connect({ ...server.address, rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) });
  await once(socket, "secureConnect");
  const shown = fingerprintOf(socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0));
  socket.destroy();
  return shown;
}

/** A listener of the agent's certificate that answers as versions before rotations did. */
async function oldListener(agent: Target) {
  const server = createServer({ ...agent.identity.tls(), requestCert: true, rejectUnauthorized: false });
  server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  cleanup.add(server, (s) => s.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return { host: "127.0.0.1", port: address.port };
}

describe("a crash leaves one identity or both", () => {
  async function begun() {
    const directory = await tempDirectory(cleanup);
    const identity = await Identity.open(directory, "alpha");
    const former = identity.fingerprint;
    await identity.begin("2026-01-01T00:00:00.000Z", LATER);
    return { directory, identity, former, next: identity.newest };
  }
  const record = (next: string, isDropping: boolean, former: readonly string[]) =>
    JSON.stringify({ version: 1, former, rotation: { startedAt: "2026-01-01T00:00:00.000Z", until: LATER, next, confirmed: [], isDropping } });

  test("a rotation goes on after a restart, with what was confirmed", async () => {
    const { directory, identity, former, next } = await begun();
    await identity.confirm({ name: "b", addedAt: "1" });
    const again = await Identity.open(directory, "alpha");
    expect(again).toMatchObject({ fingerprint: former, next });
    expect([again.isConfirmed({ name: "b", addedAt: "1" }), again.isConfirmed({ name: "b", addedAt: "2" })]).toEqual([true, false]);
  });

  test("a key that was announced to nobody goes", async () => {
    const { directory, former } = await begun();
    await rm(join(directory, "rotation.json"));
    expect(await Identity.open(directory, "alpha")).toMatchObject({ fingerprint: former, next: undefined });
    expect(await readdir(directory)).toEqual(["identity"]);
  });

  test.each(["before the old key stands aside", "between the two", "before the old key is removed", "before that is written down"])(
    "the swap, %s",
    async (moment) => {
      const { directory, former, next } = await begun();
      const [current, coming, old] = ["identity", "identity.next", "identity.old"].map((name) => join(directory, name)) as [string, string, string];
      await writeFile(join(directory, "rotation.json"), record(next, true, [former]), { mode: 0o600 });
      if (moment !== "before the old key stands aside") await rename(current, old);
      if (moment === "before the old key is removed" || moment === "before that is written down") await rename(coming, current);
      if (moment === "before that is written down") await rm(old, { recursive: true });
      for (const _start of [1, 2]) {
        const again = await Identity.open(directory, "alpha");
        expect(again).toMatchObject({ fingerprint: next, next: undefined, rotation: null });
        expect([again.isOwn(former), again.wasOwn(former)]).toEqual([false, true]);
      }
      expect((await readdir(directory)).sort()).toEqual(["identity", "rotation.json"]);
    },
  );

  test("a key that was announced and is missing is not made anew", async () => {
    const { directory } = await begun();
    await rm(join(directory, "identity.next"), { recursive: true });
    await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await mkdir(join(directory, "identity.next"), { mode: 0o700 });
    await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });
});
