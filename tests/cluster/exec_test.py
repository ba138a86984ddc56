"""Commands in containers: who may take part, when they begin and end; waiting for operations."""
import contextlib
import json
import os
import socket
import struct
import time
import unittest

from clients import make_certificate, raw_tls, raw_unix, trust, web_socket
from loopback import Cluster, WebSocket, upload_image, wait_for

NAMES = ("0", "1", "2", "control")


def read_all(w):
    """(what came, code of the goodbye)"""
    got = b""
    while True:
        op, data = w.read()
        if op == 8:
            return got, struct.unpack(">H", data[:2])[0]
        got += data


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Exec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.node, cls.other = cls.cluster.members
        client = cls.node.unix(60)
        upload_image(client, cls.cluster.folder)
        cls.full = make_certificate(cls.cluster.folder, "full")
        cls.second = make_certificate(cls.cluster.folder, "second")
        cls.bound = make_certificate(cls.cluster.folder, "bound")
        for name in ("full", "second"):
            assert trust(cls.node, name, getattr(cls, name)).status == 201
        assert trust(cls.node, "bound", cls.bound, restricted=True, projects=["default"]).status == 201
        client.done("POST", "/1.0/instances?target=n2", {
            "name": "c", "start": True, "config": {"environment.FROM": "config"}, "source": {"type": "image", "alias": "tiny"}})
        cls.pid = client.get("/1.0/instances/c/state").metadata["pid"]

    @classmethod
    def tearDownClass(cls):
        with contextlib.suppress(Exception):
            cls.node.unix(60).done("PUT", "/1.0/instances/c/state", {"action": "stop", "force": True})
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        for m in self.cluster.members:
            self.assertTrue(m.is_running(), m.log_text()[-500:])

    def begin(self, command, client=None, **more):
        answer = (client or self.other.unix()).ask("POST", "/1.0/instances/c/exec", {
            "command": command, "wait-for-websocket": True, "interactive": False, **more})
        self.assertEqual(answer.status, 202, answer)
        return answer.json["operation"], answer.metadata["metadata"].get("fds")

    def dial(self, op, secret, member=None):
        return WebSocket.unix((member or self.other).socket, f"{op}/websocket?secret={secret}", 30)

    def ended(self, op, member=None):
        return (member or self.node).unix(60).get(op + "/wait?timeout=40")

    def processes(self, word):
        """Pids of commands with this word; no helper."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
                if word.encode() in line and b"musterd" not in line:
                    found.append(int(pid))
        return found

    # --- begin and end ---------------------------------------------------------------------------

    def test_control_is_not_needed_and_the_order_is_free(self):
        for member in self.cluster.members:
            op, fds = self.begin(["sh", "-c", "cat; echo out; echo err >&2; exit 7"], member.unix())
            ws = {n: self.dial(op, fds[n], member) for n in ("2", "1", "0")}
            ws["0"].send(b"in\n", 2)
            ws["0"].send(b"", 1)
            self.assertEqual(read_all(ws["1"]), (b"in\nout\n", 1000))
            self.assertEqual(read_all(ws["2"]), (b"err\n", 1000))
            self.assertEqual(self.ended(op).metadata["metadata"]["return"], 7)

    def test_nobody_dials(self):
        op, fds = self.begin(["true"])
        one = self.dial(op, fds["1"])
        ended = self.ended(op)
        self.assertIn("websockets", ended.json["error"])
        self.assertEqual((ended.status, ended.json["type"], ended.json["error_code"]), (400, "error", 400))
        self.assertEqual(read_all(one)[1], 1000)

    def test_a_client_that_goes_takes_the_command_along(self):
        for gone, opened in (("control", NAMES), ("1", ("0", "1", "2"))):
            word = f"99{time.monotonic_ns() % 10**7}"
            op, fds = self.begin(["sh", "-c", f"sleep {word} & wait"])
            ws = {n: self.dial(op, fds[n]) for n in opened}
            wait_for(lambda: self.processes(f"sleep {word} & wait"))
            ws[gone].sock.shutdown(socket.SHUT_RDWR)
            ws[gone].close()
            self.assertEqual(self.ended(op).metadata["metadata"]["return"], 137)
            wait_for(lambda: not self.processes(f"sleep {word} & wait"))

    def test_signals_go_to_the_command(self):
        op, fds = self.begin(["sh", "-c", "echo up; exec sleep 1000"])
        ws = {n: self.dial(op, fds[n]) for n in NAMES}
        self.assertEqual(ws["1"].read()[1], b"up\n")
        [pid] = wait_for(lambda: self.processes("sleep\x001000"))

        def state():
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rsplit(")", 1)[1].split()[0]

        for number, wanted in ((19, "T"), (18, "S")):
            ws["control"].send(json.dumps({"command": "signal", "signal": number}))
            wait_for(lambda wanted=wanted: state() == wanted)
        ws["control"].send(json.dumps({"command": "signal", "signal": 9}))
        self.assertEqual(self.ended(op).metadata["metadata"]["return"], 137)

    def test_a_client_that_pauses_costs_nothing(self):
        op, fds = self.begin(["sh", "-c", "head -c 30000000 /dev/zero"], self.node.unix())
        s = raw_unix(self.other)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ws = {"1": WebSocket(s, f"{op}/websocket?secret={fds['1']}")}
        ws.update({n: self.dial(op, fds[n]) for n in ("0", "2")})
        ws["1"].read()
        before = cpu_seconds(self.other.process.pid)
        time.sleep(2)  # what is measured is the time itself
        self.assertLess(cpu_seconds(self.other.process.pid) - before, 0.8)
        s.settimeout(30)
        got = 0
        while got < 20_000_000:
            got += len(ws["1"].read()[1])
        ws["1"].close()

    def test_many_commands_leave_room_for_operations(self):
        ops = [self.begin(["true"]) for _ in range(140)]
        self.assertEqual(len(ops), 140)
        client = self.other.unix(60)
        client.done("PUT", "/1.0/instances/c", {"config": {"environment.FROM": "config", "user.x": "1"}, "profiles": ["default"]})

    # --- what it gets ----------------------------------------------------------------------------

    def recorded(self, command, **more):
        answer = self.node.unix().ask("POST", "/1.0/instances/c/exec", {
            "command": command, "wait-for-websocket": False, "record-output": True, "interactive": False, **more})
        self.assertEqual(answer.status, 202, answer)
        self.assertIn("?project=default", answer.headers["Location"])
        done = self.ended(answer.json["operation"]).metadata["metadata"]
        return done["return"], [self.other.unix().get(done["output"][n]).body for n in ("1", "2")]

    def test_homes_and_environments(self):
        show = ["sh", "-c", "echo $HOME:$USER:$FROM:$(pwd); echo e >&2; exit 3"]
        self.assertEqual(self.recorded(show), (3, [b"/root:root:config:/root\n", b"e\n"]))
        self.assertEqual(self.recorded(show, user=5)[1][0], b"::config:/\n")
        self.assertEqual(self.recorded(show, environment={"FROM": "caller", "HOME": "/tmp"})[1][0], b"/tmp:root:caller:/tmp\n")
        for bad in ({"user": -1}, {"environment": {"a=b": "c"}}, {"environment": {"a": "b\0c"}}, {"command": ["a\0b"]}):
            refused = self.node.unix().ask("POST", "/1.0/instances/c/exec", {"command": ["true"], "wait-for-websocket": False, **bad})
            self.assertEqual(refused.status, 400, bad)

    def test_recorded_output_has_a_bound(self):
        code, (out, _) = self.recorded(["sh", "-c", "head -c 20000000 /dev/zero; exit 0"])
        self.assertEqual((code, len(out)), (0, 16 << 20))

    def test_a_terminal_of_the_containers_own(self):
        op, fds = self.begin(["sh", "-c", "tty; stty size"], interactive=True, width=90, height=30)
        self.assertEqual(set(fds), {"0", "control"})
        ws = {n: self.dial(op, fds[n]) for n in fds}
        out, _ = read_all(ws["0"])
        self.assertIn(b"/dev/pts/", out)
        self.assertIn(b"30 90", out)

    # --- who may take part -----------------------------------------------------------------------

    def test_secrets_are_for_who_asked(self):
        op, fds = self.begin(["cat"], self.other.tls(*self.full))
        self.assertEqual(set(fds), set(NAMES))
        for member in self.cluster.members:
            for client in (member.unix(), member.tls(*self.second), member.tls(*self.bound)):
                for path in (op, "/1.0/operations?recursion=1", op + "/wait?timeout=0"):
                    self.assertNotIn(fds["0"], client.get(path).body.decode(), path)
            self.assertIn(fds["0"], member.tls(*self.full).get(op).body.decode())
        for member in self.cluster.members:  # its project is one that the restricted one sees
            self.assertIn(op.split("/")[-1], member.tls(*self.bound).get("/1.0/operations").body.decode())
        for member in self.cluster.members:
            for pair in (self.second, self.bound, (None, None)):
                self.assertEqual(web_socket(raw_tls(member, *pair), f"{op}/websocket?secret={fds['0']}"), 403)
            self.assertEqual(web_socket(raw_unix(member), f"{op}/websocket?secret={fds['0']}"), 403)
            self.assertEqual(web_socket(raw_tls(member, *self.full), f"{op}/websocket?secret={'0' * 64}"), 403)
        web_socket(raw_tls(self.node, *self.full), f"{op}/websocket?secret={fds['1']}")
        for member in self.cluster.members:
            self.assertEqual(web_socket(raw_tls(member, *self.full), f"{op}/websocket?secret={fds['1']}"), 403)

    def test_what_is_passed_on_ends_with_the_certificate(self):
        pair = make_certificate(self.cluster.folder, "leaver")
        self.assertEqual(trust(self.node, "leaver", pair).status, 201)
        op, fds = self.begin(["sh", "-c", "cat; sleep 1000"], self.node.tls(*pair))  # on the other member
        ws = {n: web_socket(raw_tls(self.node, *pair), f"{op}/websocket?secret={fds[n]}") for n in NAMES}
        ws["0"].send(b"a", 2)
        self.assertEqual(ws["1"].read()[1], b"a")
        [print_] = [x["fingerprint"] for x in self.node.unix().get("/1.0/certificates?recursion=1").metadata if x["name"] == "leaver"]
        self.node.unix().done("DELETE", f"/1.0/certificates/{print_}")
        with self.assertRaises((EOFError, ConnectionError)):
            while ws["1"].read()[0] != 8:
                pass
            raise EOFError
        self.assertEqual(self.ended(op).metadata["metadata"]["return"], 137)

    # --- waiting ---------------------------------------------------------------------------------

    def test_waiting_holds_no_thread(self):
        op, fds = self.begin(["cat"])
        ws = {n: self.dial(op, fds[n]) for n in NAMES}
        for member in self.cluster.members:
            def threads(m=member):
                return len(os.listdir(f"/proc/{m.process.pid}/task"))
            member.unix().get(op + "/wait?timeout=0")
            before = threads()
            waits = [raw_unix(member, 60) for _ in range(60)]
            for s in waits[:50]:
                s.sendall(f"GET {op}/wait?timeout=60 HTTP/1.1\r\nHost: m\r\n\r\n".encode())
            for s in waits[50:]:
                s.sendall(f"GET {op}/wait?timeout=60 HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n".encode())
            self.assertEqual(member.unix().get("/1.0/profiles").status, 200)
            self.assertLess(threads(), before + 12)
            for s in waits[:30]:
                s.close()
            setattr(self, "waits_" + member.name, waits[30:])
        early = self.node.unix().get(op + "/wait?timeout=5").metadata
        self.assertEqual(early["status"], "Running")
        ws["0"].send(b"", 1)
        for member in self.cluster.members:
            for s in getattr(self, "waits_" + member.name):
                data = b""
                while b'"status_code":200,"resources"' not in data:
                    part = s.recv(65536)
                    self.assertTrue(part, data)
                    data += part
                s.close()

    def test_a_wait_on_another_member_is_not_cut(self):
        op, fds = self.begin(["sleep", "33"])
        ws = [self.dial(op, fds[n]) for n in NAMES]
        ended = self.node.unix(60).get(op + "/wait?timeout=50")
        self.assertEqual((ended.status, ended.metadata["status"]), (200, "Success"))
        for w in ws:
            w.close()

    def test_a_stop_answers_who_waits(self):
        op, fds = self.begin(["sleep", "1000"])
        ws = [self.dial(op, fds[n]) for n in NAMES]
        s = raw_unix(self.node, 30)
        s.sendall(f"GET {op}/wait HTTP/1.1\r\nHost: m\r\n\r\n".encode())
        wait_for(lambda: self.node.unix().get(op).status == 200)
        began = time.monotonic()
        self.node.process.terminate()
        self.assertEqual(self.node.process.wait(40), 0)
        self.assertLess(time.monotonic() - began, 25)
        self.cluster.restart(self.node)
        for w in ws:
            w.close()


if __name__ == "__main__":
    unittest.main()
