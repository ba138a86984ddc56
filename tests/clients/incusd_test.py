"""A server called as incusd, driven by the stock client from its first start to a cluster. Needs root for
containers and bridges."""
import grp
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from incus_test import Incus
from loopback import BIN, ROOT, UnixConnection, Client, free_port, remove_folder, wait_for


class Incusd:
    """One server with a directory of its own, as a service manager starts it."""

    def __init__(self, folder, name):
        self.dir = os.path.join(folder, name)
        self.log = self.dir + ".log"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.program = os.path.join(folder, "incusd")
        if not os.path.lexists(self.program):
            os.symlink(os.path.abspath(os.path.join(BIN, "musterd")), self.program)
        self.incus = Incus(folder, self.dir)

    def start(self, *more):
        self.process = subprocess.Popen([self.program, "--logfile", self.log, "--verbose", *more],
                                        env={**os.environ, "INCUS_DIR": self.dir})
        self.incus("admin", "waitready", "--timeout", "20")
        return self

    def end(self, sig=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(30)

    def unix(self):
        return Client(lambda: UnixConnection(os.path.join(self.dir, "unix.socket"), 30))

    def listens(self, port=None):
        with socket.socket() as s:
            s.settimeout(2)
            return s.connect_ex(("127.0.0.1", port or self.port)) == 0


class AsIncusd(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="muster.")
        os.chmod(self.folder, 0o711)
        self.servers = []
        self.addCleanup(remove_folder, self.folder)
        self.addCleanup(lambda: [s.end() for s in self.servers])

    def server(self, name, *more):
        s = Incusd(self.folder, name)
        self.servers.append(s)
        return s.start(*more)

    def image(self, s):
        path = os.path.join(self.folder, "tiny.tar.gz")
        if not os.path.exists(path):
            subprocess.run([os.path.join(ROOT, "tools/make-image"), path], check=True)
        s.incus("image", "import", path, "--alias", "tiny")

    def test_standalone_on_its_socket_until_it_is_told_an_address(self):
        group = grp.getgrgid(65534).gr_name
        s = self.server("a", "--group", group)
        seen = os.stat(os.path.join(s.dir, "unix.socket"))
        self.assertEqual((stat.S_IMODE(seen.st_mode), seen.st_gid), (0o660, 65534))
        self.assertTrue(os.path.getsize(s.log) > 0)
        self.assertFalse(s.unix().get("/1.0/cluster").metadata["enabled"])
        self.assertFalse(s.listens())
        s.incus("config", "set", f"core.https_address={s.address}")
        self.assertTrue(s.listens())
        self.assertEqual(s.incus("config", "get", "core.https_address"), s.address + "\n")
        other = free_port()
        s.incus("config", "set", f"core.https_address=:{other}")
        self.assertTrue(s.listens(other))
        self.assertFalse(s.listens())
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            refused = s.incus.run("config", "set", f"core.https_address=127.0.0.1:{taken.getsockname()[1]}")
            self.assertIn("Address already in use", refused.stderr)
        self.assertTrue(s.listens(other))
        for bad in ("core.https_address=nonsense:0", "cluster.https_address=0.0.0.0:8443", "core.https_address=a b"):
            self.assertNotEqual(s.incus.run("config", "set", bad).returncode, 0, bad)
        refused = s.incus.run("cluster", "enable", "one")
        self.assertIn("wildcard", refused.stderr)
        s.end(signal.SIGTERM)
        s.start()
        self.assertTrue(s.listens(other))
        s.incus("config", "unset", "core.https_address")
        self.assertFalse(s.listens(other))

    def test_shutdown_ends_instances_and_the_next_start_starts_them(self):
        s = self.server("a")
        self.image(s)
        s.incus("storage", "create", "default", "dir")
        s.incus("profile", "device", "add", "default", "root", "disk", "path=/", "pool=default")
        s.incus("launch", "tiny", "c1")
        pid = s.incus.json("list", "c1")[0]["state"]["pid"]
        s.incus("admin", "shutdown", "--timeout", "30")
        self.assertEqual(s.process.wait(30), 0)
        self.assertFalse(os.path.exists(f"/proc/{pid}/root"))
        s.start()
        wait_for(lambda: s.incus.json("list", "c1")[0]["status"] == "Running")

    def test_the_client_s_own_tools_for_a_server_that_is_off(self):
        s = self.server("a")
        s.incus.env["PATH"] = self.folder + ":" + os.environ["PATH"]  # it looks for incusd
        s.incus("config", "set", "core.https_address", s.address)
        s.incus("cluster", "enable", "a")
        self.assertIn("please stop it first", s.incus.run("admin", "cluster", "edit", given="").stderr)
        s.incus("admin", "shutdown")
        self.assertEqual(s.process.wait(30), 0)
        self.assertIn(s.address, s.incus("admin", "cluster", "list-database"))
        shown, s.port = s.incus("admin", "cluster", "show"), free_port()
        old, s.address = s.address, f"127.0.0.1:{s.port}"
        s.incus("admin", "cluster", "edit", given=shown.replace(old, s.address))
        s.start()
        self.assertTrue(s.listens())
        wait_for(lambda: s.incus.json("cluster", "list")[0]["url"] == f"https://{s.address}")
        none = s.incus.run("admin", "cluster", "remove-raft-node", old, given="yes\n")
        self.assertIn(f'No raft node with address "{old}"', none.stderr)

    def test_preseed_then_enable_keeps_instances_then_another_joins(self):
        s = self.server("a")
        bridge = "mt" + os.urandom(4).hex()
        self.addCleanup(subprocess.run, ["ip", "link", "del", bridge], capture_output=True)
        s.incus("admin", "init", "--preseed", given=f"""
config:
  core.https_address: {s.address}
storage_pools:
- name: data
  driver: dir
networks:
- name: {bridge}
  type: bridge
  config:
    ipv4.address: none
    ipv6.address: none
profiles:
- name: default
  devices:
    root: {{path: /, pool: data, type: disk}}
    eth0: {{network: {bridge}, type: nic}}
""")
        self.assertTrue(s.listens())
        self.image(s)
        s.incus("launch", "tiny", "c1")
        self.assertIn("eth0", s.incus("exec", "c1", "--", "ip", "link"))
        pid = s.incus.json("list", "c1")[0]["state"]["pid"]
        s.incus("cluster", "enable", "one")
        shown = s.incus.json("list", "c1")[0]
        self.assertEqual((shown["location"], shown["status"], shown["state"]["pid"]), ("one", "Running", pid))
        self.assertEqual(s.incus("config", "get", "cluster.https_address"), s.address + "\n")
        fixed = s.incus.run("config", "set", "cluster.https_address=127.0.0.1:1")
        self.assertIn("Changing cluster.https_address is currently not supported", fixed.stderr)
        s.incus("delete", "-f", "c1")
        s.incus("profile", "device", "remove", "default", "eth0")
        s.incus("network", "delete", bridge)
        token = s.incus("cluster", "add", "two", "-q").strip().split()[-1]
        t = self.server("b")
        source = os.path.join(self.folder, "source")
        os.mkdir(source)
        t.incus("admin", "init", "--preseed", given=f"""
cluster:
  enabled: true
  server_address: {t.address}
  cluster_token: {token}
  member_config:
  - entity: storage-pool
    name: data
    key: source
    value: {source}
""")
        wait_for(lambda: [m["server_name"] for m in t.incus.json("cluster", "list")] == ["one", "two"])
        self.assertTrue(t.listens())
        self.assertEqual(t.incus("config", "get", "core.https_address"), t.address + "\n")
        self.assertEqual(os.readlink(os.path.join(t.dir, "storage-pools/data")), source)
        self.assertEqual(json.loads(t.incus("query", "/1.0/storage-pools/data?target=two"))["status"], "Created")
        t.end()
        t.start()
        self.assertTrue(t.listens())
        wait_for(lambda: all(m["status"] == "Online" for m in s.incus.json("cluster", "list")))
        s.incus("storage", "create", "more", "dir", "--target", "one")
        s.incus("storage", "create", "more", "dir", "--target", "two")
        s.incus("storage", "create", "more", "dir")
        self.assertIn("more", t.incus("storage", "list"))
        self.assertIn("total", t.incus("query", "/1.0/storage-pools/more/resources?target=one"))
        t.incus("storage", "delete", "more")
        self.assertIsInstance(s.incus.json("warning", "list"), list)

    def test_a_join_that_is_refused_leaves_nothing(self):
        s = self.server("a")
        s.incus("config", "set", f"core.https_address={s.address}")
        s.incus("cluster", "enable", "one")
        token = s.incus("cluster", "add", "two", "-q").strip().split()[-1]
        t = self.server("b")
        refused = t.incus.run("admin", "init", "--preseed", given=f"""
cluster:
  enabled: true
  server_name: other
  server_address: {s.address}
  cluster_token: {token}
""")
        self.assertNotEqual(refused.returncode, 0)
        self.assertFalse(t.unix().get("/1.0/cluster").metadata["enabled"])
        self.assertNotIn("core.https_address", t.unix().get("/1.0").metadata["config"])
        t.incus("admin", "init", "--preseed", given=f"""
cluster:
  enabled: true
  server_address: {t.address}
  cluster_token: {token}
""")
        self.assertEqual(len(s.incus.json("cluster", "list")), 2)


if __name__ == "__main__":
    unittest.main()
