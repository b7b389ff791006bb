// SQLite with a write-ahead log: a bank whose money neither grows nor shrinks.

import { fileURLToPath } from "node:url";
import { PYTHON } from "../python.js";
import { ClientLoad, Daemon } from "./daemon.js";
import type { Database, DatabaseKind, Heartbeats, Load } from "./database.js";
import type { DatabasePlace } from "./place.js";
import { program } from "./programs.js";

const CLIENTS = 2;
const ACCOUNTS = 20_000;
const START_BALANCE = 1000;
const FILE = "bank.db";
const WRITER = fileURLToPath(new URL("sqlite-writer.py", import.meta.url));

const SCHEMA = `PRAGMA journal_mode = WAL;
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, filler TEXT NOT NULL);
CREATE TABLE transfer (id INTEGER PRIMARY KEY, giver INTEGER NOT NULL, taker INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE INDEX transfer_giver ON transfer (giver);
CREATE INDEX transfer_taker ON transfer (taker);
CREATE TABLE heartbeat (client INTEGER, n INTEGER, at INTEGER NOT NULL, PRIMARY KEY (client, n)) WITHOUT ROWID;
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${ACCOUNTS})
INSERT INTO account SELECT n, ${START_BALANCE}, hex(zeroblob(100)) FROM number;
`;

/** Each selects a sentence per violation. */
const INVARIANTS = [
  "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
  `SELECT 'the accounts hold ' || sum(balance) || ' instead of ${ACCOUNTS * START_BALANCE}' FROM account HAVING sum(balance) <> ${ACCOUNTS * START_BALANCE}`,
  `SELECT 'account ' || id || ' differs from its transfers' FROM account WHERE balance <> ${START_BALANCE}
    + (SELECT coalesce(sum(amount), 0) FROM transfer WHERE taker = account.id)
    - (SELECT coalesce(sum(amount), 0) FROM transfer WHERE giver = account.id) LIMIT 5`,
  `SELECT t || ' transfers, ' || h || ' heartbeats' FROM (SELECT count(*) t FROM transfer), (SELECT count(*) h FROM heartbeat) WHERE t <> h`,
  `SELECT 'client ' || client || ': ' || count(*) || ' heartbeats up to number ' || max(n) FROM heartbeat GROUP BY client HAVING count(*) <> max(n)`,
];

class SqliteFile implements Database {
  readonly description: string;
  readonly #place: DatabasePlace;

  constructor(place: DatabasePlace, version: string) {
    this.#place = place;
    this.description = `SQLite ${version} (WAL)`;
  }

  startLoad(): Load {
    const start = (id: number): Daemon => new Daemon(this.#place, [PYTHON, "-E", "-s", "-S", "-u", WRITER, this.#place.path(FILE), `${id}`, `${ACCOUNTS}`]);
    return new ClientLoad(Array.from({ length: CLIENTS }, (_, index) => start(index + 1)));
  }

  async heartbeats(untilMs: number): Promise<Heartbeats> {
    const [commits, newestMs] = (await query(this.#place, `SELECT count(*), coalesce(max(at), 0) FROM heartbeat WHERE at <= ${untilMs}`)).split("|");
    return { commits: Number(commits), newestMs: Number(newestMs) };
  }

  async findings(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const invariant of INVARIANTS) {
      const violations = await query(this.#place, invariant).catch((error: Error) => error.message);
      if (violations !== "") found.push(violations);
    }
    return found;
  }

  async stop(): Promise<void> {
    await query(this.#place, "PRAGMA wal_checkpoint(TRUNCATE)");
  }
}

async function query(place: DatabasePlace, sql: string): Promise<string> {
  return (
    await place.must([program("sqlite3"), "-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 60000", place.path(FILE)], { input: sql })
  ).trimEnd();
}

export const SQLITE: DatabaseKind = {
  name: "SQLite",
  user: "nobody",
  programs: { sqlite3: "sqlite3", python3: "python3" },
  holdsRows: (path) => path === FILE,
  async create(place) {
    place.makeDataDir();
    await query(place, SCHEMA);
  },
  async open(place) {
    // The first to look at the file recovers it from its log.
    await query(place, "SELECT count(*) FROM heartbeat");
    const version = (await place.must([program("sqlite3"), "--version"])).split(" ")[0] ?? "";
    return new SqliteFile(place, version);
  },
  findingsWhenStopped: () => Promise.resolve([]),
};
