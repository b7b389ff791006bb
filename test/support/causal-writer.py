"""Changes five files in turn, each change after the one before has returned; step n leaves n in each of them.

usage: causal-writer.py DIRECTORY STEPS PAUSE_MICROSECONDS
  plain    its first eight bytes are n
  direct   the same, written past the page cache
  grown    n records of eight bytes, the last of them n
  punched  its first n blocks are holes
  cut      STEPS - n bytes long
Prints a line when the files are there, goes on when a line is read, and ends at the last step or with its input.
"""

import ctypes
import mmap
import os
import select
import struct
import sys
import time

BLOCK = 4096
PUNCH_KEEP_SIZE = 3

directory, steps, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1e6
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]


def make(name, content, flags=0):
    fd = os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT)
    if content:
        os.write(fd, content)
    os.fsync(fd)
    os.close(fd)
    return os.open(os.path.join(directory, name), os.O_RDWR | flags)


plain = make("plain", bytes(BLOCK))
direct = make("direct", bytes(BLOCK), os.O_DIRECT)
grown = make("grown", b"", os.O_APPEND)
punched = make("punched", b"\xff" * (BLOCK * steps))
cut = make("cut", b"\xff" * steps)
page = mmap.mmap(-1, BLOCK)
print("ready", flush=True)
sys.stdin.readline()

for n in range(1, steps + 1):
    record = struct.pack("<q", n)
    os.pwrite(plain, record, 0)
    page[:8] = record
    os.pwritev(direct, [page], 0)
    os.write(grown, record)
    if libc.fallocate(punched, PUNCH_KEEP_SIZE, (n - 1) * BLOCK, BLOCK) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    os.ftruncate(cut, steps - n)
    if select.select([sys.stdin], [], [], pause)[0]:
        break
