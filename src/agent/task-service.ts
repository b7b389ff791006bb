// What persons say about the tasks of connections: heard here, carried out by the connection.

import type { SourceConnection } from "../connection/source-connection.js";
import type { TaskControl, TaskReport, TaskWish } from "../model/task.js";
import type { StatusBoard } from "./status-board.js";

export interface TaskServiceOptions {
  /** Throws NOT_FOUND. */
  readonly connection: (id: number) => SourceConnection;
  readonly connections: () => readonly SourceConnection[];
  readonly board: StatusBoard;
}

export class TaskService implements TaskControl {
  readonly #options: TaskServiceOptions;

  constructor(options: TaskServiceOptions) {
    this.#options = options;
  }

  queue(connectionId: number, wish: TaskWish): Promise<TaskReport> {
    return this.#options.connection(connectionId).tasks.queue(wish);
  }

  async list(connectionId?: number): Promise<readonly TaskReport[]> {
    const { connection, connections } = this.#options;
    const chosen = connectionId === undefined ? connections() : [connection(connectionId)];
    return chosen.flatMap(({ tasks }) => tasks.reports());
  }

  async show(connectionId: number, number: number): Promise<TaskReport> {
    return this.#options.connection(connectionId).tasks.report(number);
  }

  async wait(connectionId: number, number: number, timeoutMs: number): Promise<TaskReport> {
    const { connection, board } = this.#options;
    const { tasks } = connection(connectionId);
    tasks.report(number);
    await board.until(() => tasks.report(number).state === "ended", timeoutMs);
    return tasks.report(number);
  }
}
