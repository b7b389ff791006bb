// A TCP proxy between two agents that misbehaves on demand: late, frozen, cut, unreachable.

import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
}

export class ChaosProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #target: ProxyTarget;
  #delayMs = 0;
  #frozen = false;
  #partitioned = false;
  #dropAfterBytes = Number.POSITIVE_INFINITY;
  #forwardedBytes = 0;
  #acceptedLinks = 0;

  private constructor(server: Server, target: ProxyTarget) {
    this.#server = server;
    this.#target = target;
  }

  /** Listens on a free loopback port; closed when the test has finished. */
  static async open(target: ProxyTarget): Promise<ChaosProxy> {
    const server = createServer({ allowHalfOpen: false, noDelay: true });
    const proxy = new ChaosProxy(server, target);
    server.on("connection", (client) => proxy.#accept(client));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => proxy.close());
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes forwarded so far, both directions together. */
  get forwardedBytes(): number {
    return this.#forwardedBytes;
  }

  /** Connections there are now. */
  get openLinks(): number {
    return this.#links.size;
  }

  /** Connections accepted so far, refused ones not counted. */
  get acceptedLinks(): number {
    return this.#acceptedLinks;
  }

  /** Where new connections go: an agent that came back has another port. */
  retarget(target: ProxyTarget): void {
    this.#target = target;
  }

  /** Each chunk arrives this much later, in order. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Half open: the sockets stay, nothing passes, nobody is told. */
  freeze(): void {
    this.#frozen = true;
    for (const { client, upstream } of this.#links) {
      client.pause();
      upstream.pause();
    }
  }

  thaw(): void {
    this.#frozen = false;
    for (const { client, upstream } of this.#links) {
      client.resume();
      upstream.resume();
    }
  }

  /** Resets every connection; new ones are taken at once. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    this.#links.clear();
  }

  /** Resets one connection, counted from the oldest; any number is one of those there are. */
  cutOne(at: number): void {
    const link = [...this.#links][at % Math.max(1, this.#links.size)];
    if (link === undefined) return;
    link.client.resetAndDestroy();
    link.upstream.resetAndDestroy();
    this.#links.delete(link);
  }

  /** Resets every connection as soon as this many more bytes have passed: in the middle of a frame, as luck has it. */
  cutAfter(bytes: number): void {
    this.#dropAfterBytes = this.#forwardedBytes + bytes;
  }

  /** Resets every connection and refuses new ones until `heal`. */
  partition(): void {
    this.#partitioned = true;
    this.cut();
  }

  heal(): void {
    this.#partitioned = false;
    this.#delayMs = 0;
    this.#dropAfterBytes = Number.POSITIVE_INFINITY;
    this.thaw();
  }

  async close(): Promise<void> {
    this.partition();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    // Resets are what this proxy is for: they end the link on both sides, and "close" tells of it.
    const onReset = (): undefined => undefined;
    client.on("error", onReset);
    if (this.#partitioned) {
      client.resetAndDestroy();
      return;
    }
    this.#acceptedLinks += 1;
    const upstream = createConnection({ ...this.#target, noDelay: true });
    upstream.on("error", onReset);
    const link: Link = { client, upstream };
    this.#links.add(link);
    this.#forward(client, upstream);
    this.#forward(upstream, client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("close", () => {
        this.#links.delete(link);
        other.destroy();
      });
    }
    if (this.#frozen) this.freeze();
  }

  #forward(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (this.#delayMs === 0) {
        this.#pass(from, to, chunk);
        return;
      }
      // Paused until the chunk is through: order holds, and what waits is bounded by one chunk.
      from.pause();
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#pass(from, to, chunk);
        if (!this.#frozen) from.resume();
      }, this.#delayMs);
      this.#timers.add(timer);
    });
    from.on("end", () => to.end());
  }

  #pass(from: Socket, to: Socket, chunk: Buffer): void {
    if (to.destroyed) return;
    this.#forwardedBytes += chunk.length;
    if (this.#forwardedBytes > this.#dropAfterBytes) {
      const surplus = Math.min(chunk.length, this.#forwardedBytes - this.#dropAfterBytes);
      to.write(chunk.subarray(0, chunk.length - surplus));
      this.#dropAfterBytes = Number.POSITIVE_INFINITY;
      setImmediate(() => this.cut());
      return;
    }
    if (to.write(chunk)) return;
    from.pause();
    to.once("drain", () => {
      if (!this.#frozen) from.resume();
    });
  }
}
