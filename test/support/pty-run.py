"""Runs a program on a pseudo terminal, as a test tells it to.

pty-run.py COLUMNS ROWS PROGRAM ARG...

Takes orders on standard input, one JSON object a line: {"keys": TEXT}, {"size": [COLUMNS, ROWS]}, {"signal": NAME}.
Gives one JSON object a line on standard output: {"out": TEXT} for what the program wrote, at the end {"exit": CODE, "sane": BOOL},
where sane says that the terminal's own settings are what they were before.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def tell(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def obey(order, master, child):
    if "keys" in order:
        os.write(master, order["keys"].encode())
    if "size" in order:
        set_size(master, *order["size"])
        os.kill(child, signal.SIGWINCH)
    if "signal" in order:
        os.kill(child, getattr(signal, order["signal"]))


def start(program, columns, rows):
    """The child, the master side, the slave side (kept open so that its settings can be read afterwards)."""
    master, slave = pty.openpty()
    set_size(master, columns, rows)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.close(master)
        os.close(slave)
        os.execvp(program[0], program)
    return child, master, slave


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    child, master, slave = start(sys.argv[3:], columns, rows)
    before = termios.tcgetattr(slave)
    orders, pending, ended = sys.stdin.fileno(), b"", None
    waiting = [master, orders]
    while ended is None or select.select([master], [], [], 0)[0]:
        ready = select.select(waiting, [], [], 0.05)[0]
        if master in ready:
            tell({"out": os.read(master, 65536).decode("utf-8", "replace")})
        if orders in ready:
            data = os.read(orders, 65536)
            if not data:
                waiting = [master]
                if ended is None:
                    os.kill(child, signal.SIGKILL)
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if ended is None:
                    obey(json.loads(line), master, child)
        if ended is None:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                ended = status
    tell({"exit": os.waitstatus_to_exitcode(ended), "sane": termios.tcgetattr(slave) == before})


main()
