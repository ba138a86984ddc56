"""No quorum will ever come back: the cluster goes on from one survivor, and whoever returns is told so."""
import json
import os
import shutil
import subprocess
import unittest

from loopback import BIN, Cluster, Member, wait_for


def names(m):
    answer = m.unix().get("/1.0/profiles?consistency=strict")
    return {u.rsplit("/", 1)[1] for u in answer.metadata} if answer.status == 200 else None


def kinds(m):
    return {x["name"]: x["kind"] for x in m.status()["members"]}


def offline(m, *words):
    return subprocess.run([os.path.join(BIN, "musterd"), "cluster", "--data-dir", m.dir, *words],
                          capture_output=True, text=True, timeout=30)


class Recover(unittest.TestCase):
    def test_the_last_of_five_brings_the_cluster_back(self):
        with Cluster(5) as c:
            wait_for(lambda: sorted(kinds(c[0]).values()) == ["stand-by"] * 2 + ["voter"] * 3)
            for n in range(20):
                c[n % 5].unix().done("POST", "/1.0/profiles", {"name": f"p{n}"})
            survivor = c[4]
            wait_for(lambda: names(survivor) and len(names(survivor)) == 21)
            refused = survivor.muster("recover", "--yes")
            self.assertIn("The daemon is running", refused.stderr)
            survivor.kill()
            refused = survivor.muster("recover", "--yes")
            self.assertIn("a quorum of the voters can be reached (n1, n2, n3)", refused.stderr)
            for m in c.members[:4]:
                m.kill()
            self.refuses_and_shows(survivor)
            done = survivor.muster("recover", "--yes", "--confirm-dead", "n1,n2")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(os.path.isdir(os.path.join(survivor.dir, "before-recover-2", "raft")))
            survivor.start().wait_ready()
            wait_for(lambda: names(survivor) == {"default"} | {f"p{n}" for n in range(20)})
            survivor.unix().done("POST", "/1.0/profiles", {"name": "after"})
            for m in c.members[:2]:
                self.comes_back(c, m, survivor)
            wait_for(lambda: list(kinds(survivor).values()).count("voter") == 3, 40)

    def refuses_and_shows(self, survivor):
        dry = survivor.muster("recover", "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertIn("not reachable", dry.stdout)
        self.assertIn("nothing was changed", dry.stdout)
        listed = json.loads(offline(survivor, "list-database", "-f", "json").stdout)
        self.assertEqual(len(listed), 3)
        self.assertIn("role: stand-by", offline(survivor, "show").stdout)

    def comes_back(self, cluster, m, survivor):
        """With what it had it is refused, and says so; reset, it joins again."""
        m.start().wait_ready()
        wait_for(lambda: "recovered without this member" in m.unix().get("/1.0/profiles").body.decode())
        self.assertEqual(m.unix().get("/1.0/profiles").status, 503)
        wait_for(lambda: f"{m.name} is refused" in survivor.log_text())
        m.kill()
        shutil.move(m.dir, m.dir + ".old")
        wait_for(lambda: survivor.muster("token", m.name, "--replace").returncode == 0)
        m.start("--join", survivor.muster("token", m.name, "--replace").stdout.strip()).wait_ready()
        wait_for(lambda: names(m) == names(survivor), 40)

    def test_two_recoveries_refuse_each_other_by_name(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            for m in c.members:
                m.kill()
            for m in c.members[:2]:
                self.assertEqual(m.muster("recover", "--yes").returncode, 0)
            for m in c.members[:2]:
                m.start().wait_ready()
            wait_for(lambda: "recovered twice: here, on n1, and on n2" in c[0].log_text())
            wait_for(lambda: "recovered twice: here, on n2, and on n1" in c[1].log_text())


if __name__ == "__main__":
    unittest.main()
