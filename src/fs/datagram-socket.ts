// A Unix datagram socket that never blocks, which Node does not have. sendto(2) of libc's syslog(3) waits while the receiver's queue
// is full; MSG_DONTWAIT does not, so these calls may be made on the event loop.

import koffi from "koffi";
import { errnoName } from "./errno.js";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const EAGAIN = 11;
const EMSGSIZE = 90;
const ENOBUFS = 105;
/** sun_path of unix(7) without its closing NUL. */
const PATH_BYTES_MAX = 107;

const c = {
  socket: libc.func("int socket(int, int, int)"),
  connect: libc.func("int connect(int, const void*, unsigned int)"),
  send: libc.func("long send(int, const void*, size_t, int)"),
  close: libc.func("int close(int)"),
};

/** full = the receiver is behind: later; large = no receiver takes that; gone = it is to be opened anew. */
export type Sent = "sent" | "full" | "large" | "gone";

export class DatagramSocket {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** The socket, or the name of the error. */
  static connect(path: string): DatagramSocket | string {
    const name = Buffer.from(path);
    if (name.length > PATH_BYTES_MAX) return "ENAMETOOLONG";
    const fd = c.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0) as number;
    if (fd < 0) return errnoName(koffi.errno());
    const address = Buffer.alloc(2 + name.length + 1);
    address.writeUInt16LE(AF_UNIX, 0);
    name.copy(address, 2);
    if ((c.connect(fd, address, address.length) as number) === 0) return new DatagramSocket(fd);
    const reason = errnoName(koffi.errno());
    c.close(fd);
    return reason;
  }

  send(bytes: Uint8Array): Sent {
    if (this.#fd < 0) return "gone";
    if (Number(c.send(this.#fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL)) >= 0) return "sent";
    const errno = koffi.errno();
    if (errno === EAGAIN || errno === ENOBUFS) return "full";
    return errno === EMSGSIZE ? "large" : "gone";
  }

  close(): void {
    if (this.#fd >= 0) c.close(this.#fd);
    this.#fd = -1;
  }
}
