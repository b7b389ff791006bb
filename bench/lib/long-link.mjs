// A long link between two agents: what is sent arrives half a round trip later, and each TCP stream has a window of so many bytes that
// are sent and not yet acknowledged, as the stack of such a path has. A process of its own: it must not take turns with a measurement.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** @typedef {{ roundTripMs: number; windowBytes: number }} Path */

export class LongLink {
  #child;
  /** host:port to dial in place of the target. */
  address;

  constructor(/** @type {import("node:child_process").ChildProcess} */ child, /** @type {string} */ address) {
    this.#child = child;
    this.address = address;
  }

  static async open(/** @type {string} */ target, /** @type {Path} */ { roundTripMs, windowBytes }) {
    const args = [fileURLToPath(import.meta.url), target, String(roundTripMs), String(windowBytes)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    if (child.stdout === null) throw new Error("the link has no standard output");
    const [address] = await once(createInterface({ input: child.stdout }), "line");
    return new LongLink(child, String(address));
  }

  async close() {
    const exited = once(this.#child, "exit");
    this.#child.kill();
    await exited;
  }
}

/** One direction of one stream. */
function carry(/** @type {import("node:net").Socket} */ from, /** @type {import("node:net").Socket} */ to, /** @type {Path} */ { roundTripMs, windowBytes }) {
  /** @type {{ at: number; chunk: Buffer }[]} */
  const onTheWay = [];
  let unacknowledged = 0;
  let isTimed = false;
  const acknowledge = (/** @type {number} */ bytes) => {
    unacknowledged -= bytes;
    if (unacknowledged < windowBytes) from.resume();
  };
  const arrive = () => {
    isTimed = false;
    for (let first = onTheWay[0]; first !== undefined && first.at <= performance.now(); first = onTheWay[0]) {
      const { chunk } = first;
      onTheWay.shift();
      if (to.destroyed) return;
      to.write(chunk, () => setTimeout(acknowledge, roundTripMs / 2, chunk.length));
    }
    wait();
  };
  const wait = () => {
    const first = onTheWay[0];
    if (first === undefined || isTimed) return;
    isTimed = true;
    setTimeout(arrive, Math.max(1, first.at - performance.now()));
  };
  from.on("data", (/** @type {Buffer} */ chunk) => {
    unacknowledged += chunk.length;
    if (unacknowledged >= windowBytes) from.pause();
    onTheWay.push({ at: performance.now() + roundTripMs / 2, chunk });
    wait();
  });
  from.on("error", () => to.destroy());
  from.on("close", () => to.destroy());
}

async function serve(/** @type {string} */ target, /** @type {Path} */ path) {
  const colon = target.lastIndexOf(":");
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = createConnection({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)), noDelay: true });
    carry(client, upstream, path);
    carry(upstream, client, path);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the link does not listen");
  console.log(`127.0.0.1:${bound.port}`);
}

const [, program, target, roundTripMs, windowBytes] = process.argv;
if (program === fileURLToPath(import.meta.url)) await serve(String(target), { roundTripMs: Number(roundTripMs), windowBytes: Number(windowBytes) });
