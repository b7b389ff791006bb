// PostgreSQL under pgbench: the four sums of its bank, and heartbeats without a gap.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClientLoad, Daemon } from "./daemon.js";
import type { Database, DatabaseKind, Heartbeats, Load } from "./database.js";
import type { DatabasePlace } from "./place.js";
import { program } from "./programs.js";

const SCALE = 10;
const CLIENTS = 4;
const RECOVERY_TIMEOUT_MS = 300_000;
const LOAD_SECONDS = 86_400;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "",
  shared_buffers: "64MB",
  max_wal_size: "128MB",
  min_wal_size: "32MB",
  autovacuum_naptime: "5s",
};

/** After a checkpoint, recovery needs the pages that it has written: a copy that has the checkpoint and not the pages is none. */
const CHECKPOINTS = "CHECKPOINT\n\\watch 2\n";

const HEARTBEAT = "CREATE TABLE heartbeat (client int, n bigint, at timestamptz NOT NULL, PRIMARY KEY (client, n))";

/** The transaction of pgbench, with a heartbeat. */
const TRANSACTION = `\\set aid random(1, ${100_000 * SCALE})
\\set bid random(1, ${SCALE})
\\set tid random(1, ${10 * SCALE})
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO heartbeat SELECT :client_id, COALESCE((SELECT max(n) FROM heartbeat WHERE client = :client_id), 0) + 1, clock_timestamp();
END;
`;

/** Each selects a sentence per violation. */
const INVARIANTS = [
  `SELECT format('sums differ: accounts %s, tellers %s, branches %s, history %s', a, t, b, h) FROM
    (SELECT sum(abalance) a FROM pgbench_accounts) x, (SELECT sum(tbalance) t FROM pgbench_tellers) y,
    (SELECT sum(bbalance) b FROM pgbench_branches) z, (SELECT coalesce(sum(delta), 0) h FROM pgbench_history) w
    WHERE NOT (a = t AND t = b AND b = h)`,
  `SELECT format('%s accounts instead of ${100_000 * SCALE}', n) FROM (SELECT count(*) n FROM pgbench_accounts) x WHERE n <> ${100_000 * SCALE}`,
  `SELECT format('%s history rows, %s heartbeats', h, b) FROM
    (SELECT count(*) h FROM pgbench_history) x, (SELECT count(*) b FROM heartbeat) y WHERE h <> b`,
  `SELECT format('client %s: %s heartbeats up to number %s', client, count(*), max(n)) FROM heartbeat GROUP BY client HAVING count(*) <> max(n)`,
];

class PostgresqlServer implements Database {
  description = "PostgreSQL";
  readonly #place: DatabasePlace;
  readonly #daemon: Daemon;

  constructor(place: DatabasePlace) {
    this.#place = place;
    // Written by the server of the source: on a machine of its own no such process would be found.
    rmSync(place.path("postmaster.pid"), { force: true });
    const settings = Object.entries({ ...SETTINGS, unix_socket_directories: place.runDir }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#daemon = new Daemon(place, [program("postgres"), "-D", place.dataDir, ...settings], { killSignal: "SIGQUIT" });
  }

  async ready(): Promise<void> {
    await this.#daemon.ready(() => this.query("SELECT 1"), RECOVERY_TIMEOUT_MS);
    this.description = `PostgreSQL ${(await this.query("SHOW server_version")).split(" ")[0]}`;
  }

  async query(sql: string): Promise<string> {
    const text = await this.#place.must([program("psql"), "-X", "-A", "-t", "-h", this.#place.runDir, "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres"]);
    return text.trimEnd();
  }

  async fill(): Promise<void> {
    await this.#place.must([program("pgbench"), "-h", this.#place.runDir, "-i", "-q", "-s", `${SCALE}`, "postgres"]);
    await this.query(HEARTBEAT);
    await this.query("CREATE EXTENSION amcheck");
  }

  startLoad(): Load {
    const [transaction, checkpoints] = ["transaction.sql", "checkpoints.sql"].map((name) => join(this.#place.runDir, name)) as [string, string];
    writeFileSync(transaction, TRANSACTION);
    writeFileSync(checkpoints, CHECKPOINTS);
    const server = ["-h", this.#place.runDir, "postgres"];
    const bench = [program("pgbench"), "-n", "-c", `${CLIENTS}`, "-j", "1", "-T", `${LOAD_SECONDS}`, "-f", transaction, ...server];
    return new ClientLoad([bench, [program("psql"), "-X", "-f", checkpoints, ...server]].map((command) => new Daemon(this.#place, command)));
  }

  async heartbeats(untilMs: number): Promise<Heartbeats> {
    const ms = "(extract(epoch FROM at) * 1000)::bigint";
    const [commits, newestMs] = (await this.query(`SELECT count(*), coalesce(max(${ms}), 0) FROM heartbeat WHERE ${ms} <= ${untilMs}`)).split("|");
    return { commits: Number(commits), newestMs: Number(newestMs) };
  }

  async findings(): Promise<readonly string[]> {
    const found: string[] = [];
    const check = ["--all", "--install-missing", "--heapallindexed", "--parent-check", "--rootdescend"];
    const { code, stdout, stderr } = await this.#place.run([program("pg_amcheck"), "-h", this.#place.runDir, "--maintenance-db=postgres", ...check]);
    if (code !== 0) found.push(`pg_amcheck: ${`${stdout}${stderr}`.replaceAll(/^NOTICE: .*$/gm, "").trim()}`);
    for (const invariant of INVARIANTS) {
      const violations = await this.query(invariant).catch((error: Error) => error.message);
      if (violations !== "") found.push(violations);
    }
    return found;
  }

  stop(): Promise<void> {
    return this.#daemon.stop("SIGINT");
  }
}

async function open(place: DatabasePlace): Promise<PostgresqlServer> {
  const server = new PostgresqlServer(place);
  await server.ready();
  return server;
}

export const POSTGRESQL: DatabaseKind = {
  name: "PostgreSQL",
  user: "postgres",
  programs: { postgres: "postgresql", initdb: "postgresql", psql: "postgresql", pg_amcheck: "postgresql", pgbench: "postgresql-contrib" },
  holdsRows: (path) => path.startsWith("base/"),
  async create(place) {
    place.makeDataDir();
    await place.must([program("initdb"), "-D", place.dataDir, "-A", "trust", "--data-checksums", "-E", "UTF8", "--no-locale"]);
    const server = await open(place);
    await server.fill();
    await server.stop();
  },
  open,
  async findingsWhenStopped(place) {
    const { code, stdout, stderr } = await place.run([program("pg_checksums"), "--check", "-D", place.dataDir]);
    return code === 0 ? [] : [`pg_checksums: ${stdout}${stderr}`];
  },
};
