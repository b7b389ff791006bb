// Each field that is declared to be in force without a restart: what the parts of the agent ask for changes with it.

import { expect, test } from "vitest";
import { dialerOptions, serverOptions, stallMs, targetSettings } from "../../src/agent/live-settings.js";
import type { Config } from "../../src/config/config.js";
import { ALL_FIELDS, findField } from "../../src/config/config-fields.js";
import { ConfigInForce } from "../../src/config/config-in-force.js";
import { readConfig } from "../../src/config/load-config.js";
import { guardPolicyOf } from "../../src/connection/guard-decision.js";
import type { PeerServerOptions } from "../../src/transport/peer-server.js";
import type { DialerOptions } from "../../src/transport/source-dialer.js";

const ENV = { SM_HOME: "/nowhere" };
const load = (text: string) => readConfig({ env: ENV, hostname: "h" }, text);

/** As the agent makes them: once, when it starts. */
function viewsOf(config: Config) {
  const target = targetSettings(config);
  const dialer = dialerOptions({} as DialerOptions, config);
  const server = serverOptions({} as PeerServerOptions, config);
  const guard = () => guardPolicyOf({ guard: "configured", guardChanged: 1 }, config.guard);
  return { config, target, dialer, server, guard };
}

type Views = ReturnType<typeof viewsOf>;

/** Another value, and where the part that goes by it sees it. What is read as a whole when a job or a connection begins is read from the configuration. */
const FIELDS: Readonly<Record<string, readonly [value: unknown, (views: Views) => unknown, seen?: unknown]>> = {
  "server.addresses": [["h:1"], ({ config }) => config.server.addresses],
  "source.enabled": [false, ({ config }) => config.source.enabled],
  "target.enabled": [false, ({ target }) => target.isEnabled],
  "target.allowedRoots": [["/srv"], ({ target }) => target.allowedRoots],
  "target.stageMiB": [16, ({ target }) => target.stageBytesMax, 16 * 1024 * 1024],
  "queue.memoryMiB": [7, ({ config }) => config.queue.memoryMiB],
  "queue.diskMiB": [70, ({ config }) => config.queue.diskMiB],
  "queue.minFreeMiB": [7, ({ config }) => config.queue.minFreeMiB],
  "queue.alertPercent": [7, ({ config }) => config.queue.alertPercent],
  "transport.compressMinBytes": [2048, ({ dialer, server }) => (dialer.compressBytesMin === server.compressBytesMin ? dialer.compressBytesMin : null)],
  "transport.sockets": [3, ({ dialer }) => dialer.sockets],
  "transport.heartbeatMs": [100, ({ dialer, server }) => (dialer.timing?.heartbeatMs === server.limits?.heartbeatMs ? dialer.timing?.heartbeatMs : null)],
  "transport.deadMs": [20_000, ({ dialer, server }) => (dialer.timing?.deadMs === server.limits?.deadMs ? dialer.timing?.deadMs : null)],
  "transport.connectTimeoutMs": [100, ({ dialer }) => dialer.timing?.connectTimeoutMs],
  "apply.durability": ["none", ({ config }) => config.apply.durability],
  "apply.retryInitialMs": [7, ({ target }) => target.retryInitialMs],
  "apply.retryMaxMs": [20_000, ({ target }) => target.retryMaxMs],
  "apply.refusals": [["EIO"], ({ target }) => target.quarantine.refusals],
  "apply.retryLimitSeconds": [7, ({ target }) => target.quarantine.limitMs, 7000],
  "apply.quarantineRetrySeconds": [7, ({ target }) => target.quarantine.retryMs, 7000],
  "guard.lostPercent": [7, ({ guard }) => guard()?.lostPercent],
  "guard.lostFiles": [7, ({ guard }) => guard()?.lostFiles],
  "guard.changedPercent": [7, ({ config }) => guardPolicyOf({ guard: 1, guardChanged: "configured" }, config.guard)?.changedPercent],
  "guard.lostFilesMin": [7, ({ guard }) => guard()?.lostFilesMin],
  "guard.windowSeconds": [7, ({ guard }) => guard()?.windowSeconds],
  "mirror.size": [false, ({ config }) => config.mirror.size],
  "verify.name": ["x.log", ({ config }) => config.verify.name],
  "verify.append": [false, ({ config }) => config.verify.append],
  "verify.bytesMax": [5000, ({ config }) => config.verify.bytesMax],
  "orphans.confirmFiles": [7, ({ config }) => config.orphans.confirmFiles],
  "orphans.log": ["totals", ({ target }) => target.orphanLog],
  "tdu.intervalSeconds": [7, ({ config }) => config.tdu.intervalSeconds],
  "tdu.maxFileMiB": [7, ({ config }) => config.tdu.maxFileMiB],
  "tdu.maxFiles": [7, ({ config }) => config.tdu.maxFiles],
  "watchdog.stallSeconds": [7, ({ config, target }) => (stallMs(config) === target.stallMs ? target.stallMs : null), 7000],
  "log.level": ["debug", ({ config }) => config.log.level],
};

test("every field that needs no restart is known here", () => {
  const live = ALL_FIELDS.filter(({ field }) => (field.effect ?? "restart") !== "restart").map(({ key }) => key);
  expect(Object.keys(FIELDS).sort()).toEqual([...live].sort());
});

test.each(Object.entries(FIELDS))("%s is in force without a restart", (key, [value, look, seen = value]) => {
  const settings = new ConfigInForce(load(""));
  const views = viewsOf(settings.config);
  expect(look(views)).not.toEqual(seen);
  const [section, name] = key.split(".");
  settings.take(load(JSON.stringify({ [section ?? ""]: { [name ?? ""]: value } })));
  expect(look(views)).toEqual(seen);
  expect(settings.needsRestart).toEqual([]);
});

test("what takes a restart keeps its value, and says so until it is as it was", () => {
  const settings = new ConfigInForce(load("capture: {walkSeconds: 30}"));
  const walk = findField("capture.walkSeconds");
  if (walk === undefined) throw new Error("there is no such field");
  const changes = settings.take(load("capture: {walkSeconds: 90}\nguard: {lostPercent: 5}"));
  expect(changes.map(({ key, effect }) => [key, effect])).toEqual([
    ["capture.walkSeconds", "restart"],
    ["guard.lostPercent", "now"],
  ]);
  expect([settings.config.capture.walkSeconds, settings.config.guard.lostPercent]).toEqual([30, 5]);
  expect(settings.look(walk)).toMatchObject({ value: 30, pending: 90, origin: { from: "file", place: "/nowhere/etc/sm.yaml:1:24" } });
  expect(settings.needsRestart).toEqual(["capture.walkSeconds"]);
  expect(settings.take(load("capture: {walkSeconds: 30}")).map(({ key, effect }) => `${key} ${effect}`)).toEqual([
    "capture.walkSeconds now",
    "guard.lostPercent now",
  ]);
  expect(settings.needsRestart).toEqual([]);
});

test("a copy of the configuration is what was in force then", () => {
  const settings = new ConfigInForce(load(""));
  const copy = { ...settings.config };
  settings.take(load("tdu: {maxFiles: 3}"));
  expect([copy.tdu.maxFiles, settings.config.tdu.maxFiles]).toEqual([8, 3]);
});
