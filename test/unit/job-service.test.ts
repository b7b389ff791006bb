// Jobs of connections whose source begins anew, or which are not there for a moment: each ends in a clear state, and nothing else does.

import { expect, test } from "vitest";
import { JobService, type JobServiceOptions } from "../../src/agent/job-service.js";
import { StatusBoard } from "../../src/agent/status-board.js";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import type { Config } from "../../src/config/config.js";
import type { SourceConnection } from "../../src/connection/source-connection.js";
import type { SourceCommand, SourceEvent } from "../../src/model/source-messages.js";
import { DEFAULT_TRANSMISSION } from "../../src/model/transmission.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const VERIFY = { content: "times", repair: "no", orphans: null } as const;

function opened() {
  const directory = makeTempDirectory();
  const sent: SourceCommand[] = [];
  const connection = {
    id: 3,
    state: { kind: "streaming" },
    channel: {},
    guard: { isHeld: false, isRejected: false },
    mirror: { isRunning: false },
    record: { id: 3, repset: "set", peer: "B", mappings: [], mirrorNeed: null, options: { replicate: true } },
    transmission: { settings: DEFAULT_TRANSMISSION, isLinkWanted: true, targetPause: "no", targetPauseSince: "", heldSince: "" },
    retrying: null,
    stall: { reason: null },
    options: { feed: { send: (command: SourceCommand) => sent.push(command) } },
  } as unknown as SourceConnection;
  let isThere = true;
  const options: JobServiceOptions = {
    config: {
      ...{ stateDir: directory, logDir: directory, server: { name: "A" } },
      verify: { name: "verify.log", append: false, bytesMax: 1e6 },
    } as unknown as Config,
    connection: (id) => {
      if (!isThere) throw new SmError("NOT_FOUND", `there is no connection ${id}`);
      return connection;
    },
    board: new StatusBoard(),
    log: silentLog,
  };
  const away = (): void => {
    isThere = false;
  };
  return { jobs: new JobService(options), connection, sent, away };
}

test.each<[SourceEvent, string]>([
  [{ kind: "state", state: "Arming", files: 0, bytes: 0 }, "the source began anew"],
  [{ kind: "halt", error: { code: "ROOT_MISSING", message: "/data is not there" } }, "the source is halted: /data is not there"],
])("a job ends with its worker, and the order to the next one is taken back: %j", async (event, message) => {
  const { jobs, sent } = opened();
  const { id } = await jobs.startVerify(3, VERIFY);
  jobs.takeEvent(3, { kind: "halt", error: null });
  jobs.takeEvent(3, event);
  expect(await jobs.show(id)).toMatchObject({ status: "Failed", message });
  expect(sent.map(({ kind }) => kind)).toEqual(["verify", "stopVerify"]);
});

test("a connection that is being taken up anew does not end the agent", async () => {
  const { jobs, connection, away } = opened();
  const { id } = await jobs.startVerify(3, VERIFY);
  jobs.tick([connection]);
  away();
  jobs.tick([]);
  expect(await jobs.show(id)).toMatchObject({ status: "Running", message: null });
});
