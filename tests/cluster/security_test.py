"""Who may what, and what garbage does."""
import base64
import http.client
import json
import os
import random
import socket
import ssl
import time
import unittest

from clients import cpu_seconds, make_certificate, raw_tls
from loopback import Cluster, WebSocket, wait_for


def first_line(sock):
    data = b""
    try:
        while b"\r\n" not in data:
            part = sock.recv(4096)
            if not part:
                break
            data += part
    except ConnectionError:
        pass
    return data.split(b"\r\n")[0].decode(errors="replace")


def upgrade(sock, path, protocol):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode())
    return first_line(sock)


class Security(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.node = cls.cluster[0]
        cls.folder = cls.cluster.folder
        cls.trusted = make_certificate(cls.folder, "trusted")
        cls.restricted = make_certificate(cls.folder, "restricted")
        cls.stranger = make_certificate(cls.folder, "stranger")
        for name in ("trusted", "restricted"):
            with open(os.path.join(cls.folder, name + ".crt")) as f:
                pem = f.read()
            der = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
            cls.node.unix().done("POST", "/1.0/certificates",
                                 {"name": name, "type": "client", "certificate": der,
                                  "restricted": name == "restricted"})

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        for m in self.cluster.members:
            self.assertTrue(m.is_running(), m.log_text()[-500:])
            self.assertEqual(m.unix().get("/1.0").status, 200)

    def test_without_a_certificate(self):
        c = self.node.tls()
        self.assertEqual(c.get("/1.0").metadata["auth"], "untrusted")
        self.assertNotIn("environment", c.get("/1.0").metadata)
        for path in ["/1.0/profiles", "/1.0/cluster", "/1.0/operations", "/internal/status",
                     "/internal/snapshot", "/internal/operations"]:
            self.assertEqual(c.get(path).status, 403, path)
        self.assertEqual(c.ask("POST", "/1.0/profiles", {"name": "x"}).status, 403)
        self.assertEqual(c.get("/nothing").status, 404)

    def test_a_stranger_and_a_restricted_client(self):
        self.assertEqual(self.node.tls(*self.stranger).get("/1.0/profiles").status, 403)
        c = self.node.tls(*self.restricted)
        self.assertEqual(c.get("/1.0").metadata["auth"], "trusted")
        self.assertEqual(c.ask("POST", "/1.0/profiles", {"name": "x"}).status, 403)
        self.assertEqual(c.get("/internal/snapshot").status, 403)
        token = self.node.unix().ask("POST", "/1.0/cluster/members", {"server_name": "n9"}).metadata
        secret = token["metadata"]["secret"]
        for path in ["/1.0/operations?recursion=1", f"/1.0/operations/{token['id']}", f"/1.0/operations/{token['id']}/wait?timeout=0"]:
            self.assertNotIn(secret, c.get(path).body.decode(), path)
            self.assertIn(secret, self.node.unix().get(path).body.decode(), path)
        full = self.node.tls(*self.trusted)
        self.assertEqual(full.ask("POST", "/1.0/profiles", {"name": "by-tls"}).status, 201)
        self.assertEqual(full.get("/internal/snapshot").status, 403)

    def test_links_are_for_members(self):
        own = [os.path.join(self.node.dir, "cluster.crt"), os.path.join(self.node.dir, "cluster.key")]
        for who in ([None, None], self.stranger, self.trusted, own):
            with raw_tls(self.node, *who, sni="member.muster") as s:
                self.assertIn("403", upgrade(s, "/internal/link", "muster-link"))

    def test_a_server_with_cluster_key_only_is_not_a_member(self):
        """It listens where a member was; the others must not say a word to it."""
        victim = self.cluster.add("n3")
        victim.kill()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(victim.dir, "cluster.crt"), os.path.join(victim.dir, "cluster.key"))
        heard = []
        with socket.create_server(("127.0.0.1", victim.port)) as server:
            server.settimeout(6)
            end = time.monotonic() + 3
            while time.monotonic() < end and len(heard) < 3:
                try:
                    plain, _ = server.accept()
                    with context.wrap_socket(plain, server_side=True) as s:
                        s.settimeout(3)
                        heard.append(s.recv(100))
                except (OSError, ssl.SSLError):
                    heard.append(b"")
        self.assertTrue(heard)
        self.assertEqual(set(heard), {b""})
        self.cluster.restart(victim)

    def test_probes(self):
        for who, code in ((self.trusted, 0), (self.restricted, 1), (self.stranger, 1)):
            began = time.monotonic()
            done = self.node.muster("probe", self.node.address, "--cert", who[0], "--key", who[1])
            self.assertEqual(done.returncode, code, done)
            self.assertLess(time.monotonic() - began, 3)
            self.assertTrue(code == 0 or done.stderr.startswith("muster: "), done)

    def test_garbage_behind_an_upgrade_for_probes(self):
        before = self.node.status()["term"]
        chance = random.Random(1)
        for _ in range(30):
            with raw_tls(self.node, *self.trusted) as s:
                self.assertIn("101", upgrade(s, "/internal/probe", "muster-probe"))
                s.sendall(chance.randbytes(chance.randrange(1, 5000)))
        self.assertEqual(self.node.status()["term"], before)
        self.assertEqual(self.node.muster("probe", self.node.address).returncode, 0)

    def test_a_removed_certificate_is_cut_off(self):
        pair = make_certificate(self.folder, "removed")
        with open(pair[0]) as f:
            der = ssl.PEM_cert_to_DER_cert(f.read())
        unix = self.node.unix()
        unix.done("POST", "/1.0/certificates", {"name": "removed", "type": "client",
                                                "certificate": base64.b64encode(der).decode()})
        c = self.node.tls(*pair)
        self.assertEqual(c.get("/1.0/profiles").status, 200)
        print_ = next(x["fingerprint"] for x in unix.get("/1.0/certificates?recursion=1").metadata
                      if x["name"] == "removed")
        unix.done("DELETE", f"/1.0/certificates/{print_}")

        def is_out():
            try:
                return c.get("/1.0/profiles").status == 403
            except (OSError, http.client.HTTPException):
                return True

        wait_for(is_out)
        self.assertEqual(self.node.tls(*pair).get("/1.0/profiles").status, 403)

    def test_a_silent_client_costs_nothing_and_is_dropped(self):
        sockets = [socket.create_connection(("127.0.0.1", self.node.port)) for _ in range(20)]
        before = cpu_seconds(self.node)
        for s in sockets:
            s.settimeout(10)
            self.assertEqual(s.recv(1), b"")
            s.close()
        self.assertLess(cpu_seconds(self.node) - before, 0.5)

    def test_bad_requests(self):
        c = self.node.unix()
        bad = c.ask("POST", "/1.0/profiles", '{"name": "x",, }')
        self.assertEqual(bad.status, 400)
        self.assertRegex(bad.json["error"], r"\d")
        self.assertEqual(c.ask("POST", "/1.0/profiles", '{"name": 7}').status, 400)
        self.assertEqual(self.node.unix().ask("POST", "/1.0/profiles", "x" * (2 << 20)).status, 413)
        self.assertEqual(self.node.unix().get("/1.0/profiles/" + "x" * 70000).status // 100, 4)
        self.assertEqual(c.get("/1.0/%zz").status, 400)
        self.assertEqual(c.ask("PATCH", "/1.0/cluster/members").status, 501)

    def test_random_bytes_on_both_sockets(self):
        chance = random.Random(2)
        heads = [b"GET /1.0 HTTP/1.1\r\n", b"POST /1.0/profiles HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{",
                 b"POST /1.0/images HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\x00" * 50,
                 b"GET / HTTP/9.9\r\n\r\n", b"POST /1.0/profiles HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
        for n in range(120):
            data = chance.choice(heads) + chance.randbytes(chance.randrange(0, 300))
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.node.socket)
                s.sendall(data)
            with socket.create_connection(("127.0.0.1", self.node.port)) as s:
                s.sendall(data)
            if n % 10 == 0:
                with raw_tls(self.node) as s:
                    s.sendall(data)

    def test_bad_websocket_frames(self):
        for frame, code in ((b"\x81\x05hello", 1002), (b"\xf1\x80abcd", 1002), (b"\x81\xff" + b"\xff" * 8, 1009)):
            w = WebSocket.unix(self.node.socket, "/1.0/events")
            w.sock.sendall(frame + b"\0" * 8)
            op, payload = w.read()
            self.assertEqual((op, int.from_bytes(payload[:2], "big")), (8, code))
            w.close()

    def test_events_come_and_carry_who_asked(self):
        w = WebSocket.unix(self.cluster[1].socket, "/1.0/events?type=lifecycle")
        self.node.unix().done("POST", "/1.0/profiles", {"name": "seen"})
        event = json.loads(w.read()[1])
        self.node.tls(*self.trusted).ask("POST", "/1.0/profiles", {"name": "spoofed"},
                                         {"X-Incus-forwarded-username": "root", "X-Incus-forwarded-protocol": "unix"})
        self.assertEqual(json.loads(w.read()[1])["metadata"]["requestor"]["protocol"], "tls")
        self.assertEqual(event["metadata"]["action"], "profile-created")
        self.assertEqual(event["location"], "n1")
        self.assertEqual(event["metadata"]["requestor"]["protocol"], "unix")
        w.close()

    def test_idle_connections_do_not_delay_a_request(self):
        idle = []
        for _ in range(500):
            idle.append(WebSocket.unix(self.node.socket, "/1.0/events"))
        for _ in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.node.socket)
            s.sendall(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n")
            self.assertIn("200", first_line(s))
            idle.append(s)
        c = self.node.unix()
        began = time.monotonic()
        for _ in range(100):
            self.assertEqual(c.get("/1.0/cluster/members").status, 200)
        self.assertLess(time.monotonic() - began, 5)
        print(f"100 reads beside 1500 idle connections: {time.monotonic() - began:.3f} s, "
              f"{len(os.listdir(f'/proc/{self.node.process.pid}/task'))} threads")
        for s in idle:
            s.close()


if __name__ == "__main__":
    unittest.main()
