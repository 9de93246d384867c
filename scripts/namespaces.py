"""Hosts of one's own on one machine: network namespaces behind a router, whose links can be cut, swallow and be slow.
Nothing in the machine's own network is touched, and names carry this process's id. Python's standard library only."""

import os
import shutil
import subprocess


class Host:
    """A network namespace with one address, behind the router."""

    def __init__(self, network, index):
        self.network = network
        self.namespace = f"{network.prefix}-{index}"
        self.device = f"port{index}"
        self.address = f"10.77.{index}.2"
        self.gateway = f"10.77.{index}.1"
        run("ip", "netns", "add", self.namespace)
        network.namespaces.append(self.namespace)
        run("ip", "link", "add", self.device, "netns", network.router, "type", "veth", "peer", "name", "eth0", "netns",
            self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")
        self.configure()

    def configure(self):
        """Gives the two ends of its link their addresses."""
        router = self.network.router
        run("ip", "-n", router, "addr", "add", f"{self.gateway}/24", "dev", self.device)
        run("ip", "-n", router, "link", "set", self.device, "up")
        run("ip", "-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.namespace, "link", "set", "eth0", "up")
        run("ip", "-n", self.namespace, "route", "add", "default", "via", self.gateway)

    def unplug(self):
        """Takes the link away, for another in its place."""
        run("ip", "-n", self.network.router, "link", "del", self.device)

    def command(self, words):
        """`words` as they run on this host."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def cut(self):
        """Pulls the plug at the router's side."""
        run("ip", "-n", self.network.router, "link", "set", self.device, "down")

    def plug_in(self):
        run("ip", "-n", self.network.router, "link", "set", self.device, "up")

    def limit(self, rate, both_ways=False, burst="16kb", latency="500ms"):
        """What reaches this host comes at `rate`, as 2mbit, and what it sends leaves at it where `both_ways`; None takes the
        limit away."""
        for where, device in [(self.network.router, self.device)] + [(self.namespace, "eth0")] * both_ways:
            if rate is None:
                run("tc", "-n", where, "qdisc", "del", "dev", device, "root")
            else:
                run("tc", "-n", where, "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", burst,
                    "latency", latency)


class Network:
    """Hosts behind a router, all of them namespaces; nothing in the machine's own network is touched."""

    @staticmethod
    def missing():
        """Why there can be none here; None when there can."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        for tool in ["ip", "tc"]:
            if not shutil.which(tool):
                return f"{tool} is not installed (Debian: iproute2)"
        name = f"shoal{os.getpid()}-try"
        if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
            return "this machine does not allow network namespaces"
        run("ip", "netns", "del", name)
        return None

    def __init__(self, count):
        self._remove_stale()
        self.prefix = f"shoal{os.getpid()}"
        self.router = f"{self.prefix}-r"
        self.namespaces = []
        run("ip", "netns", "add", self.router)
        self.namespaces.append(self.router)
        run("ip", "netns", "exec", self.router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.hosts = [Host(self, index) for index in range(1, count + 1)]

    def black_hole(self, source, target, both_ways=True):
        """The router swallows what `source` sends to `target`, without a word."""
        self._rules("add", source, target, both_ways)

    def end_black_hole(self, source, target, both_ways=True):
        self._rules("del", source, target, both_ways)

    def _rules(self, verb, source, target, both_ways):
        pairs = [(source, target)] + ([(target, source)] if both_ways else [])
        for one, other in pairs:
            run("ip", "-n", self.router, "rule", verb, "from", one.address, "to", other.address, "blackhole")

    @staticmethod
    def _remove_stale():
        """Those of a script that was killed; its processes went with it."""
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        for name in [line.split()[0] for line in listed.splitlines() if line.startswith("shoal")]:
            owner = name[len("shoal"):].split("-")[0]
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def close(self):
        """Takes all of it away, with the processes that still run inside."""
        for name in self.namespaces:
            inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
            if inside:
                subprocess.run(["kill", "-KILL", *inside], capture_output=True)
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {result.returncode}: {result.stderr.strip()}")
