"""Many local users on one machine, for scenario tests that need them (root only).

For each uid it listens on DIR/<uid>.sock and forks a process that lives under that uid. Whoever connects there gets a connection
to AGENT that the process of that uid opened itself, so that the agent sees the uid's kernel credentials.

usage: uid-relay.py AGENT DIR FIRST_UID COUNT     prints "ready" when all listen; ends with its standard input.
"""

import os
import select
import signal
import socket
import sys


def serve(uid: int, listener: socket.socket, agent: str) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    peers: dict[socket.socket, socket.socket] = {}
    while True:
        readable, _, _ = select.select([listener, *peers], [], [])
        for ready in readable:
            if ready is listener:
                client, _ = listener.accept()
                upstream = socket.socket(socket.AF_UNIX)
                try:
                    upstream.connect(agent)
                except OSError:
                    client.close()
                    continue
                peers[client], peers[upstream] = upstream, client
                continue
            other = peers.get(ready)
            if other is None:
                continue
            try:
                data = ready.recv(65536)
                if data:
                    other.sendall(data)
                    continue
            except OSError:
                pass
            for end in (ready, other):
                peers.pop(end, None)
                end.close()


def main() -> None:
    agent, folder, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    children = []
    listeners = []
    for uid in range(first, first + count):
        listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(folder, f"{uid}.sock")
        if os.path.exists(path):
            os.unlink(path)
        listener.bind(path)
        listener.listen(64)
        listeners.append(listener)
    for uid, listener in zip(range(first, first + count), listeners):
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for other in listeners:
                if other is not listener:
                    other.close()
            try:
                serve(uid, listener, agent)
            finally:
                os._exit(1)
        children.append(pid)
    print("ready", flush=True)
    sys.stdin.read()
    for pid in children:
        os.kill(pid, signal.SIGKILL)


main()
