"""Writes to files of a directory at random, in every way Linux has. Knows nothing of the program under test.

usage: write-storm.py DIRECTORY BLOCK_BYTES
Reads one JSON line per batch, {"seed": N, "operations": N, "kinds": [...], "files": N}, and answers each by one line,
{"touched": [names], "counts": {kind: n}, "refused": {kind: errno}}: all of its calls have returned then.
"""

import ctypes
import fcntl
import json
import mmap
import os
import random
import struct
import sys

from async_writes import aio_write, uring_write

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
FICLONERANGE = 0x4020940D
KEEP_SIZE, PUNCH, COLLAPSE, ZERO, INSERT = 1, 2, 8, 16, 32
SIZE_MAX = 4 << 20


class Storm:
    def __init__(self, directory, block):
        self.directory = directory
        self.block = block
        self.random = random.Random(0)
        self.touched = set()
        self.prefix = ""

    def path(self, name):
        return os.path.join(self.directory, name)

    def open(self, name, flags=os.O_RDWR):
        return os.open(self.path(name), flags | os.O_CREAT, 0o644)

    def bytes(self, length):
        return self.random.randbytes(length)

    def aligned(self, limit):
        return self.random.randrange(0, max(1, limit // self.block)) * self.block

    # Each operation gets a descriptor, its size and the name.

    def op_pwrite(self, fd, size, name):
        length = self.random.choice([1, 13, 100, 512, 4096, 5000, 8192, 65536, 200000])
        os.pwrite(fd, self.bytes(length), self.random.randrange(0, min(SIZE_MAX, size + 70000)))

    def op_writev(self, fd, size, name):
        os.pwritev(fd, [self.bytes(50), self.bytes(3000)], self.random.randrange(0, size + 1))

    def op_append(self, fd, size, name):
        if size > SIZE_MAX:
            return
        other = os.open(self.path(name), os.O_WRONLY | os.O_APPEND)
        try:
            os.write(other, self.bytes(self.random.choice([1, 100, 4095, 4096, 10000])))
        finally:
            os.close(other)

    def op_direct(self, fd, size, name):
        other = os.open(self.path(name), os.O_RDWR | os.O_DIRECT)
        length = self.block * self.random.choice([1, 2, 16])
        buffer = mmap.mmap(-1, length)
        try:
            buffer.write(self.bytes(length))
            os.pwritev(other, [buffer], self.aligned(min(SIZE_MAX, size + 2 * self.block)))
        finally:
            buffer.close()
            os.close(other)

    def several(self, size):
        """Writes of whole blocks, each at a place of its own."""
        places = self.random.sample(range(0, max(1, min(SIZE_MAX, size) // self.block) + 3), 3)
        return [(place * self.block, self.bytes(self.block)) for place in places]

    def op_aio(self, fd, size, name):
        other = os.open(self.path(name), os.O_RDWR | os.O_DIRECT)
        try:
            aio_write(other, self.several(size))
        finally:
            os.close(other)

    def op_uring(self, fd, size, name):
        other = os.open(self.path(name), os.O_RDWR | self.random.choice([0, os.O_DIRECT]))
        try:
            uring_write(other, self.several(size))
        finally:
            os.close(other)

    def op_direct_read(self, fd, size, name):
        other = os.open(self.path(name), os.O_RDWR | os.O_DIRECT)
        buffer = mmap.mmap(-1, self.block)
        try:
            buffer.write(self.bytes(self.block))
            os.preadv(other, [buffer], self.aligned(size))
        finally:
            buffer.close()
            os.close(other)

    def op_truncate(self, fd, size, name):
        os.ftruncate(fd, self.random.choice([0, self.random.randrange(0, size + 1), min(SIZE_MAX, size + self.random.randrange(0, 100000))]))

    def op_shrink_and_grow(self, fd, size, name):
        os.ftruncate(fd, self.random.randrange(0, size + 1))
        os.ftruncate(fd, size)

    def fallocate(self, fd, mode, offset, length):
        if libc.fallocate(fd, mode, offset, length) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")

    def op_allocate(self, fd, size, name):
        self.fallocate(fd, self.random.choice([0, KEEP_SIZE]), self.random.randrange(0, size + 1), self.random.randrange(1, 100000))

    def op_punch(self, fd, size, name):
        offset = self.random.choice([0, self.aligned(size), self.random.randrange(0, size + 1)])
        self.fallocate(fd, PUNCH | KEEP_SIZE, offset, self.random.choice([1, 100, self.block, 10 * self.block, 77777]))

    def op_zero(self, fd, size, name):
        offset = self.random.choice([0, self.aligned(size), self.random.randrange(0, size + 1)])
        self.fallocate(fd, ZERO | self.random.choice([0, KEEP_SIZE]), offset, self.random.choice([1, 100, self.block, 77777]))

    def op_collapse(self, fd, size, name):
        self.fallocate(fd, COLLAPSE, self.aligned(size), self.block)

    def op_insert(self, fd, size, name):
        if size < SIZE_MAX:
            self.fallocate(fd, INSERT, self.aligned(size), self.block)

    def other(self, name):
        names = [entry for entry in sorted(os.listdir(self.directory)) if entry != name and entry.startswith(self.prefix)]
        return os.open(self.path(self.random.choice(names)), os.O_RDWR)

    def op_copy_range(self, fd, size, name):
        source = self.other(name)
        try:
            length = self.random.choice([100, self.block, 65536])
            os.copy_file_range(source, fd, length, self.aligned(os.fstat(source).st_size), self.aligned(size + self.block))
        finally:
            os.close(source)

    def op_clone(self, fd, size, name):
        source = self.other(name)
        try:
            length = os.fstat(source).st_size // self.block * self.block
            if length == 0:
                return
            offset = self.random.randrange(0, length // self.block) * self.block
            count = min(length - offset, self.block * self.random.choice([1, 4, 64]))
            fcntl.ioctl(fd, FICLONERANGE, struct.pack("qQQQ", source, offset, count, self.aligned(size + self.block)))
        finally:
            os.close(source)

    def op_clone_all(self, fd, size, name):
        source = self.other(name)
        try:
            if size < SIZE_MAX:
                fcntl.ioctl(fd, FICLONERANGE, struct.pack("qQQQ", source, 0, 0, 0))
        finally:
            os.close(source)

    def op_sendfile(self, fd, size, name):
        source = self.other(name)
        try:
            os.lseek(fd, self.random.randrange(0, size + 1), os.SEEK_SET)
            os.sendfile(fd, source, 0, 65536)
        finally:
            os.close(source)

    def op_splice(self, fd, size, name):
        reader, writer = os.pipe()
        try:
            os.write(writer, self.bytes(20000))
            os.splice(reader, fd, 20000, offset_dst=self.random.randrange(0, size + 1))
        finally:
            os.close(reader)
            os.close(writer)

    def op_rewrite(self, fd, size, name):
        other = os.open(self.path(name), os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(other, self.bytes(self.random.randrange(0, 300000)))
        finally:
            os.close(other)

    def op_replace(self, fd, size, name):
        """Another inode of the same name, most likely of the same number."""
        os.unlink(self.path(name))
        other = self.open(name)
        try:
            os.write(other, self.bytes(self.random.randrange(0, 100000)))
        finally:
            os.close(other)

    def op_sync(self, fd, size, name):
        os.fsync(fd)

    def op_drop(self, fd, size, name):
        """Out of the page cache, so that later changes meet uncached pages."""
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def make(self, name):
        if os.path.exists(self.path(name)):
            return
        fd = self.open(name)
        try:
            os.write(fd, self.bytes(self.random.randrange(0, 2 << 20)))
        finally:
            os.close(fd)
        self.touched.add(name)

    def run(self, batch):
        self.random = random.Random(batch["seed"])
        self.touched = set()
        self.prefix = batch.get("prefix", "f")
        counts, refused = {}, {}
        for index in range(batch["files"]):
            self.make(f"{self.prefix}{index}")
        for _ in range(batch["operations"]):
            kind = self.random.choice(batch["kinds"])
            name = f"{self.prefix}{self.random.randrange(batch['files'])}"
            fd = self.open(name)
            try:
                self.touched.add(name)
                getattr(self, f"op_{kind}")(fd, os.fstat(fd).st_size, name)
                counts[kind] = counts.get(kind, 0) + 1
            except OSError as error:
                refused[kind] = error.errno
            finally:
                os.close(fd)
        return {"touched": sorted(self.touched), "counts": counts, "refused": refused}


def main():
    storm = Storm(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(storm.run(json.loads(line))), flush=True)


main()
