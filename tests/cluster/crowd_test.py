"""Many who keep the server busy for nothing: others are served meanwhile, and all comes back afterwards."""
import contextlib
import json
import os
import resource
import socket
import time
import unittest

from clients import answer_of, make_certificate, threads_of, trust
from loopback import Cluster, Member, tls_context, wait_for

CROWD = 1000
WRITES = 100
NOISE_S = 0.1  # a pause of the host's own


def descriptors_of(member):
    return len(os.listdir(f"/proc/{member.process.pid}/fd"))


def resident_mib(member):
    with open(f"/proc/{member.process.pid}/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() >> 20


class Crowds(unittest.TestCase):
    """The server has 1,500 descriptors: a crowd does not fit twice."""

    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        cls.cluster = Cluster(0)
        cls.node = Member(cls.cluster.folder, "n1")
        cls.cluster.members.append(cls.node)
        cls.node.prefix = ["prlimit", "--nofile=1500:1500"]
        cls.node.start("--bootstrap").wait_ready()
        cls.trusted = make_certificate(cls.cluster.folder, "trusted")
        assert trust(cls.node, "trusted", cls.trusted).status == 201
        cls.context = tls_context(*cls.trusted)
        cls.p99_of_writes()  # nothing is done for the first time afterwards

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @classmethod
    def p99_of_writes(cls):
        """Of writes on one connection each, with its handshake."""
        took = []
        for n in range(WRITES):
            body = json.dumps({"description": str(n)})
            began = time.monotonic()
            with cls.shake() as s:
                s.sendall(f"PATCH /1.0/profiles/default HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                assert answer_of(s)[0] == 200
            took.append(time.monotonic() - began)
        return sorted(took)[WRITES * 99 // 100]

    @classmethod
    def shake(cls):
        return cls.context.wrap_socket(socket.create_connection(("127.0.0.1", cls.node.port), timeout=10))

    @contextlib.contextmanager
    def crowd(self, what):
        """Others write as quickly as before while the block's sockets are held, and nothing stays of them."""
        before = self.p99_of_writes()
        descriptors = descriptors_of(self.node)
        held = []
        yield held
        during = self.p99_of_writes()
        with contextlib.suppress(OSError):
            for s in held:
                s.close()
        print(f"p99 of a write: {before * 1000:.1f} ms alone, {during * 1000:.1f} ms beside {len(held)} {what}")
        self.assertLess(during, 2 * before + NOISE_S)
        wait_for(lambda: descriptors_of(self.node) <= descriptors + 5)
        self.assertTrue(self.node.is_running(), self.node.log_text()[-500:])

    def test_stalled_handshakes(self):
        with self.crowd("stalled handshakes") as held:
            for _ in range(CROWD):
                s = socket.create_connection(("127.0.0.1", self.node.port))
                s.sendall(b"\x16\x03\x01")
                held.append(s)

    def test_more_than_there_are_descriptors(self):
        """Whoever has shaken hands comes before those who have not."""
        before = resident_mib(self.node)
        with self.crowd("stalled handshakes, more than fit") as held:
            for _ in range(2 * CROWD):
                s = socket.create_connection(("127.0.0.1", self.node.port))
                with contextlib.suppress(OSError):
                    s.sendall(b"\x16\x03\x01")
                held.append(s)

        wait_for(lambda: resident_mib(self.node) < before + 16, 90)

    def test_half_heads(self):
        with self.crowd("half heads") as held:
            for _ in range(CROWD):
                s = self.shake()
                s.sendall(b"GET /1.0 HTTP/1.1\r\nHost: ")
                held.append(s)

    def test_trickled_bodies(self):
        with self.crowd("trickled bodies") as held:
            for _ in range(448):
                s = self.shake()
                s.sendall(b"POST /1.0/profiles HTTP/1.1\r\nHost: m\r\nContent-Length: 60000\r\n\r\n{")
                held.append(s)
            for s in held:
                with contextlib.suppress(OSError):
                    s.sendall(b" ")

    def test_abandoned_waits(self):
        made = self.node.unix().ask("POST", "/1.0/cluster/members", {"server_name": "never"})
        before = threads_of(self.node)
        path = f"/1.0/operations/{made.metadata['id']}/wait?timeout=-1"
        with self.crowd("waits") as held:
            for _ in range(200):
                s = self.shake()
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: m\r\n\r\n".encode())
                held.append(s)
        self.assertLess(threads_of(self.node), before + 12, "no thread waits for an operation")

    def test_requests_in_one_go(self):
        with self.crowd("pipelining clients") as held:
            for _ in range(4):
                s = self.shake()
                s.setblocking(False)
                with contextlib.suppress(OSError):
                    while len(held) < 100_000 and s.send(b"GET /1.0/profiles HTTP/1.1\r\n\r\n" * 500):
                        pass
                held.append(s)


if __name__ == "__main__":
    unittest.main()
