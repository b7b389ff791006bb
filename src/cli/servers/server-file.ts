// The file with the servers of this account, tokens included. Invariants: nobody else can read or change it, or it is refused;
// it is replaced as a whole, durably; of two commands that change it at once, the second builds on what the first wrote.

import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { parseToken } from "../../base/access-token.js";
import { SmError, toSmError } from "../../base/errors.js";
import { MiB } from "../../base/units.js";
import { delay } from "../../base/wait.js";
import { parsePeerAddress } from "../parse/peer-address.js";
import { addressText, isSameName, parseServerName, type ServerEntry } from "./server-entry.js";

export interface StoredServers {
  readonly servers: readonly ServerEntry[];
  /** The one that commands ask without --server; null = the agent of this machine. */
  readonly defaultName: string | null;
}

const VERSION = 1;
const FILE_BYTES_MAX = MiB;
const SERVERS_MAX = 1000;
const LOCK_TRIES = 100;
const LOCK_WAIT_MS = 50;
const NONE: StoredServers = { servers: [], defaultName: null };

export class ServerFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** None where there is no file. Throws SERVERS_UNSAFE, SERVERS_INVALID. */
  read(): StoredServers {
    const fd = this.#open();
    if (fd === undefined) return NONE;
    try {
      refuseOthers(dirname(this.path), statSync(dirname(this.path)));
      const found = fstatSync(fd);
      refuseOthers(this.path, found);
      if (!found.isFile() || found.size > FILE_BYTES_MAX) throw invalid(this.path, `is no file of at most ${FILE_BYTES_MAX} bytes`);
      return parseServers(this.path, readFileSync(fd, "utf8"));
    } finally {
      closeSync(fd);
    }
  }

  /** The new file beside the old one is the lock: whoever makes it changes what is there then. */
  async update(change: (stored: StoredServers) => StoredServers): Promise<void> {
    try {
      await this.#replace(change);
    } catch (error) {
      throw toSmError(error, "SERVERS_INVALID", "the servers cannot be stored");
    }
  }

  async #replace(change: (stored: StoredServers) => StoredServers): Promise<void> {
    const directory = dirname(this.path);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    refuseOthers(directory, statSync(directory));
    const aside = `${this.path}.new`;
    const fd = await lock(aside);
    try {
      try {
        fchmodSync(fd, 0o600);
        // All of it, or an error: a full disk takes a part.
        writeFileSync(fd, formatServers(change(this.read())));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(aside, this.path);
    } catch (error) {
      unlinkSync(aside);
      throw error;
    }
    syncDirectory(directory);
  }

  #open(): number | undefined {
    try {
      return openSync(this.path, "r");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      // Where this account may not even look, it has stored nothing; what it sees and may not read is refused.
      if (code === "EACCES" && !isSeen(this.path)) return undefined;
      throw toSmError(error, "SERVERS_UNSAFE", "the servers cannot be read");
    }
  }
}

function isSeen(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function lock(path: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return openSync(path, "wx", 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (tries === LOCK_TRIES) {
        throw new SmError("SERVERS_INVALID", `another command is changing the servers, or ended while it did: if none runs, remove ${path}`, { cause: error });
      }
    }
    await delay(LOCK_WAIT_MS);
  }
}

function refuseOthers(path: string, { mode, uid }: Stats): void {
  const account = process.geteuid?.() ?? uid;
  if (uid !== account) {
    throw new SmError("SERVERS_UNSAFE", `${path} belongs to the account with the number ${uid}, not to this one (${account}): chown ${account} ${path}`);
  }
  if ((mode & 0o077) === 0) return;
  const wanted = (mode & 0o170000) === 0o040000 ? "700" : "600";
  throw new SmError("SERVERS_UNSAFE", `${path} has mode ${(mode & 0o7777).toString(8)}, so other accounts may use it: chmod ${wanted} ${path}`, {
    data: { path, chmod: wanted },
  });
}

function formatServers({ servers, defaultName }: StoredServers): string {
  if (servers.length > SERVERS_MAX) throw new SmError("USAGE", `${SERVERS_MAX} servers are stored, the most there may be: remove one`);
  const entries = servers.map(({ name, address, fingerprint, token }) => ({ name, address: addressText(address), fingerprint, token }));
  return `${JSON.stringify({ version: VERSION, default: defaultName, servers: entries }, null, 2)}\n`;
}

function invalid(path: string, what: string, cause?: unknown): SmError {
  return new SmError("SERVERS_INVALID", `${path} ${what}`, { cause, data: { path } });
}

/** Whole or refused: a server that is skipped would be one that is asked no more, or not the one that is meant. */
function parseServers(path: string, text: string): StoredServers {
  let file: { readonly version?: unknown; readonly default?: unknown; readonly servers?: unknown } | null;
  try {
    file = JSON.parse(text);
  } catch (error) {
    // What stands there may be a token: the text of the parser's error is not shown.
    throw invalid(path, "is no JSON", error);
  }
  if (typeof file !== "object" || file === null || file.version !== VERSION || !Array.isArray(file.servers)) {
    throw invalid(path, `is no list of servers of version ${VERSION}`);
  }
  const servers = file.servers.map((entry: unknown, at) => parseEntry(path, entry, at));
  const twice = servers.find(({ name }, at) => servers.some((other, place) => place > at && isSameName(other.name, name)));
  if (twice !== undefined) throw invalid(path, `has two servers ${twice.name}`);
  const defaultName = file.default ?? null;
  if (defaultName !== null && !servers.some(({ name }) => name === defaultName)) throw invalid(path, "has a default that is none of its servers");
  return { servers, defaultName: defaultName as string | null };
}

function parseEntry(path: string, entry: unknown, at: number): ServerEntry {
  const { name, address, fingerprint, token } = (entry ?? {}) as Record<string, unknown>;
  const wrong = (field: string, cause?: unknown): SmError => invalid(path, `has a wrong ${field} in its server ${at + 1}`, cause);
  if (typeof name !== "string" || typeof address !== "string") throw wrong("name or address");
  if (typeof fingerprint !== "string" || !/^[0-9a-f]{64}$/.test(fingerprint)) throw wrong("fingerprint");
  if (typeof token !== "string" || parseToken(token) === undefined) throw wrong("token");
  try {
    return { name: parseServerName(name), address: parsePeerAddress("address", address), fingerprint, token };
  } catch (error) {
    throw wrong("name or address", error);
  }
}
