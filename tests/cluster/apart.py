"""A cluster whose members do not share their interfaces, as on hosts of their own: n1 and this process in one new
network namespace, each other member in one more. Needs root."""
import ctypes
import http.client
import os
import subprocess

from loopback import Client, Cluster, Member, tls_context, wait_for

CLONE_NEWNET = 0x40000000


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


def in_libc(call, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), call)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), call)


class ApartMember(Member):
    """By default on the host of n1."""
    ip = "10.77.0.1"

    @property
    def address(self):
        return f"{self.ip}:{self.port}"

    def tls(self, certificate=None, key=None, timeout=15):
        context = tls_context(certificate, key)
        return Client(lambda: http.client.HTTPSConnection(self.ip, self.port, timeout=timeout, context=context))


class Apart(Cluster):
    def __init__(self, count=3):
        self.hosts = []
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY)
        in_libc("unshare", CLONE_NEWNET)
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "hub", "type", "bridge")
        sh("ip", "addr", "add", "10.77.0.1/24", "dev", "hub")
        sh("ip", "link", "set", "hub", "up")
        super().__init__(0)
        for i in range(count):
            self.add(f"n{i + 1}")

    def __exit__(self, *failed):
        super().__exit__(*failed)
        for host in self.hosts:
            host.communicate()
        in_libc("setns", self.before, CLONE_NEWNET)
        os.close(self.before)

    def add(self, name):
        m = ApartMember(self.folder, name)
        self.members.append(m)
        if len(self.members) == 1:
            return m.start("--bootstrap").wait_ready()
        self._move(m, len(self.members))
        token = self.members[0].muster("token", name)
        m.start("--join", token.stdout.strip()).wait_ready()
        wait_for(lambda: m.log_text().count("serves"), 40)
        return m

    def _move(self, m, number):
        """To a host of its own."""
        own = os.readlink("/proc/self/ns/net")
        host = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)  # ends with this process
        self.hosts.append(host)
        space = f"/proc/{host.pid}/ns/net"
        wait_for(lambda: os.readlink(space) != own)
        m.ip, m.prefix = f"10.77.0.{number}", ["nsenter", f"--net={space}"]
        sh("ip", "link", "add", f"v{number}", "master", "hub", "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        sh("ip", "link", "set", f"v{number}", "up")
        sh(*m.prefix, "ip", "addr", "add", f"{m.ip}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            sh(*m.prefix, "ip", "link", "set", device, "up")
