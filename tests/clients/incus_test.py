"""The stock incus client drives a cluster; effects are looked at, not exit codes alone."""
import csv
import io
import json
import os
import select
import subprocess
import tempfile
import unittest

from loopback import ROOT, Cluster, Member, wait_for

INCUS = os.environ.get("MUSTER_INCUS", os.path.join(ROOT, "build/incus-client/incus"))


class Incus:
    """The client with a configuration of its own."""

    def __init__(self, folder, data_dir=None):
        self.env = {**os.environ, "INCUS_CONF": tempfile.mkdtemp(dir=folder), "HOME": folder}
        if data_dir:
            self.env["INCUS_DIR"] = data_dir

    def run(self, *arguments, given=None, timeout=60):
        return subprocess.run([INCUS, *arguments], input=given, capture_output=True, text=True,
                              env=self.env, timeout=timeout)

    def __call__(self, *arguments, given=None):
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments):
        return json.loads(self(*arguments, "--format", "json"))

    def rows(self, *arguments):
        return list(csv.reader(io.StringIO(self(*arguments, "--format", "csv"))))


class OnACluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.cluster.wait_voters(3)
        cls.folder = cls.cluster.folder
        cls.local = Incus(cls.folder, cls.cluster[0].dir)
        cls.image = os.path.join(cls.folder, "tiny.tar.gz")
        subprocess.run([os.path.join(ROOT, "tools/make-image"), cls.image], check=True)
        token = cls.local("config", "trust", "add", "laptop", "-q").strip().split()[-1]
        cls.remote = Incus(cls.folder)
        cls.remote("remote", "add", "there", token)
        cls.remote("remote", "switch", "there")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def both(self):
        """Over the unix socket, and over TLS to the cluster."""
        yield "unix", self.local
        yield "tls", self.remote

    def test_trust(self):
        self.assertIn("laptop", [row[0] for row in self.local.rows("config", "trust", "list")])
        self.assertEqual(json.loads(self.remote("query", "/1.0"))["auth"], "trusted")
        again = Incus(self.folder).run("remote", "add", "again", "rubbish", "--accept-certificate", given="\n")
        self.assertNotEqual(again.returncode, 0)

    def test_cluster(self):
        for how, incus in self.both():
            with self.subTest(how):
                members = {m["server_name"]: m for m in incus.json("cluster", "list")}
                self.assertEqual(sorted(members), ["n1", "n2", "n3"])
                self.assertTrue(all(m["status"] == "Online" for m in members.values()))
                self.assertIn("server_name: n2", incus("cluster", "show", "n2"))
                incus("cluster", "add", f"n9-{how}")
                self.assertIn(f"n9-{how}", [t["server_name"] for t in incus.json("cluster", "list-tokens")])
                incus("cluster", "revoke-token", f"n9-{how}")
                self.assertEqual(incus.json("cluster", "list-tokens"), [])

    def test_config(self):
        for how, incus in self.both():
            with self.subTest(how):
                incus("config", "set", f"user.{how}=1")
                self.assertEqual(incus("config", "get", f"user.{how}"), "1\n")
                self.assertIn(f"user.{how}", incus("config", "show"))
                incus("config", "unset", f"user.{how}")
                self.assertNotIn(f"user.{how}", incus("config", "show"))
                bad = incus.run("config", "set", "no.such.key=1")
                self.assertNotEqual(bad.returncode, 0)

    def test_objects(self):
        for how, incus in self.both():
            with self.subTest(how):
                for kind in ("profile", "project", "storage"):
                    self.assertIn("default", [o["name"] for o in incus.json(kind, "list")])
                    self.assertIn("name: default", incus(kind, "show", "default"))
                self.assertEqual([n for n in incus.json("network", "list") if n["managed"]], [])
                incus("profile", "create", f"p-{how}")
                incus("profile", "set", f"p-{how}", "user.a=b")
                self.assertIn("user.a: b", incus("profile", "show", f"p-{how}"))
                incus("profile", "delete", f"p-{how}")
                self.assertIsInstance(incus.json("operation", "list"), list)
                self.assertIn("/1.0/cluster/members/n1", incus("query", "/1.0/cluster/members"))

    def import_image(self, incus, alias):
        self.assertIn("fingerprint", incus("image", "import", self.image, "--alias", alias))
        self.addCleanup(lambda: incus.run("image", "delete", alias))

    def test_images(self):
        for how, incus in self.both():
            with self.subTest(how):
                incus("image", "import", self.image, "--alias", "tiny")
                images = incus.json("image", "list")
                self.assertEqual([a["name"] for i in images for a in i["aliases"]], ["tiny"])
                self.assertIn("BusyBox", incus("image", "info", "tiny"))
                incus("image", "alias", "create", "other", images[0]["fingerprint"])
                self.assertEqual(sorted(a["name"] for a in incus.json("image", "alias", "list")), ["other", "tiny"])
                incus("image", "alias", "delete", "other")
                twice = incus.run("image", "import", self.image)
                self.assertIn("already exists", twice.stderr)
                exported = os.path.join(self.folder, "exported")
                incus("image", "export", "tiny", exported)
                with open(self.image, "rb") as a, open(exported + ".tar.gz", "rb") as b:
                    self.assertEqual(a.read(), b.read())
                incus("image", "delete", "tiny")
                self.assertEqual(incus.json("image", "list"), [])

    def test_instances(self):
        for how, incus in self.both():
            with self.subTest(how):
                self.import_image(incus, "tiny")
                incus("launch", "tiny", "c1")
                incus("launch", "tiny", "c2", "--target", "n3")
                incus("init", "tiny", "c3")
                seen = {i["name"]: i for i in incus.json("list")}
                self.assertEqual({n: i["status"] for n, i in seen.items()},
                                 {"c1": "Running", "c2": "Running", "c3": "Stopped"})
                self.assertEqual(seen["c2"]["location"], "n3")
                self.assertEqual(sorted(i["location"] for i in seen.values()), ["n1", "n2", "n3"])
                self.assertTrue(os.path.exists(f"/proc/{seen['c2']['state']['pid']}/root"))
                self.assertIn("Location: n3", incus("info", "c2"))
                self.assertEqual(incus("exec", "c2", "--", "hostname"), "c2\n")
                piped = incus.run("exec", "c2", "--", "sh", "-c", "cat; echo no >&2; exit 3", given="through\n")
                self.assertEqual((piped.returncode, piped.stdout, piped.stderr), (3, "through\n", "no\n"))
                incus("config", "set", "c1", "user.x=y")
                self.assertEqual(incus("config", "get", "c1", "user.x"), "y\n")
                incus("stop", "c1", "--force")
                self.assertEqual(self.status(incus, "c1"), "Stopped")
                incus("start", "c1")
                pid = incus.json("list", "c1")[0]["state"]["pid"]
                incus("restart", "c1", "--force")
                self.assertNotEqual(incus.json("list", "c1")[0]["state"]["pid"], pid)
                incus("stop", "c1")
                self.assertEqual(self.status(incus, "c1"), "Stopped")
                running = incus.run("delete", "c2")
                self.assertNotEqual(running.returncode, 0)
                incus("delete", "-f", "c1", "c2", "c3")
                self.assertEqual(incus.json("list"), [])
                incus("image", "delete", "tiny")

    def status(self, incus, name):
        return incus.json("list", name)[0]["status"]

    def test_monitor(self):
        watch = subprocess.Popen([INCUS, "monitor", "--type=lifecycle", "--format=json"],
                                 stdout=subprocess.PIPE, text=True, env=self.local.env)
        done = []

        def is_heard():
            """The monitor may still be connecting: another event until it has shown one."""
            done.append(f"m{len(done)}")
            self.remote("profile", "create", done[-1])
            return select.select([watch.stdout], [], [], 0.2)[0]
        try:
            wait_for(is_heard)
            event = json.loads(watch.stdout.readline())
            self.assertEqual(event["metadata"]["action"], "profile-created")
            self.assertEqual(event["metadata"]["requestor"]["protocol"], "tls")
        finally:
            watch.kill()
            watch.communicate()
        for name in done:
            self.local("profile", "delete", name)


class BecomingACluster(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(0)
        self.addCleanup(self.cluster.__exit__, None, None, None)

    def standalone(self, name):
        m = Member(self.cluster.folder, name).start().wait_ready()
        self.cluster.members.append(m)
        return m, Incus(self.cluster.folder, m.dir)

    def test_enable_then_join_by_preseed(self):
        first, incus = self.standalone("n1")
        self.assertFalse(first.unix().get("/1.0/cluster").metadata["enabled"])
        incus("cluster", "enable", "n1")
        self.assertEqual([m["server_name"] for m in incus.json("cluster", "list")], ["n1"])
        token = incus("cluster", "add", "n2", "-q").strip().split()[-1]
        second, other = self.standalone("n2")
        other("admin", "init", "--preseed", given=f"""
cluster:
  enabled: true
  server_address: {second.address}
  cluster_token: {token}
""")
        wait_for(lambda: [m["server_name"] for m in other.json("cluster", "list")] == ["n1", "n2"])
        self.assertTrue(os.path.exists(os.path.join(second.dir, "cluster.crt")))

    def test_bootstrap_by_preseed(self):
        first, incus = self.standalone("n1")
        incus("admin", "init", "--preseed", given=f"""
config:
  core.https_address: {first.address}
cluster:
  server_name: first
  enabled: true
""")
        self.assertEqual([m["server_name"] for m in incus.json("cluster", "list")], ["first"])


if __name__ == "__main__":
    unittest.main()
