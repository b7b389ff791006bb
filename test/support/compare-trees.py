"""Prints a manifest of a tree: one JSON line per object, everything a copy must keep. Reads only; follows no link.

Usage: compare-trees.py ROOT. Paths, targets, names and values of attributes are hex of their bytes.
Independent of the program under test on purpose. Sockets belong to processes, not to trees: they are left out.
"""

import hashlib
import json
import os
import stat
import sys

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            total.update(chunk)
    return total.hexdigest()


def xattrs(path):
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {os.fsencode(n).hex(): os.getxattr(path, n, follow_symlinks=False).hex() for n in names}


def describe(absolute, relative, info):
    kind = KINDS[stat.S_IFMT(info.st_mode)]
    entry = {
        "path": relative.hex(),
        "type": kind,
        "mode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "mtime_ns": str(info.st_mtime_ns),
        "xattrs": xattrs(absolute),
    }
    if kind == "file":
        entry["size"] = info.st_size
        entry["sha256"] = digest(absolute)
        entry["allocated"] = info.st_blocks * 512
    if kind == "symlink":
        entry["target"] = os.readlink(absolute).hex()
    if kind in ("character", "block"):
        entry["rdev"] = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
    return entry


def walk(root):
    """Yields (absolute, relative, lstat) of the root and everything below it, without recursion."""
    pending = [(root, b"")]
    while pending:
        absolute, relative = pending.pop()
        info = os.lstat(absolute)
        if stat.S_ISSOCK(info.st_mode):
            continue
        yield absolute, relative, info
        if stat.S_ISDIR(info.st_mode):
            for child in os.listdir(absolute):
                pending.append((absolute + b"/" + child, relative + b"/" + child if relative else child))


def main():
    root = os.fsencode(sys.argv[1])
    entries = []
    groups = {}
    for absolute, relative, info in walk(root):
        entry = describe(absolute, relative, info)
        entries.append(entry)
        if entry["type"] != "directory" and info.st_nlink > 1:
            group = groups.setdefault((info.st_dev, info.st_ino), [])
            group.append(entry["path"])
            entry["links"] = group
    for group in groups.values():
        group.sort()
    entries.sort(key=lambda entry: bytes.fromhex(entry["path"]))
    for entry in entries:
        if entry.get("links") is not None and len(entry["links"]) < 2:
            del entry["links"]
        print(json.dumps(entry))


main()
