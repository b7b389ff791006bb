"""A long, bad line between two network devices of its own making (tun(4)): every packet takes its time, some never come.

usage: lossy-link.py DEVICE_A DEVICE_B ROUND_TRIP_MS LOSS SEED
Says "ready" when both devices are there; whoever reads that may move them into network namespaces. Ends with standard input.
At its end it says {"packets": N, "lost": N}.
"""

import collections
import fcntl
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def main():
    name_a, name_b, round_trip_ms, loss, seed = sys.argv[1:]
    one_way, loss, chance = float(round_trip_ms) / 2000, float(loss), random.Random(int(seed))
    a, b = tun(name_a), tun(name_b)
    other = {a: b, b: a}
    waiting = collections.deque()
    counts = {"packets": 0, "lost": 0}
    print("ready", flush=True)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([a, b, 0], [], [], timeout)
        now = time.monotonic()
        for fd in readable:
            if fd == 0:
                if os.read(0, 4096):
                    continue
                print(json.dumps(counts), flush=True)
                return
            # A device that is not up yet has nothing to read.
            for _ in range(64):
                try:
                    packet = os.read(fd, 65536)
                except OSError:
                    break
                counts["packets"] += 1
                if chance.random() < loss:
                    counts["lost"] += 1
                else:
                    waiting.append((now + one_way, other[fd], packet))
        while waiting and waiting[0][0] <= now:
            _, fd, packet = waiting.popleft()
            try:
                os.write(fd, packet)
            except OSError:
                counts["lost"] += 1


main()
