// A Unix socket in the file system as a door for one role.
// Invariants: nobody ever sees the socket with wider rights than its final ones (it is bound in a private directory and
// moved into place); a socket on which something answers is never taken away.

import type { Stats } from "node:fs";
import { chmod, chown, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";

/** sun_path of unix(7) without its closing NUL. Longer paths are cut by the kernel interface, silently. */
export const SOCKET_PATH_BYTES_MAX = 107;
const PROBE_MS = 2_000;

export interface BoundSocket {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

export interface BindOptions {
  readonly path: string;
  /** The group of the role, when the system has it. */
  readonly groupId: number | undefined;
  readonly log: Log;
}

/** Listens with `server` on `path`. A stale socket there is replaced; a live one is AGENT_RUNNING. */
export async function bindUnixSocket(server: Server, options: BindOptions): Promise<BoundSocket> {
  const { path } = options;
  checkLength(path);
  await removeStale(path);
  const privateDirectory = await mkdtemp(join(dirname(path), ".s"));
  // No longer than the final path, so that the limit is the one that is named.
  const privatePath = join(privateDirectory, "s");
  try {
    await listen(server, privatePath);
    await restrict(privatePath, options);
    const { dev, ino } = await lstat(privatePath);
    await rename(privatePath, path);
    return { path, dev, ino };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(privateDirectory, { recursive: true, force: true });
  }
}

/** Removes the socket file, unless another server has put its own there since. */
export async function removeBoundSocket(socket: BoundSocket): Promise<void> {
  const stats = await statOrUndefined(socket.path);
  if (stats !== undefined && stats.dev === socket.dev && stats.ino === socket.ino) await unlink(socket.path);
}

function checkLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return;
  throw new SmError("CONFIG_INVALID", `runtime directory: the socket path ${path} has ${bytes} bytes, the system takes ${SOCKET_PATH_BYTES_MAX}`);
}

async function removeStale(path: string): Promise<void> {
  const stats = await statOrUndefined(path);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new SmError("CONFIG_INVALID", `runtime directory: ${path} exists and is not a socket`);
  if (await answers(path)) throw new SmError("AGENT_RUNNING", `another agent answers on ${path}`, { data: { path } });
  await unlink(path);
}

async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Only a refused connection proves that nobody listens: a full backlog or a denied access is somebody. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (live: boolean): void => {
      socket.destroy();
      resolve(live);
    };
    socket.setTimeout(PROBE_MS, () => finish(true));
    socket.once("connect", () => finish(true));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(new SmError("LISTEN_FAILED", `cannot listen on ${path}: ${error.message}`, { cause: error }));
    server.once("error", onError);
    server.listen(path, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/**
 * 0660 for the group of the role. Without that group only the owner may connect, except for root, whose own group is
 * as trusted as root: an ordinary account's primary group may hold everybody.
 */
async function restrict(path: string, options: BindOptions): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  if (options.groupId === undefined) return chmod(path, isRoot ? 0o660 : 0o600);
  try {
    await chown(path, -1, options.groupId);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    options.log.warn("the socket is for the agent's own account only: the account is no member of the role's group", {
      path: options.path,
      groupId: options.groupId,
    });
    return chmod(path, 0o600);
  }
  await chmod(path, 0o660);
}
