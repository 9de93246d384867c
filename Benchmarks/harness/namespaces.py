"""Hosts of one's own on one machine: network namespaces behind a bridge, their links as slow as wanted."""
import os
import shutil
import subprocess

from harness.checkout import Unavailable

PORT = 7700


class Links:
    """A coordinator and `workers` hosts, each in a namespace with one link to a bridge in yet another.

    Nothing is added to the machine's own network. Names carry this process's id, and leaving the `with` block takes all
    of it away again, with the processes that still run inside.
    """

    def __init__(self, workers, rate):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root; run this as root or with sudo")
        for tool in ("ip", "tc"):
            if shutil.which(tool) is None:
                raise Unavailable(f"the command {tool} is missing; on Debian: apt-get install iproute2")
        self.prefix = f"shoal-bench-{os.getpid()}"
        self.rate = rate
        self.hosts = ["coordinator"] + [f"worker{number}" for number in range(1, workers + 1)]

    def address(self, host):
        return f"10.77.0.{1 + self.hosts.index(host)}"

    def namespace(self, host):
        return f"{self.prefix}-{host}"

    def command(self, host, command):
        """`command` as it runs on `host`."""
        return ["ip", "netns", "exec", self.namespace(host)] + [str(word) for word in command]

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _build(self):
        switch = self.namespace("switch")
        _call("ip", "netns", "add", switch)
        _call("ip", "-n", switch, "link", "add", "name", "bridge", "type", "bridge")
        _call("ip", "-n", switch, "link", "set", "bridge", "up")
        for host in self.hosts:
            space, port = self.namespace(host), f"to-{host}"
            _call("ip", "netns", "add", space)
            _call("ip", "-n", switch, "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            _call("ip", "-n", switch, "link", "set", port, "master", "bridge", "up")
            _call("ip", "-n", space, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            _call("ip", "-n", space, "link", "set", "lo", "up")
            _call("ip", "-n", space, "link", "set", "eth0", "up")
            # Both directions: what the host sends, and what the bridge sends it.
            for where, device in ((space, "eth0"), (switch, port)):
                _call("tc", "-n", where, "qdisc", "add", "dev", device, "root", "tbf",
                      "rate", self.rate, "burst", "128kb", "latency", "50ms")

    def _remove(self):
        listed = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True).stdout
        mine = [line.split()[0] for line in listed.splitlines() if line.startswith(self.prefix + "-")]
        for space in mine:
            inside = subprocess.run(["ip", "netns", "pids", space], stdout=subprocess.PIPE, text=True).stdout.split()
            if inside:
                subprocess.run(["kill", "-KILL", *inside], stderr=subprocess.DEVNULL)
        for space in mine:
            subprocess.run(["ip", "netns", "delete", space])


def bits_per_second(rate):
    """`rate` as tc writes it: 1gbit, 100mbit, 40kbit."""
    for suffix, factor in (("gbit", 1e9), ("mbit", 1e6), ("kbit", 1e3)):
        if rate.endswith(suffix):
            return float(rate[: -len(suffix)]) * factor
    raise Unavailable(f"the rate is '{rate}', expected a number and gbit, mbit or kbit")


def _call(*words):
    result = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Unavailable(f"`{' '.join(words)}` failed: {result.stderr.strip()}")
