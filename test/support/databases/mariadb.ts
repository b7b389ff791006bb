// MariaDB (InnoDB, direct writes, native asynchronous I/O): accounts, branches and orders with foreign keys.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ClientLoad, Daemon } from "./daemon.js";
import type { Database, DatabaseKind, Heartbeats, Load } from "./database.js";
import type { DatabasePlace } from "./place.js";
import { program } from "./programs.js";

const CLIENTS = 4;
const BRANCHES = 10;
const ACCOUNTS = 60_000;
const RECOVERY_TIMEOUT_MS = 300_000;
const TABLES = ["branch", "account", "purchase", "purchase_line", "heartbeat"];

/** All pages of ibdata1 but the buffer of double writes, whose pages innochecksum takes for damaged ones. */
const SYSTEM_PAGES = [["--end-page=63"], ["--start-page=192"]];

/** A small pool, a small log, no rest for dirty pages: pages are written all the time. */
const SETTINGS = [
  "--skip-networking",
  "--innodb-flush-method=O_DIRECT",
  "--innodb-use-native-aio=1",
  "--innodb-buffer-pool-size=24M",
  "--innodb-log-file-size=24M",
  "--innodb-max-dirty-pages-pct=1",
  "--innodb-flush-log-at-trx-commit=1",
  "--transaction-isolation=READ-COMMITTED",
];

const SCHEMA = `CREATE DATABASE bank; USE bank;
CREATE TABLE branch (id INT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE=InnoDB;
CREATE TABLE account (id INT PRIMARY KEY, branch INT NOT NULL, balance BIGINT NOT NULL, filler CHAR(200) NOT NULL,
  FOREIGN KEY (branch) REFERENCES branch (id)) ENGINE=InnoDB;
CREATE TABLE purchase (id BIGINT AUTO_INCREMENT PRIMARY KEY, account INT NOT NULL, total BIGINT NOT NULL,
  FOREIGN KEY (account) REFERENCES account (id)) ENGINE=InnoDB;
CREATE TABLE purchase_line (purchase BIGINT, line INT, amount BIGINT NOT NULL, filler CHAR(100) NOT NULL, PRIMARY KEY (purchase, line),
  FOREIGN KEY (purchase) REFERENCES purchase (id)) ENGINE=InnoDB;
CREATE TABLE heartbeat (client INT, n BIGINT, at BIGINT NOT NULL, PRIMARY KEY (client, n)) ENGINE=InnoDB;
INSERT INTO branch SELECT seq, 0 FROM seq_1_to_${BRANCHES};
INSERT INTO account SELECT seq, 1 + seq MOD ${BRANCHES}, 0, REPEAT(CHAR(97 + seq MOD 26), 200) FROM seq_1_to_${ACCOUNTS};
DELIMITER //
CREATE PROCEDURE buy(IN client_id INT)
BEGIN
  DECLARE buyer INT DEFAULT 1 + FLOOR(RAND() * ${ACCOUNTS});
  DECLARE price INT DEFAULT 1 + FLOOR(RAND() * 1000);
  DECLARE id BIGINT;
  -- A deadlock with another client: the next call tries another account.
  DECLARE EXIT HANDLER FOR 1213 ROLLBACK;
  START TRANSACTION;
  UPDATE account SET balance = balance + 3 * price WHERE account.id = buyer;
  INSERT INTO purchase (account, total) VALUES (buyer, 3 * price);
  SET id = LAST_INSERT_ID();
  INSERT INTO purchase_line VALUES (id, 1, price, REPEAT('x', 100)), (id, 2, price, REPEAT('y', 100)), (id, 3, price, REPEAT('z', 100));
  UPDATE branch SET balance = balance + 3 * price WHERE branch.id = 1 + buyer MOD ${BRANCHES};
  INSERT INTO heartbeat SELECT client_id, COALESCE(MAX(n), 0) + 1, ROUND(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) FROM heartbeat WHERE client = client_id;
  COMMIT;
END //
DELIMITER ;
`;

/** Each selects a sentence per violation. */
const INVARIANTS = [
  `SELECT CONCAT('sums differ: accounts ', a, ', branches ', b, ', purchases ', p, ', lines ', l) FROM
    (SELECT SUM(balance) a FROM account) w, (SELECT SUM(balance) b FROM branch) x,
    (SELECT COALESCE(SUM(total), 0) p FROM purchase) y, (SELECT COALESCE(SUM(amount), 0) l FROM purchase_line) z
    WHERE NOT (a = b AND b = p AND p = l)`,
  `SELECT CONCAT(n, ' accounts instead of ${ACCOUNTS}') FROM (SELECT COUNT(*) n FROM account) x WHERE n <> ${ACCOUNTS}`,
  `SELECT CONCAT('branch ', branch.id, ' is not the sum of its accounts') FROM branch JOIN account ON account.branch = branch.id
    GROUP BY branch.id, branch.balance HAVING SUM(account.balance) <> branch.balance`,
  `SELECT CONCAT('purchase ', purchase.id, ' has lines of another sum') FROM purchase LEFT JOIN purchase_line ON purchase = purchase.id
    GROUP BY purchase.id, total HAVING COALESCE(SUM(amount), 0) <> total LIMIT 5`,
  `SELECT CONCAT('line without purchase ', purchase) FROM purchase_line LEFT JOIN purchase ON purchase.id = purchase WHERE purchase.id IS NULL LIMIT 5`,
  `SELECT CONCAT(p, ' purchases, ', h, ' heartbeats') FROM (SELECT COUNT(*) p FROM purchase) x, (SELECT COUNT(*) h FROM heartbeat) y WHERE p <> h`,
  `SELECT CONCAT('client ', client, ': ', COUNT(*), ' heartbeats up to number ', MAX(n)) FROM heartbeat GROUP BY client HAVING COUNT(*) <> MAX(n)`,
];

class MariadbServer implements Database {
  description = "MariaDB";
  readonly #place: DatabasePlace;
  readonly #daemon: Daemon;

  constructor(place: DatabasePlace) {
    this.#place = place;
    const paths = [`--datadir=${place.dataDir}`, `--socket=${join(place.runDir, "socket")}`, `--pid-file=${join(place.runDir, "pid")}`];
    this.#daemon = new Daemon(place, [program("mariadbd"), "--no-defaults", ...paths, `--tmpdir=${place.runDir}`, ...SETTINGS]);
  }

  async ready(): Promise<void> {
    await this.#daemon.ready(() => this.query("SELECT 1"), RECOVERY_TIMEOUT_MS);
    const version = (await this.query("SELECT VERSION()")).split("-")[0];
    const native = /InnoDB: Using (io_uring|liburing|libaio|Linux native AIO)/.exec(this.#daemon.output)?.[1] ?? "no native AIO";
    this.description = `MariaDB ${version} (O_DIRECT, ${native})`;
  }

  get #client(): readonly string[] {
    return [program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", `--socket=${join(this.#place.runDir, "socket")}`, "--user=root"];
  }

  async query(sql: string): Promise<string> {
    return (await this.#place.must(this.#client, { input: sql })).trimEnd();
  }

  startLoad(): Load {
    const client = [...this.#client, "bank"].join(" ");
    const start = (id: number): Daemon => new Daemon(this.#place, ["/bin/sh", "-c", `yes 'CALL buy(${id});' | ${client}`]);
    return new ClientLoad(Array.from({ length: CLIENTS }, (_, index) => start(index + 1)));
  }

  async heartbeats(untilMs: number): Promise<Heartbeats> {
    const [commits, newestMs] = (await this.query(`SELECT COUNT(*), COALESCE(MAX(at), 0) FROM bank.heartbeat WHERE at <= ${untilMs}`)).split("\t");
    return { commits: Number(commits), newestMs: Number(newestMs) };
  }

  async findings(): Promise<readonly string[]> {
    const checked = await this.query(`USE bank; CHECK TABLE ${TABLES.join(", ")} EXTENDED`).catch((error: Error) => error.message);
    const found = checked.split("\n").filter((line) => !line.endsWith("\tstatus\tOK"));
    for (const invariant of INVARIANTS) {
      const violations = await this.query(`USE bank; ${invariant}`).catch((error: Error) => error.message);
      if (violations !== "") found.push(violations);
    }
    const errors = this.#daemon.output.split("\n").filter((line) => line.includes("[ERROR]"));
    if (errors.length > 0) found.push(`${errors.length} errors in the log, first: ${errors[0]}`);
    return found;
  }

  stop(): Promise<void> {
    return this.#daemon.stop("SIGTERM");
  }
}

async function open(place: DatabasePlace): Promise<MariadbServer> {
  const server = new MariadbServer(place);
  await server.ready();
  return server;
}

export const MARIADB: DatabaseKind = {
  name: "MariaDB",
  user: "mysql",
  programs: { mariadbd: "mariadb-server", "mariadb-install-db": "mariadb-server", mariadb: "mariadb-client", innochecksum: "mariadb-server" },
  holdsRows: (path) => path.startsWith("bank/") && path.endsWith(".ibd"),
  async create(place) {
    place.makeDataDir();
    const flags = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin", ...SETTINGS.filter((s) => s.startsWith("--innodb"))];
    await place.must([program("mariadb-install-db"), "--no-defaults", `--datadir=${place.dataDir}`, `--tmpdir=${place.runDir}`, ...flags]);
    const server = await open(place);
    await server.query(SCHEMA);
    await server.stop();
  },
  open,
  async findingsWhenStopped(place) {
    const spaces = readdirSync(place.dataDir, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ibd"));
    const checks = [...SYSTEM_PAGES.map((pages) => [...pages, place.path("ibdata1")]), ...spaces.map((space) => [place.path(space)])];
    const found: string[] = [];
    for (const check of checks) {
      const { code, stdout, stderr } = await place.run([program("innochecksum"), ...check]);
      if (code !== 0) found.push(`innochecksum ${check.join(" ")}: ${stdout}${stderr}`.trim());
    }
    return found;
  },
};
