"""A link whose packets come late, in another order, twice or not at all: where the kernel has no netem, two tun devices with
a thread between them. Python's standard library only."""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


class RoughLink:
    """Takes the place of a host's link to the router. `smooth()` lets everything pass at once from there on."""

    @staticmethod
    def missing():
        """Why there can be none here; None when there can."""
        return None if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "there is no /dev/net/tun"

    def __init__(self, host, seed, delay=(0.0005, 0.003), loss=0.005, held_back=0.03, twice=0.01):
        """Seconds of `delay` between two bounds; of 1, how many packets are lost, come behind others, come twice."""
        self.delay, self.loss, self.held_back, self.twice = delay, loss, held_back, twice
        self.random = random.Random(seed)
        self.lost = self.repeated = self.late = self.passed = 0
        router = host.network.router
        host.unplug()
        # What is read from one goes out of the other.
        ends = [open_tun(router, host.device), open_tun(host.namespace, "eth0")]
        self.other = dict(zip(ends, reversed(ends)))
        host.configure()
        self.wake, self.end = os.pipe()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def smooth(self):
        self.delay, self.loss, self.held_back, self.twice = (0, 0), 0, 0, 0

    def close(self):
        os.close(self.end)
        self.thread.join()
        for end in [*self.other, self.wake]:
            os.close(end)

    def __str__(self):
        return f"{self.passed} packets, {self.lost} lost, {self.late} held back, {self.repeated} twice"

    def _carry(self):
        queue, count = [], 0
        while True:
            patience = max(0, queue[0][0] - time.monotonic()) if queue else None
            ready = select.select([*self.other, self.wake], [], [], patience)[0]
            if self.wake in ready:
                return
            for end in ready:
                packet = os.read(end, 65536)
                for due in self._arrivals():
                    count += 1
                    heapq.heappush(queue, (due, count, self.other[end], packet))
            while queue and queue[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(queue)
                try:
                    os.write(end, packet)
                except OSError:
                    pass  # the link is down, or its queue is full: lost, as on any link

    def _arrivals(self):
        """When a packet that comes now arrives: not at all, once, or twice."""
        if self.random.random() < self.loss:
            self.lost += 1
            return []
        self.passed += 1
        due = time.monotonic() + self.random.uniform(*self.delay)
        if self.random.random() < self.held_back:
            self.late += 1
            due += 3 * self.delay[1]
        if self.random.random() < self.twice:
            self.repeated += 1
            return [due, due + self.random.uniform(*self.delay)]
        return [due]


def open_tun(namespace, name):
    """A file descriptor of a new tun device in a network namespace, which only a thread of its own enters."""
    result = []

    def make():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            inside = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
            if libc.setns(inside, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            os.close(inside)
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
            result.append(device)
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise RuntimeError(f"a tun device {name} in {namespace}: {result[0]}")
    return result[0]
