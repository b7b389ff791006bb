// A source in the test's own process, paired with a real target agent: what it sends, and when, is written in the test.

import { onTestFinished } from "vitest";
import type { SmError } from "../../src/base/errors.js";
import type { SourceChannel } from "../../src/model/channel-port.js";
import type { Ack, CopyClaim, Hello } from "../../src/model/session.js";
import { redeemToken } from "../../src/transport/pair-redeemer.js";
import type { AgentProcess } from "./agent-process.js";
import { EPOCH } from "./apply-kit.js";
import { eventually } from "./eventually.js";
import { type Agent, Cleanup, never, openAgent } from "./transport-fixture.js";

export class ScriptedSource {
  readonly #agent: Agent;
  readonly #hello: Hello;
  #channel: SourceChannel | null = null;
  acks: Ack[] = [];
  ended: SmError | null = null;

  private constructor(agent: Agent, hello: Hello) {
    this.#agent = agent;
    this.#hello = hello;
  }

  /** Pairs with the target; connects nothing yet. */
  static async pair(target: AgentProcess, directory: string, part: Partial<Hello> = {}): Promise<ScriptedSource> {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const agent = await openAgent(cleanup, "scripted");
    const { token } = await target.json<{ readonly token: string }>(["peer", "bootstrap", "create", "--site-name", "T", "--address", target.ready.listen]);
    const { identity, peers, dialer } = agent;
    await redeemToken(token, { identity, peers, dialer, siteName: "scripted", addresses: [{ host: "192.0.2.7", port: 1500 }], signal: never });
    const source = "/scripted/data";
    return new ScriptedSource(agent, {
      connectionKey: "0".repeat(32),
      connectionId: 1,
      repset: "scripted",
      generation: 1,
      rules: [{ path: source, mode: "include", recursive: true }],
      mappings: [{ source, target: directory }],
      epoch: EPOCH,
      remapLinks: true,
      durability: "fsync",
      compression: "off",
      sourceTimeMs: Date.now(),
      machine: "another",
      origins: [],
      version: "0",
      ...part,
    });
  }

  /** Opens a channel; returns the last set that the target has applied. */
  async connect(target: AgentProcess, claim: CopyClaim = { fromSeq: 0, why: "" }): Promise<number> {
    const { peers, dialer } = this.#agent;
    const paired = peers.get("T");
    if (paired === undefined) throw new Error("not paired");
    const peer = { ...paired, addresses: [target.address] };
    this.acks = [];
    this.ended = null;
    const channel = await dialer.dial(peer, { ...this.#hello, sourceTimeMs: Date.now() }, never);
    this.#channel = channel;
    channel.onAck((ack) => this.acks.push(ack));
    void channel.ended.then((reason) => {
      this.ended = reason;
    });
    channel.sendCopy(claim);
    return channel.welcome.appliedSeq;
  }

  claim(claim: CopyClaim): void {
    this.#channel?.sendCopy(claim);
  }

  /** Sends the sets; false when the channel ended meanwhile. */
  async send(...frames: readonly Buffer[]): Promise<boolean> {
    for (const frame of frames) {
      if (this.#channel === null || this.ended !== null) return false;
      try {
        await this.#channel.sendSet(Buffer.from(frame));
      } catch (error) {
        if ((error as SmError).code === "CHANNEL_LOST") return false;
        throw error;
      }
    }
    return true;
  }

  async until(is: (ack: Ack) => boolean): Promise<Ack> {
    return eventually(() => {
      const ack = this.acks.find(is);
      if (ack === undefined) throw new Error(`no such acknowledgement; the last: ${JSON.stringify(this.acks.at(-1))}, ended: ${this.ended?.message}`);
      return ack;
    });
  }

  async disconnect(): Promise<void> {
    await this.#channel?.close();
    this.#channel = null;
  }
}
