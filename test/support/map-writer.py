"""Stores into a shared mapping. One command a line: `map PATH`, `store OFFSET VALUE`, `unmap`; answers each by its name.

The descriptor is closed as soon as the file is mapped, as most programs do.
"""

import mmap
import os
import sys

mapping = None
for line in sys.stdin:
    command, *rest = line.split()
    if command == "map":
        fd = os.open(rest[0], os.O_RDWR)
        mapping = mmap.mmap(fd, os.fstat(fd).st_size)
        os.close(fd)
    elif command == "store":
        mapping[int(rest[0])] = int(rest[1])
    elif command == "unmap":
        mapping.close()
        mapping = None
    print(command, flush=True)
