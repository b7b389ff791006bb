"""Executes batches of file operations: one JSON line in ({"operations": [...]}), one JSON line out ({"problems": [...]}).

Names travel as latin1 text, one character per byte. Knows nothing of the program under test.
"""

import ctypes
import json
import mmap
import os
import random
import shutil
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
RENAME_EXCHANGE = 2
FALLOC_KEEP_SIZE = 1
FALLOC_PUNCH_HOLE = 2
AT_SYMLINK_NOFOLLOW = 0x100
UTIME_OMIT = (1 << 30) - 2


def name(text):
    return text.encode("latin1")


def content(op):
    if "data" in op:
        return op["data"].encode("latin1")
    return random.Random(op["seed"]).randbytes(op["length"])


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def pwrite_all(fd, data, offset):
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


def op_create(path, op):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, op.get("mode", 0o644))
    try:
        pwrite_all(fd, content(op), 0)
    finally:
        os.close(fd)


def op_write(path, op):
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        pwrite_all(fd, content(op), op["offset"])
    finally:
        os.close(fd)


def op_append(path, op):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        os.write(fd, content(op))
    finally:
        os.close(fd)


def op_edit_in_disguise(path, op):
    """New bytes, same size, same mtime: only the change time tells."""
    before = os.lstat(path)
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        data = content(op)[: max(0, before.st_size - op["offset"])]
        pwrite_all(fd, data, op["offset"])
        os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))
    finally:
        os.close(fd)


def op_mmap_write(path, op):
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        if size == 0:
            return
        with mmap.mmap(fd, size) as mapped:
            data = content(op)[: max(0, size - op["offset"])]
            mapped[op["offset"] : op["offset"] + len(data)] = data
            mapped.flush()
    finally:
        os.close(fd)


def op_truncate(path, op):
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.ftruncate(fd, op["size"])
    finally:
        os.close(fd)


def op_punch(path, op):
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        fallocate = libc.fallocate
        fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        check(fallocate(fd, FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, op["offset"], op["length"]))
    finally:
        os.close(fd)


def op_exchange(path, op):
    check(libc.renameat2(AT_FDCWD, path, AT_FDCWD, name(op["to"]), RENAME_EXCHANGE))


def op_times(path, op):
    """Of the modification alone where there is no other: that is another event for whoever watches."""
    times = (ctypes.c_long * 4)(0, UTIME_OMIT, *divmod(op["mtimeNs"], 1_000_000_000))
    if "atimeNs" in op:
        times[0], times[1] = divmod(op["atimeNs"], 1_000_000_000)
    check(libc.utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW))


def op_remove_tree(path, _op):
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


OPERATIONS = {
    "create": op_create,
    "write": op_write,
    "append": op_append,
    "editInDisguise": op_edit_in_disguise,
    "mmapWrite": op_mmap_write,
    "truncate": op_truncate,
    "punch": op_punch,
    "rename": lambda path, op: os.rename(path, name(op["to"])),
    "exchange": op_exchange,
    "link": lambda path, op: os.link(path, name(op["to"]), follow_symlinks=False),
    "symlink": lambda path, op: os.symlink(name(op["target"]), path),
    "mkdir": lambda path, op: os.makedirs(path, exist_ok=True),
    "fifo": lambda path, op: os.mkfifo(path, op.get("mode", 0o644)),
    "character": lambda path, op: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(op["major"], op["minor"])),
    "block": lambda path, op: os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(op["major"], op["minor"])),
    "socket": lambda path, op: os.mknod(path, stat.S_IFSOCK | 0o600),
    "chmod": lambda path, op: os.chmod(path, op["mode"]),
    "chown": lambda path, op: os.chown(path, op["uid"], op["gid"], follow_symlinks=False),
    "times": op_times,
    "setXattr": lambda path, op: os.setxattr(path, name(op["name"]), name(op["value"]), follow_symlinks=False),
    "removeXattr": lambda path, op: os.removexattr(path, name(op["name"]), follow_symlinks=False),
    "unlink": lambda path, op: os.unlink(path),
    "rmdir": lambda path, op: os.rmdir(path),
    "removeTree": op_remove_tree,
}


def main():
    os.umask(0o022)
    os.chdir(os.fsencode(sys.argv[1]))
    for line in sys.stdin:
        problems = []
        for index, op in enumerate(json.loads(line)["operations"]):
            try:
                OPERATIONS[op["kind"]](name(op["path"]) or b".", op)
            except OSError as error:
                problems.append({"index": index, "operation": op, "errno": error.errno, "message": os.strerror(error.errno)})
        print(json.dumps({"problems": problems}), flush=True)


main()
