// Tasks on their source while the state directory cannot be written: nothing is begun that is not on record, and nothing else ends.

import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { TaskDuty, type TaskedConnection } from "../../src/connection/task-duty.js";
import { NO_TASK_FILE, type TaskFile } from "../../src/connection/task-record.js";
import type { TaskWish } from "../../src/model/task.js";

const program = { path: "/opt/tasks/a", args: [] };
const WISH: TaskWish = { name: "freeze", onQueue: program, onTransmit: null, onReceive: null, onExecute: program, timeoutMs: 1000 };

function open() {
  const disk = { isFull: false, file: NO_TASK_FILE as TaskFile };
  const errors: string[] = [];
  const log = { ...silentLog, error: (message: string) => void errors.push(message) };
  const ran: string[] = [];
  const connection = {
    id: 1,
    record: { options: { replicate: true }, epoch: "e", repset: "data", peer: "b", mappings: [] },
    channel: { tasks: "on" },
    claim: { fromSeq: 1, why: "" },
    appliedSeq: 0,
    sentSeq: 0,
    options: { feed: { insert: async () => 7 }, log, onChange: () => undefined },
  } as unknown as TaskedConnection;
  const tasks = new TaskDuty(connection, {
    file: disk.file,
    save: (file) => {
      if (disk.isFull) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      disk.file = file;
    },
    run: async ({ phase }) => {
      ran.push(phase);
      return { phase, outcome: "exited", exitCode: 0, signal: null, output: "", why: "", ms: 1 };
    },
    refusal: () => null,
  });
  const placed = (number: number) =>
    tasks.noteSet({ kind: "set", connectionId: 1, seq: 7, task: { number, deed: "run" } } as Parameters<TaskDuty["noteSet"]>[0]);
  return { disk, errors, ran, tasks, placed };
}

test("a task that cannot be put on record is refused, and is not there", async () => {
  const { disk, tasks } = open();
  disk.isFull = true;
  await expect(tasks.queue(WISH)).rejects.toMatchObject({ code: "FS_IO" });
  expect(tasks.reports()).toEqual([]);
});

test("a program whose beginning cannot be put on record does not run; what is known is saved when that is possible again", async () => {
  const { disk, errors, ran, tasks, placed } = open();
  await tasks.queue(WISH);
  disk.isFull = true;
  placed(1);
  tasks.lose("the queue was full");
  await expect.poll(() => tasks.report(1).runs).toMatchObject([{ phase: "queue", outcome: "refused" }]);
  expect(ran).toEqual([]);
  expect(errors).toEqual([expect.stringContaining("no space")]);
  disk.isFull = false;
  tasks.look();
  expect(disk.file.tasks).toMatchObject([{ number: 1, seq: 7, isClosing: true, runs: [{ outcome: "refused" }] }]);
});
