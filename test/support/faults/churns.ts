// What goes on in the source's tree while a fault is made. Each works in a directory of its own.

import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { delay } from "../../../src/base/wait.js";
import { DatabasePlace } from "../databases/place.js";
import { POSTGRESQL } from "../databases/postgresql.js";
import { missingPackages } from "../databases/programs.js";
import { FsDriver } from "../fs-driver.js";
import { RandomOperations } from "../random-operations.js";
import { runCommand } from "../run-command.js";
import type { SeededRandom } from "../seeded-random.js";

export interface Churn {
  readonly name: string;
  /** A few seconds of it. Leaves no process behind, and no file open. */
  run(): Promise<void>;
}

async function must(command: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await runCommand(command, { cwd, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`${command.join(" ")} exited with ${code}: ${stderr}`);
}

function operations(root: string, seed: number): Churn {
  const made = new RandomOperations({ seed, fileBytesMax: 700_000, entriesMax: 300 });
  return {
    name: "operations",
    run: async () => {
      const driver = await FsDriver.open(root);
      for (let round = 0; round < 8; round++) {
        await driver.run(made.take(25));
        await delay(50);
      }
      await driver.close();
    },
  };
}

/** An archive of many small files is unpacked, and the one before removed. */
function archives(root: string, random: SeededRandom): Churn {
  let count = 0;
  return {
    name: "tar",
    run: async () => {
      const packed = join(root, "packed");
      mkdirSync(packed, { recursive: true });
      for (let i = 0; i < 300; i++) writeFileSync(join(packed, `f${i}`), Buffer.alloc(random.integer(0, 9000), i));
      await must(["tar", "-cf", "archive.tar", "packed"], root);
      const before = join(root, `unpacked-${count++}`);
      mkdirSync(join(root, `unpacked-${count}`));
      await must(["tar", "-xf", "archive.tar", "-C", `unpacked-${count}`], root);
      rmSync(before, { recursive: true, force: true });
    },
  };
}

function repository(root: string, random: SeededRandom): Churn {
  const git = (...args: readonly string[]): Promise<void> =>
    must(["git", "-c", "user.name=churn", "-c", "user.email=churn@localhost", "-c", "gc.auto=0", ...args], root);
  return {
    name: "git",
    run: async () => {
      if (!existsSync(join(root, ".git"))) await git("init", "-q");
      for (let i = 0; i < 30; i++)
        writeFileSync(join(root, `file-${random.integer(0, 200)}`), `${random.integer(0, 2 ** 31)}\n`.repeat(random.integer(1, 500)));
      await git("add", "-A");
      await git("commit", "-q", "--allow-empty", "-m", "a commit");
      if (random.chance(0.3)) await git("gc", "-q");
    },
  };
}

/** Overwrites in place, in blocks of 4 KiB, through the page cache or past it. */
function blocks(root: string, random: SeededRandom): Churn {
  return {
    name: "fio",
    run: async () => {
      const direct = random.chance(0.3) ? "1" : "0";
      const common = ["--name=churn", "--filename=data", "--rw=randwrite", "--bs=4k", "--size=32m", "--io_size=4m", "--rate=2m", "--minimal"];
      await must(["fio", ...common, `--direct=${direct}`, `--randseed=${random.integer(1, 2 ** 31)}`], root);
    },
  };
}

function database(root: string): Churn {
  let place: DatabasePlace | null = null;
  return {
    name: "PostgreSQL",
    run: async () => {
      if (place === null) {
        place = new DatabasePlace(join(root, "data"), POSTGRESQL.user);
        await POSTGRESQL.create(place);
      }
      const opened = await POSTGRESQL.open(place);
      const load = opened.startLoad();
      await delay(3000);
      load.check();
      await load.stop();
      await opened.stop();
    },
  };
}

/** All whose programs are there. `openRoot`: makes a directory for one of them in the tree. */
export function churnsIn(openRoot: (name: string) => string, random: SeededRandom, seed: number): readonly Churn[] {
  const made = [
    operations(openRoot("operations"), seed),
    archives(openRoot("archives"), random),
    repository(openRoot("repository"), random),
    blocks(openRoot("blocks"), random),
  ];
  return missingPackages(POSTGRESQL) === null ? [...made, database(openRoot("database"))] : made;
}

/** All of them at once. */
export function together(churns: readonly Churn[]): Churn {
  return {
    name: "all",
    run: async () => {
      await Promise.all(churns.map((churn) => churn.run()));
    },
  };
}

/** A file and a directory go from one root to another, and leave a copy behind now and then. */
export function moving(roots: readonly string[], random: SeededRandom): Churn {
  return {
    name: "moving",
    run: async () => {
      for (let i = 0; i < 40; i++) {
        const [from, to] = [random.pick(roots), random.pick(roots)];
        const [file, directory] = [join(from, "wandering-file"), join(from, "wandering-directory")];
        if (!existsSync(file)) writeFileSync(file, `${i}\n`.repeat(random.integer(1, 40_000)));
        if (!existsSync(directory)) mkdirSync(join(directory, "below"), { recursive: true });
        writeFileSync(join(directory, "below", `f${random.integer(0, 9)}`), `${i}`);
        if (random.chance(0.2)) copyFileSync(file, join(from, `left-${random.integer(0, 5)}`));
        if (from !== to) {
          renameSync(file, join(to, "wandering-file"));
          rmSync(join(to, "wandering-directory"), { recursive: true, force: true });
          renameSync(directory, join(to, "wandering-directory"));
        }
        await delay(random.integer(0, 60));
      }
    },
  };
}
