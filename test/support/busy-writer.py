"""Writes to a directory without rest, as a database does: pages of a large table in place, a log that grows; opens and closes both all
the time, and maps a file of another file system, shared and writable, with each opening. Ends when its standard input does.

usage: busy-writer.py DIRECTORY
Says "writing" when everything is there.
"""

import mmap
import os
import random
import select
import sys
import tempfile
import time

PAGE = 8192
PAGES = 8192
WRITES_PER_OPEN = 40
PAUSE_SECONDS = 0.02

directory = sys.argv[1]
generator = random.Random(1)


def open_all():
    flags = os.O_RDWR | os.O_CREAT
    table = os.open(os.path.join(directory, "table"), flags, 0o600)
    log = os.open(os.path.join(directory, "log"), flags | os.O_APPEND, 0o600)
    with tempfile.TemporaryFile(dir="/dev/shm") as shared:
        shared.truncate(1 << 20)
        memory = mmap.mmap(shared.fileno(), 1 << 20)
    memory[0] = 1
    return table, log, memory


def is_over():
    return bool(select.select([sys.stdin], [], [], 0)[0])


table, log, memory = open_all()
os.pwrite(table, generator.randbytes(PAGE * PAGES), 0)
print("writing", flush=True)
while not is_over():
    for _ in range(WRITES_PER_OPEN):
        os.pwrite(table, generator.randbytes(PAGE), generator.randrange(PAGES) * PAGE)
        os.write(log, generator.randbytes(100))
    time.sleep(PAUSE_SECONDS)
    os.close(table)
    os.close(log)
    memory.close()
    table, log, memory = open_all()
