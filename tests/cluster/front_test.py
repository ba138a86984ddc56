"""The front door: what one stranger can do, odd requests, waiting, stopping."""
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from clients import answer_of, cpu_seconds, is_closed, make_certificate, raw_tls, raw_unix, threads_of, trust
from loopback import Cluster, Member, upload_image, wait_for


class Front(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1)
        cls.node = cls.cluster[0]
        cls.trusted = make_certificate(cls.cluster.folder, "trusted")
        assert trust(cls.node, "trusted", cls.trusted).status == 201

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        self.assertTrue(self.node.is_running(), self.node.log_text()[-500:])
        self.assertEqual(self.node.unix().get("/1.0").status, 200)

    def ask_raw(self, *lines, body=b"", sock=None):
        s = sock or raw_unix(self.node)
        s.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return (s, *answer_of(s))

    # --- what is odd -----------------------------------------------------------------------------

    def test_a_request_without_a_body_is_answered_at_once(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/1.0/projects/nope", "/1.0/instances/nope", "/1.0/storage-pools", "/1.0/certificates"):
                began = time.monotonic()
                _, status, _, _ = self.ask_raw(f"{method} {path} HTTP/1.1", "Host: m")
                self.assertGreaterEqual(status, 400)
                self.assertLess(time.monotonic() - began, 5, f"{method} {path}")

    def test_long_paths_and_lines(self):
        _, status, headers, _ = self.ask_raw("GET /1.0/profiles/" + "x" * 600 + " HTTP/1.1", "Host: m")
        self.assertEqual((status, headers["connection"]), (414, "close"))
        self.assertEqual(self.ask_raw("GET /1.0/images/" + "x" * 7000 + "/export HTTP/1.1", "Host: m")[1], 414)
        self.assertEqual(self.ask_raw("GET /1.0/warnings HTTP/1.1", "Host: m", "Range: bytes=" + "0-," * 2700)[1], 431)
        self.assertEqual(self.ask_raw("GET /1.0/warnings HTTP/1.1", "Host: m", "If-Match:" + "x" * 8183)[1], 431)

    def test_what_is_refused_ends_the_connection(self):
        """What follows a head that could be read in two ways must not be read as a request."""
        hidden = b"DELETE /1.0/profiles/default HTTP/1.1\r\nHost: m\r\n\r\n"
        for head in (["POST /1.0/warnings HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked"],
                     ["POST /1.0/warnings HTTP/1.1", "Content-Length: 3", "Content-Length: 4"],
                     ["POST /1.0/warnings HTTP/1.1", "Content-Length: -1"],
                     ["POST /1.0/warnings HTTP/1.1", "Content-Length : 3"],
                     ["POST /1.0/warnings HTTP/1.1", "Transfer-Encoding: gzip, chunked"],
                     ["POST /1.0/warnings HTTP/1.1", "X: a\rb"], ["POST /1.0/warnings HTTP/1.1", "X: a\nb: c"],
                     ["POST /1.0/warnings HTTP/1.1", "X: \0"], ["GET /1.0/warnings HTTP/1.1", " folded: x"],
                     ["TRACE /1.0 HTTP/1.1", "Content-Length: 5"], ["CONNECT /1.0 HTTP/1.1"], ["PRI /1.0 HTTP/2.0"],
                     ["GET  HTTP/1.1"], ["GET /1.0/%zz HTTP/1.1"], ["GET /1.0/warnings HTTP/1.1", "X: " + "y" * 8190]):
            s, status, _, body = self.ask_raw(*head, body=hidden)
            self.assertGreaterEqual(status, 400, head)
            self.assertTrue(is_closed(s), (head, status, body))

    def test_ranges(self):
        fingerprint = upload_image(self.node.unix(), self.cluster.folder, "ranged")
        path = f"/1.0/images/{fingerprint}/export"
        whole = self.node.unix().get(path).body

        def part(value):
            s, status, headers, body = self.ask_raw(f"GET {path} HTTP/1.1", "Host: m", f"Range: {value}")
            _, after, _, _ = self.ask_raw("GET /1.0 HTTP/1.1", "Host: m", sock=s)
            self.assertEqual(after, 200, "what follows is a request again")
            return status, headers.get("content-range"), body

        size = len(whole)
        self.assertEqual(part("bytes=100-199"), (206, f"bytes 100-199/{size}", whole[100:200]))
        self.assertEqual(part("bytes=-7"), (206, f"bytes {size - 7}-{size - 1}/{size}", whole[-7:]))
        self.assertEqual(part(f"bytes={size}-")[:2], (416, f"bytes */{size}"))
        self.assertEqual(part("bytes=0-,0-,0-")[::2], (200, whole))
        self.assertEqual(part("bytes=z")[::2], (200, whole))
        shown = self.node.unix().get(path).headers
        self.assertEqual((shown["Accept-Ranges"], shown["X-Incus-Type"]), ("bytes", "incus"))
        self.assertEqual(shown["Content-Disposition"], f"inline;filename={fingerprint}.tar.gz")

    def test_the_name_of_an_exported_file_is_ours(self):
        subprocess.run([os.path.join(os.path.dirname(__file__), "../../tools/make-image"),
                        os.path.join(self.cluster.folder, "named.tar.gz"), "77"], check=True)
        with open(os.path.join(self.cluster.folder, "named.tar.gz"), "rb") as f:
            done = self.node.unix().ask("POST", "/1.0/images", f.read(), {"Content-Type": "application/octet-stream",
                                                                         "X-Incus-filename": "../../../x/.bashrc"})
        made = self.node.unix().get(done.json["operation"] + "/wait?timeout=30").metadata["metadata"]["fingerprint"]
        self.assertEqual(self.node.unix().get(f"/1.0/images/{made}/export").headers["Content-Disposition"],
                         f"inline;filename={made}.tar.gz")

    def test_a_refused_upload_gets_its_answer(self):
        self.node.unix().done("POST", "/1.0/projects", {"name": "there"})
        data = os.urandom(8 << 20)
        answer = self.node.tls(*self.trusted).ask("POST", "/1.0/images?project=nowhere", data, {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 404, answer)
        stranger = self.node.tls().ask("POST", "/1.0/images", data, {"Content-Type": "application/octet-stream"})
        self.assertEqual((stranger.status, stranger.headers["Connection"]), (403, "close"))
        self.assertEqual(self.node.unix().ask("POST", "/1.0/profiles", data).status, 413)

    # --- strangers -------------------------------------------------------------------------------

    def test_a_stranger_is_answered_on_the_head(self):
        before = threads_of(self.node)
        held = []
        for path, body in (("/1.0/images", 1 << 20), ("/1.0/profiles", 1000), ("/internal/shutdown", 10)):
            s = raw_tls(self.node)
            _, status, _, _ = self.ask_raw(f"POST {path} HTTP/1.1", "Host: m", f"Content-Length: {body}", sock=s)
            self.assertEqual(status, 403, path)
            held.append(s)
        for _ in range(40):  # bodies of open routes that never come whole
            s = raw_tls(self.node)
            s.sendall(b"POST /1.0/certificates HTTP/1.1\r\nHost: m\r\nContent-Length: 60000\r\n\r\n{")
            held.append(s)
        self.assertEqual(self.ask_raw("POST /1.0/certificates HTTP/1.1", "Host: m", "Content-Length: 999999", sock=raw_tls(self.node))[1], 413)
        self.assertEqual(self.ask_raw("POST /1.0/certificates HTTP/1.1", "Host: m", "Transfer-Encoding: chunked", sock=raw_tls(self.node))[1], 411)
        self.assertEqual(self.node.unix().get("/1.0/profiles").status, 200)
        self.assertLess(threads_of(self.node), before + 12, "no thread waits for a stranger's bytes")
        for s in held:
            s.close()

    def test_a_body_that_trickles_is_not_waited_for(self):
        s = raw_tls(self.node, *self.trusted)
        s.settimeout(40)
        s.sendall(b"POST /1.0/profiles HTTP/1.1\r\nHost: m\r\nContent-Length: 900000\r\n\r\n{")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 35:
                s.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    if s.recv(4096) is not None:
                        break
                s.sendall(b" ")
        self.assertLess(time.monotonic() - began, 20)

    def test_one_who_never_stops_asking_leaves_room_for_others(self):
        ends = threading.Event()
        for _ in range(2):
            s = raw_tls(self.node)

            def read(s=s):
                with contextlib.suppress(OSError, ValueError):
                    while not ends.is_set() and s.recv(1 << 16):
                        pass

            def write(s=s):
                with contextlib.suppress(OSError, ValueError):
                    while not ends.is_set():
                        s.sendall(b"GET /1.0/x HTTP/1.1\r\n\r\n" * 200)

            for work in (read, write):
                threading.Thread(target=work, daemon=True).start()
        c = self.node.unix()
        slowest = 0
        for _ in range(50):
            began = time.monotonic()
            self.assertEqual(c.get("/1.0/cluster/members").status, 200)
            slowest = max(slowest, time.monotonic() - began)
        ends.set()
        self.assertLess(slowest, 1)

    def test_strangers_of_one_address_are_few(self):
        held = [raw_tls(self.node) for _ in range(64 + 10)]
        answered = 0
        for s in held:
            with contextlib.suppress(OSError):
                s.sendall(b"GET /1.0 HTTP/1.1\r\nHost: m\r\n\r\n")
                answered += answer_of(s)[0] == 200
        self.assertLessEqual(answered, 64)
        self.assertGreater(answered, 10)
        self.assertEqual(self.node.tls(*self.trusted).get("/1.0/profiles").status, 200)
        for s in held:
            s.close()
        wait_for(lambda: self.node.tls().get("/1.0").status == 200)

    def test_stalled_handshakes_keep_nobody_out(self):
        held = [socket.create_connection(("127.0.0.1", self.node.port)) for _ in range(300)]
        for s in held:
            s.sendall(b"\x16\x03\x01")
        began = time.monotonic()
        self.assertEqual(self.node.tls(*self.trusted).get("/1.0/profiles").status, 200)
        self.assertLess(time.monotonic() - began, 2)
        for s in held:
            s.close()

    # --- waiting ---------------------------------------------------------------------------------

    def long_operation(self, member=None, seconds=60):
        """A token's operation never ends by itself."""
        return (member or self.node).unix().ask("POST", "/1.0/cluster/members", {"server_name": f"n{time.monotonic_ns()}"}).metadata["id"]

    def test_waiting_for_what_is_not_there(self):
        self.assertEqual(self.node.unix().get("/1.0/operations/11111111-2222-3333-4444-555555555555/wait").status, 404)
        self.assertEqual(self.node.unix().get(f"/1.0/operations/{self.long_operation()}/wait?timeout=1").status, 200)

    # --- few descriptors -------------------------------------------------------------------------

    def test_the_limit_of_descriptors_is_raised(self):
        with open(f"/proc/{self.node.process.pid}/limits") as f:
            soft, hard = next(line for line in f if line.startswith("Max open files")).split()[3:5]
        self.assertEqual(soft, hard)


    # --- certificates and tokens -----------------------------------------------------------------

    def test_a_certificate_is_shown_with_its_chain(self):
        folder = tempfile.mkdtemp(dir=self.cluster.folder)

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", *new_key, "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "7", "-days", "2", "-out", "leaf.crt")

        def text(*names):
            return "".join(open(os.path.join(folder, n)).read() for n in names)

        self.node.unix().done("PUT", "/1.0/cluster/certificate", {"cluster_certificate": text("leaf.crt", "ca.crt"),
                                                                  "cluster_certificate_key": text("leaf.key")})

        def shown():
            return subprocess.run(["openssl", "s_client", "-showcerts", "-connect", self.node.address], input=b"",
                                  capture_output=True).stdout.count(b"BEGIN CERTIFICATE")
        wait_for(lambda: shown() == 2)

    def test_a_token_in_a_file(self):
        path = os.path.join(self.cluster.folder, "token")
        token = self.node.muster("token", "n2").stdout.strip()
        with open(path, "w") as f:
            f.write(token + "\n")
        m = Member(self.cluster.folder, "n2")
        try:
            m.start("--join-file", path).wait_ready()
            wait_for(lambda: "serves" in m.log_text())
            self.assertEqual(len(m.unix().get("/1.0/cluster/members").metadata), 2)
            with open(f"/proc/{m.process.pid}/cmdline") as f:
                self.assertNotIn(token, f.read())
        finally:
            m.kill()


class FewDescriptors(unittest.TestCase):
    def test_none_left(self):
        with Cluster(0) as cluster:
            m = Member(cluster.folder, "n1")
            cluster.members.append(m)
            m.prefix = ["prlimit", "--nofile=300:300"]
            m.start("--bootstrap").wait_ready()
            held = []
            for _ in range(400):
                with contextlib.suppress(OSError):
                    s = socket.socket(socket.AF_UNIX)
                    s.settimeout(1)
                    s.connect(m.socket)
                    held.append(s)
            before = cpu_seconds(m)
            time.sleep(1.5)  # what is measured is the time itself
            self.assertLess(cpu_seconds(m) - before, 0.75, "it waits for a descriptor, and does not turn in circles")
            self.assertTrue(m.is_running(), m.log_text()[-500:])
            for s in held:
                s.close()
            self.assertEqual(wait_for(lambda: m.unix().get("/1.0")).status, 200)
            m.unix().done("POST", "/1.0/profiles", {"name": "after"})


class Stopping(unittest.TestCase):
    def test_it_waits_for_nobody(self):
        with Cluster(1) as cluster:
            m = cluster[0]
            pair = make_certificate(cluster.folder, "trusted")
            trust(m, "trusted", pair)
            slow = raw_tls(m, *pair)
            slow.sendall(b"POST /1.0/images HTTP/1.1\r\nHost: m\r\nContent-Length: 99999999\r\n\r\nx")
            began = time.monotonic()
            m.process.send_signal(signal.SIGTERM)
            self.assertEqual(m.process.wait(40), 0)
            self.assertLess(time.monotonic() - began, 25)


if __name__ == "__main__":
    unittest.main()
