# Storms on a tree, to be watched: `create ROOT DIRECTORIES FILES`, `stir ROOT SEED RENAMES WRITES`.

import os
import random
import sys
import time


def directories(root):
    found = []
    for path, names, _ in os.walk(root):
        found += [os.path.join(path, name) for name in names]
    return found


def create(root, count, files):
    """New directories, each filled at once."""
    for i in range(count):
        os.mkdir(f"{root}/n{i}")
        for j in range(files):
            os.close(os.open(f"{root}/n{i}/f{j}", os.O_CREAT | os.O_WRONLY))


def rename(root, seed, count, pause):
    """Directories of every level get other names, and other parents of the level above."""
    chance = random.Random(seed)
    levels = {}
    for path in directories(root):
        node = [os.path.basename(path), None]
        levels.setdefault(path[len(root):].count("/"), {})[path] = node
    nodes = {path: node for level in levels.values() for path, node in level.items()}
    for path, node in nodes.items():
        node[1] = nodes.get(os.path.dirname(path))

    def path_of(node):
        return root if node is None else f"{path_of(node[1])}/{node[0]}"

    for i in range(count):
        level = chance.choice(sorted(levels))
        node = chance.choice(list(levels[level].values()))
        parent = node[1] if chance.random() < 0.5 else chance.choice(list(levels[level].values()))[1]
        before = path_of(node)
        node[0], node[1] = f"r{i}", parent
        os.rename(before, path_of(node))
        time.sleep(pause)


def stir(root, seed, renames, writes):
    """Renames directories while files are written in them, whatever they are called: they are held open."""
    held = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in directories(root)]
    child = os.fork()
    if child == 0:
        rename(root, seed, renames, 0.0002)
        os._exit(0)
    for i in range(writes):
        file = os.open(f"w{i}", os.O_CREAT | os.O_WRONLY, dir_fd=held[(i * 7919) % len(held)])
        os.write(file, b"written")
        os.close(file)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("the renames failed")


deed, root, *numbers = sys.argv[1:]
{"create": create, "stir": stir}[deed](root, *map(int, numbers))
