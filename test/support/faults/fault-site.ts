// Two agents, everything of theirs on volumes of its own, a cable between them: where every kind of fault can be made.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { AgentPair } from "../agent-pair.js";
import { expectEqualTrees } from "../compare-trees.js";
import { LoopImage } from "../loop-image.js";
import { NetworkPair } from "../network-namespace.js";
import { makeTempDirectory } from "../temp-tree.js";

const TREE_MIB = 1024;
const STATE_MIB = 128;
/** Small, so that it spills, and is full, within one fault. */
const CONFIG = "queue:\n  memoryMiB: 2\n  diskMiB: 24\n  minFreeMiB: 4\n";
const SECTOR = 512;
const SYNC_SECONDS = 240;

export class FaultSite {
  readonly net: NetworkPair;
  readonly pair: AgentPair;
  readonly sourceVolume: LoopImage;
  readonly targetVolume: LoopImage;
  readonly sourceState: LoopImage;
  readonly targetState: LoopImage;
  /** What is connected. */
  #copies: readonly { readonly id: number; readonly source: string; readonly target: string }[] = [];

  private constructor(site: Pick<FaultSite, "net" | "pair" | "sourceVolume" | "targetVolume" | "sourceState" | "targetState">) {
    this.net = site.net;
    this.pair = site.pair;
    this.sourceVolume = site.sourceVolume;
    this.targetVolume = site.targetVolume;
    this.sourceState = site.sourceState;
    this.targetState = site.targetState;
  }

  /** Paired, not connected yet. All of it is gone when the test has finished. */
  static async open(): Promise<FaultSite> {
    const net = NetworkPair.open();
    const volume = (sizeMiB: number): LoopImage => LoopImage.open({ type: "ext4", sizeMiB });
    const [sourceVolume, targetVolume, sourceState, targetState] = [volume(TREE_MIB), volume(TREE_MIB), volume(STATE_MIB), volume(STATE_MIB)];
    const homeOf = (state: LoopImage): string => join(state.path, "h");
    mkdirSync(join(homeOf(sourceState), "etc"), { recursive: true });
    writeFileSync(join(homeOf(sourceState), "etc", "sm.yaml"), CONFIG);
    const pair = await AgentPair.start(makeTempDirectory(), {
      sourceDir: sourceVolume.path,
      targetDir: join(targetVolume.path, "copy"),
      sourceAgent: { home: homeOf(sourceState), prefix: net.a.prefix, listen: `${net.a.address}:0` },
      targetAgent: { home: homeOf(targetState), prefix: net.b.prefix, listen: `${net.b.address}:0` },
    });
    rmSync(join(sourceVolume.path, "lost+found"), { recursive: true });
    return new FaultSite({ net, pair, sourceVolume, targetVolume, sourceState, targetState });
  }

  /** Connects the whole tree as one set, or each of these directories of it as a set of its own. */
  async connect(directories: readonly string[] = []): Promise<void> {
    const { pair } = this;
    if (directories.length === 0) {
      await pair.connect();
      this.#copies = [{ id: pair.connectionId, source: pair.sourceDir, target: pair.targetDir }];
      return;
    }
    const connectOne = async (name: string): Promise<{ id: number; source: string; target: string }> => {
      const [source, target] = [join(pair.sourceDir, name), join(pair.targetDir, name)];
      await pair.source.json(["repset", "create", name, "--include", source]);
      const { connection } = await pair.source.json<{ connection: { id: number } }>(["connect", name, "B", "--map", `${source}=${target}`]);
      return { id: connection.id, source, target };
    };
    this.#copies = await Promise.all(directories.map(connectOne));
  }

  /** Everything is on the target, and each copy is equal. */
  async expectEqual(): Promise<void> {
    try {
      await Promise.all(this.#copies.map(({ id }) => this.pair.sync(SYNC_SECONDS, id)));
    } catch (error) {
      for (const agent of [this.pair.source, this.pair.target]) {
        const [status, queue] = [await agent.cli(["status", "--json"]), await agent.cli(["queue", "show", "--json"])];
        process.stderr.write(`--- ${agent.home}\n${status.stdout}${status.stderr}${queue.stdout}\n`);
      }
      throw error;
    }
    for (const { source, target } of this.#copies) await expectEqualTrees(source, target);
  }

  /** What the source has sent since the cable was laid, with all that TCP and TLS add. */
  wireBytes(): number {
    const [{ stats64 }] = JSON.parse(execFileSync("ip", ["-n", this.net.a.name, "-s", "-j", "link", "show", "cable"], { encoding: "utf8" })) as [
      { readonly stats64: { readonly tx: { readonly bytes: number } } },
    ];
    return stats64.tx.bytes;
  }

  /** What was written to the volume of the source since it was mounted, journal and tables of the file system included. */
  writtenBytes(): number {
    execFileSync("sync", ["-f", this.sourceVolume.path]);
    const device = execFileSync("findmnt", ["-n", "-o", "SOURCE", this.sourceVolume.path], { encoding: "utf8" }).trim();
    return (
      Number(
        readFileSync(`/sys/block/${basename(device)}/stat`, "utf8")
          .trim()
          .split(/\s+/)[6],
      ) * SECTOR
    );
  }

  /** Takes all room of a volume; `free` gives it back. */
  fill(volume: LoopImage): { readonly free: () => void } {
    const ballast = join(volume.path, "ballast");
    try {
      for (let i = 0; ; i++) writeFileSync(ballast, Buffer.alloc(i < TREE_MIB ? 4_000_000 : 4096, 1), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
    return { free: () => rmSync(ballast) };
  }

  /** The sealed segments of the source's queue on disk. */
  segments(): readonly string[] {
    const directory = join(this.pair.source.home, "state", "queue");
    return readdirSync(directory)
      .filter((name) => name.includes(".seg"))
      .map((name) => join(directory, name));
  }

  /** Every connection over the cable ends at once, as after the restart of a firewall. */
  cutSockets(): void {
    execFileSync("ip", ["netns", "exec", this.net.a.name, "ss", "-K", "dst", this.net.b.address], { stdio: "pipe" });
  }

  /** Puts a rule of the traffic control on the cable's end; `clear` takes it away. */
  shape(end: "a" | "b", rule: readonly string[]): { readonly clear: () => void } {
    const { name } = this.net[end];
    const tc = (...args: readonly string[]): void => void execFileSync("tc", ["-n", name, "qdisc", ...args], { stdio: "pipe" });
    tc("replace", "dev", "cable", "root", ...rule);
    return { clear: () => tc("del", "dev", "cable", "root") };
  }
}
