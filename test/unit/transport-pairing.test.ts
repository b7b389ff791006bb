// Pairing over real sockets: token, proofs, pins on both sides, round trip; and every way it fails.

import { afterEach, expect, test } from "vitest";
import type { SmError } from "../../src/base/errors.js";
import type { PeerAddress } from "../../src/model/channel-port.js";
import { decodeToken, encodeToken, keyOfSecret, type PairFacts, pairProof } from "../../src/transport/bootstrap-token.js";
import { redeemToken } from "../../src/transport/pair-redeemer.js";
import { eventually } from "../support/eventually.js";
import { openRaw } from "../support/hostile-client.js";
import { type Agent, Cleanup, never, openAgent, openTarget, sampleHello, type Target } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

function createToken(target: Target, addresses: readonly PeerAddress[] = [target.server.address]): Promise<{ readonly token: string }> {
  return target.bootstrap.create({ site: "target", addresses, fingerprint: target.identity.fingerprint, ttlSeconds: 60 });
}

function redeem(source: Agent, token: string, siteName = "source") {
  const { identity, peers, dialer } = source;
  return redeemToken(token, { identity, peers, dialer, siteName, addresses: [{ host: "192.0.2.7", port: 1500 }], signal: never, timeoutMs: 3_000 });
}

const failure = (promise: Promise<unknown>): Promise<SmError> =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error) => error,
  );

test("a token pairs both agents, which then open channels", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  const { token } = await createToken(target);
  const { peer, roundTripMs } = await redeem(source, token);
  expect(peer).toMatchObject({ name: "target", fingerprint: target.identity.fingerprint, addresses: [target.server.address] });
  expect(roundTripMs).toBeGreaterThan(0);
  expect(source.peers.get("target")).toEqual(peer);
  expect(target.peers.get("source")).toMatchObject({ fingerprint: source.identity.fingerprint, addresses: [{ host: "192.0.2.7", port: 1500 }] });
  await (await source.dialer.dial(peer, sampleHello, never)).close();
});

test("a token works once: for the same agent, and for another", async () => {
  const target = await openTarget(cleanup);
  const [first, second] = [await openAgent(cleanup, "a"), await openAgent(cleanup, "b")];
  const { token } = await createToken(target);
  await redeem(first, token, "a");
  for (const [agent, name] of [
    [first, "a"],
    [second, "b"],
  ] as const) {
    expect(await failure(redeem(agent, token, name))).toMatchObject({ code: "TOKEN_INVALID", message: expect.stringContaining("token not accepted") });
  }
  expect(target.peers.list().map((peer) => peer.name)).toEqual(["a"]);
  expect(second.peers.list()).toEqual([]);
});

test("of two that redeem a token at once, one is paired", async () => {
  const target = await openTarget(cleanup);
  const agents = [await openAgent(cleanup, "a"), await openAgent(cleanup, "b")];
  const { token } = await createToken(target);
  const outcomes = await Promise.allSettled(agents.map((agent, i) => redeem(agent, token, `site${i}`)));
  expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(target.peers.list().length).toBe(1);
});

test("a wrong secret, an unknown token and an expired one are told apart by nobody", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  const data = decodeToken((await createToken(target)).token, 0);
  const short = await target.bootstrap.create({ site: "target", addresses: data.addresses, fingerprint: data.fingerprint, ttlSeconds: 1 });
  const expired = { ...decodeToken(short.token, 0), expires: data.expires };
  await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(short.expiresAt)));
  const wrong = [{ ...data, secret: Buffer.alloc(32).toString("base64") }, { ...data, id: "0".repeat(32) }, expired];
  const messages = [];
  for (const token of wrong) messages.push((await failure(redeem(source, encodeToken(token)))).message);
  expect(new Set(messages)).toEqual(new Set(["target refuses: token not accepted"]));
  expect(target.peers.list()).toEqual([]);
  expect(source.peers.list()).toEqual([]);
});

test("a name taken on the target is told to whoever has the token, which stays good", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  await target.peers.add({ name: "source", fingerprint: "9".repeat(64), addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  const { token } = await createToken(target);
  expect(await failure(redeem(source, token))).toMatchObject({ code: "ALREADY_EXISTS", message: expect.stringContaining("9".repeat(64)) });
  expect(source.peers.list()).toEqual([]);
  await redeem(source, token, "other");
});

test("a name taken on this side is found before the token is used up", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  await source.peers.add({ name: "target", fingerprint: "9".repeat(64), addresses: [], addedAt: "2026-01-01T00:00:00.000Z" });
  const { token } = await createToken(target);
  expect(await failure(redeem(source, token))).toMatchObject({ code: "ALREADY_EXISTS" });
  await source.peers.remove("target");
  await redeem(source, token);
});

test("an agent's own token, and an expired one, are refused before anything is sent", async () => {
  const target = await openTarget(cleanup);
  const { token } = await createToken(target);
  expect(await failure(redeem(target, token))).toMatchObject({ code: "TOKEN_INVALID", message: expect.stringContaining("this agent itself") });
  const source = await openAgent(cleanup, "source");
  const old = encodeToken({ ...decodeToken(token, 0), expires: "2020-01-01T00:00:00.000Z" });
  expect(await failure(redeem(source, old))).toMatchObject({ code: "TOKEN_INVALID", message: expect.stringContaining("2020-01-01") });
});

test("a token that names another certificate than is found is a mismatch, and pins nothing", async () => {
  const [source, target, other] = [await openAgent(cleanup, "source"), await openTarget(cleanup), await openTarget(cleanup)];
  const { token } = await createToken(target, [other.server.address]);
  expect(await failure(redeem(source, token))).toMatchObject({ code: "PEER_MISMATCH" });
  expect(source.peers.list()).toEqual([]);
});

test("the second address is used when the first is down", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  const { token } = await createToken(target, [{ host: "127.0.0.1", port: 1 }, target.server.address]);
  expect((await redeem(source, token)).peer.name).toBe("target");
});

test("failed pairings are limited", async () => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup, { failedPairingsMax: 2 })];
  const { token } = await createToken(target);
  const wrong = encodeToken({ ...decodeToken(token, 0), id: "0".repeat(32) });
  const codes = [];
  for (let i = 0; i < 3; i += 1) codes.push((await failure(redeem(source, wrong))).code);
  expect(codes).toEqual(["TOKEN_INVALID", "TOKEN_INVALID", "PEER_BUSY"]);
});

test.each([
  ["noise", "noise"],
  ["another shape", '{"id":1}'],
  ["too much", "x".repeat(20_000)],
])("%s on /pair gets the same refusal, or none", async (_what, text) => {
  const [source, target] = [await openAgent(cleanup, "source"), await openTarget(cleanup)];
  const raw = await openRaw(target.server.address, source.identity, "/pair", "sm.pair.1");
  const replies: string[] = [];
  raw.ws.on("message", (data) => replies.push(data.toString()));
  raw.ws.send(text);
  await raw.closed;
  const refusal = '{"paired":false,"code":"TOKEN_INVALID","message":"token not accepted"}';
  expect(replies.every((reply) => reply === refusal)).toBe(true);
  expect(target.peers.list()).toEqual([]);
});

test("a proof made for one certificate is worth nothing with another", async () => {
  const [source, thief, target] = [await openAgent(cleanup, "source"), await openAgent(cleanup, "thief"), await openTarget(cleanup)];
  const data = decodeToken((await createToken(target)).token, 0);
  const facts: PairFacts = {
    id: data.id,
    sourceFingerprint: source.identity.fingerprint,
    targetFingerprint: data.fingerprint,
    sourceSite: "source",
    sourceAddresses: [],
  };
  const proof = pairProof(keyOfSecret(Buffer.from(data.secret, "base64")), "source", facts, "source").toString("base64");
  const raw = await openRaw(target.server.address, thief.identity, "/pair", "sm.pair.1");
  raw.ws.send(JSON.stringify({ id: data.id, proof, site: "source", addresses: [] }));
  await raw.closed;
  expect(target.peers.list()).toEqual([]);
});
