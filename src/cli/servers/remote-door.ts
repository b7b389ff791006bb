// The way to an agent of another machine: TLS to the certificate that was pinned, and one request on it. Nothing of ours but the
// handshake leaves before the certificate was compared: no token, and no command, reaches another server.

import { createHash } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { SmError } from "../../base/errors.js";
import { serverNameOf } from "../../base/server-name.js";
import type { PeerAddress } from "../../model/channel-port.js";
import { type AgentDoor, type Answer, type CallOptions, callDeadline, exchange, explain } from "../api-client.js";
import { addressText, type ServerEntry } from "./server-entry.js";

/** A server that is there answers a handshake far sooner; one that is not must not take the time of a whole call. */
const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;

export class RemoteDoor implements AgentDoor {
  readonly #server: ServerEntry;

  constructor(server: ServerEntry) {
    this.#server = server;
  }

  async post(path: string, body: string, options: CallOptions): Promise<Answer> {
    const { name, address, token, fingerprint } = this.#server;
    const place = addressText(address);
    const until = callDeadline(options);
    let socket: TLSSocket | undefined;
    try {
      const dialled = await dialTls(address, until.signal, fingerprint);
      socket = dialled;
      this.#requirePin(dialled);
      const headers = { authorization: `Bearer ${token}` };
      // A socket of ours is taken by no agent of node:http.
      const target = { ...address, path, headers, agent: undefined, createConnection: () => dialled };
      return requireJson(`${name} (${place})`, await exchange(place, target, body, until));
    } catch (error) {
      throw explain(error, place);
    } finally {
      socket?.destroy();
    }
  }

  #requirePin(socket: TLSSocket): void {
    const { name, address, fingerprint } = this.#server;
    const shown = certificateFingerprint(socket);
    if (shown === fingerprint) return;
    const message = `${addressText(address)} shows the certificate ${shown}, but ${name} is known by ${fingerprint}: nothing was sent`;
    throw new SmError("SERVER_MISMATCH", message, { data: { server: name, shown, pinned: fingerprint } });
  }
}

/** The sha256 of the certificate that the server at the address shows. Nothing is sent to it. */
export async function fetchFingerprint(address: PeerAddress): Promise<string> {
  try {
    const socket = await dialTls(address, AbortSignal.timeout(CONNECT_MS));
    try {
      return certificateFingerprint(socket);
    } finally {
      socket.destroy();
    }
  } catch (error) {
    throw explain(error, addressText(address));
  }
}

function certificateFingerprint(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new SmError("AGENT_UNREACHABLE", "the server shows no certificate");
  return createHash("sha256").update(certificate.raw).digest("hex");
}

/** `fingerprint`: which certificate is asked for, of a server whose key is being rotated. */
function dialTls({ host, port }: PeerAddress, ended: AbortSignal, fingerprint?: string): Promise<TLSSocket> {
  const signal = AbortSignal.any([ended, AbortSignal.timeout(CONNECT_MS)]);
  return new Promise((resolve, reject) => {
    // No authority signs these certificates, and their names and dates say nothing: the pin is compared by the caller.
    const asked = fingerprint === undefined ? {} : { servername: serverNameOf(fingerprint) };
    const socket = connect({ ...asked, host, port, minVersion: "TLSv1.3", rejectUnauthorized: false });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("it closed the connection")));
    socket.once("secureConnect", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(socket);
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** What is no JSON was told by the listener, which knows no such API. */
function requireJson(server: string, answer: Answer): Answer {
  if (answer.status === 200 || answer.text.startsWith("{")) return answer;
  if (answer.status === 403) {
    throw new SmError(
      "REFUSED",
      `the agent ${server} has no API for other machines: it has no users (\`sm user create\` there), is stopping, or api.remote is off`,
    );
  }
  throw new SmError("PROTOCOL", `${server} answered with status ${answer.status} as no agent does`);
}
