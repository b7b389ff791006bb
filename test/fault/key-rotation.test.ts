// The key of an agent is rotated while it replicates, with crashes in the middle: nobody is locked out, and the rotation itself mirrors nothing.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AuditEntry } from "../../src/model/audit.js";
import type { IdentityReport, KeyRotated, PeerReport } from "../../src/model/control-port.js";
import { AgentPair } from "../support/agent-pair.js";
import type { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

interface Known {
  readonly peers: readonly PeerReport[];
  readonly identity: IdentityReport;
}

const known = (agent: AgentProcess): Promise<Known> => agent.json<Known>(["peer", "list"]);

async function expectRotated(agent: AgentProcess, by: AgentProcess, former: string): Promise<void> {
  await eventually(async () => {
    const { identity } = await known(agent);
    expect(identity).toMatchObject({ rotation: null });
    expect(identity.fingerprint).not.toBe(former);
    expect((await known(by)).peers.map(({ fingerprint, next }) => [fingerprint, next])).toEqual([[identity.fingerprint, undefined]]);
  });
}

test("a rotation on either side needs no mirror; killed in the middle it goes on after the restart, and nobody is locked out", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  let written = 0;
  const write = (): void => writeFileSync(join(pair.sourceDir, `file${++written}`), `content ${written}`);
  const goesOn = async (): Promise<void> => {
    write();
    await pair.expectEqual();
  };
  write();
  await pair.connect();
  await pair.expectEqual();
  const { mirror } = await pair.report();

  for (const [side, other] of [
    [pair.source, pair.target],
    [pair.target, pair.source],
  ] as const) {
    const rotated = await side.json<KeyRotated>(["peer", "rotate"]);
    write();
    await expectRotated(side, other, rotated.former);
    await goesOn();
  }
  expect((await pair.report()).mirror).toMatchObject({ id: mirror.id, status: mirror.status });

  // When every peer refuses the old key, and the new one has not its name yet.
  const { identity: first } = await known(pair.source);
  await pair.source.stop();
  pair.source = await pair.source.restart({ failpoint: "identity.rotate.midSwap" });
  expect(await pair.source.cli(["peer", "rotate"])).toMatchObject({ code: 3 });
  await pair.restartSource();
  await expectRotated(pair.source, pair.target, first.fingerprint);
  await goesOn();

  // The other side, while its peer is away; it is killed before that is back.
  const { identity: second } = await known(pair.target);
  await pair.source.kill9();
  const rotated = await pair.target.json<KeyRotated>(["peer", "rotate"]);
  const [waiting] = rotated.rotation?.waiting ?? [];
  expect(rotated).toMatchObject({ former: second.fingerprint, pairAnew: [] });
  const { agent } = await pair.target.status();
  expect(agent.reasons).toContainEqual(expect.objectContaining({ code: "KEY_ROTATION", object: waiting?.name }));
  await pair.target.kill9();
  await pair.restartTarget();
  await pair.restartSource();
  await expectRotated(pair.target, pair.source, second.fingerprint);
  await goesOn();
  const { entries } = await pair.target.json<{ readonly entries: readonly AuditEntry[] }>(["audit"]);
  expect(entries.filter(({ command }) => command === "peer.rotate")).toMatchObject([{ result: "ok" }, { result: "ok", input: { force: false } }]);
});
