"""Binds a Unix datagram socket and prints what comes, a line of JSON each. Stopped (SIGSTOP) it takes nothing."""
import json
import os
import socket
import sys

path = sys.argv[1]
if os.path.exists(path):
    os.unlink(path)
sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sink.bind(path)
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(sink.recv(65536).decode("utf-8", "backslashreplace")), flush=True)
