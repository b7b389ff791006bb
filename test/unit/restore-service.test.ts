// What a person may start of restores, and what becomes of a connection when one fails in a way that nobody expected.

import { expect, test } from "vitest";
import { RestoreService, type RestoreServiceOptions } from "../../src/agent/restore-service.js";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { defer } from "../../src/base/wait.js";
import type { ConnectionRecord } from "../../src/connection/connection-record.js";
import type { JobReport } from "../../src/model/job.js";
import { NOTHING_RESTORED, type RestoreNews, type RestoreStart } from "../../src/model/restore.js";
import { eventually } from "../support/eventually.js";

const WISH: RestoreStart = { repset: "data", from: "B", to: null, options: { overwrite: "always", checksum: false, orphans: "keep", paths: null } };
const MAPPINGS = [{ source: "/data", target: "/copy" }];
const OFFER: RestoreNews = {
  ...{ status: "offered", percent: 0, message: null, counts: NOTHING_RESTORED, doubt: null },
  mappings: MAPPINGS.map(({ source, target }) => ({ source: target, target: source })),
};

/** One connection, whose target's first word is `offer`; nothing more is heard of it. */
function create(offer: RestoreNews | null) {
  const connection = {
    id: 3,
    record: { repset: "data", peer: "B", key: "ab".repeat(16), mappings: MAPPINGS, options: {}, mirrorNeed: null } as unknown as ConnectionRecord,
    state: { kind: "streaming" },
    channel: null,
    guard: { isHeld: false, isRejected: false },
    isSourceHalted: false,
    stopMirror: () => undefined,
    halt: () => undefined,
    keep: (part: Partial<ConnectionRecord>) => {
      connection.record = { ...connection.record, ...part };
    },
  };
  const kept: JobReport[] = [];
  let calls = 0;
  const openLink = async () => {
    calls += 1;
    if (calls > 1) throw new SmError("REFUSED", "no more");
    const ended = defer<SmError>();
    return {
      start: (take: (frame: object) => void) => offer !== null && setImmediate(() => take({ kind: "restoring", news: offer })),
      send: () => undefined,
      end: (reason: SmError) => ended.resolve(reason),
      ended: ended.promise,
      closed: Promise.resolve(),
    };
  };
  const service = new RestoreService({
    config: { server: { name: "A" } },
    source: { connections: [connection], connection: () => connection },
    target: {
      dismiss: async () => {
        throw new SmError("STATE_CORRUPT", "the disk is full");
      },
    },
    jobs: { hold: () => undefined, nextId: () => 1, keep: (job: JobReport) => kept.push(job) },
    dialer: { openLink, sayGoodbye: async () => undefined },
    findPeer: (name: string) => ({ name }),
    board: { until: async () => true },
    log: silentLog,
  } as unknown as RestoreServiceOptions);
  return { service, connection, kept };
}

test("a second restore is refused while the first one asks what there is", async () => {
  const { service } = create(null);
  void service.start(WISH).catch(() => undefined);
  await expect(service.start(WISH)).rejects.toMatchObject({ code: "JOB_CONFLICT" });
});

test("one that ends by a defect leaves the connection held, with the reason, and open to what a person decides", async () => {
  const { service, connection, kept } = create(OFFER);
  await service.start(WISH);
  await eventually(() => expect(kept.at(-1)).toMatchObject({ status: "Failed", message: "the disk is full" }));
  expect(connection.record.restore).toMatchObject({ state: "owed", message: "the restore failed: the disk is full" });
});
