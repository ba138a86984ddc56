"""What a 2xx has promised is true of the next request, on whichever member."""
import os
import signal
import subprocess
import tempfile
import unittest

from loopback import ROOT, Cluster, wait_for

def roles(member):
    """Names by role, as one member shows them."""
    shown = {"database": [], "database-standby": [], "spare": []}
    for m in member.unix().get("/1.0/cluster/members?recursion=1").metadata:
        kinds = [r for r in m["roles"] if r in shown] or ["spare"]
        for k in kinds:
            shown[k].append(m["server_name"])
    return {k: len(v) for k, v in shown.items()}


class OnFive(unittest.TestCase):
    """Three voters, a stand-by and a spare that do not vote."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1)
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.seen = []
        for name in ("n2", "n3", "n4", "n5"):
            cls.cluster.add(name)
            cls.seen.append(roles(cls.cluster.members[-1]))
        cls.folder = cls.cluster.folder

    def test_roles_rest_when_a_join_ends(self):
        self.assertEqual(self.seen, [
            {"database": 1, "database-standby": 1, "spare": 0},
            {"database": 3, "database-standby": 0, "spare": 0},
            {"database": 3, "database-standby": 1, "spare": 0},
            {"database": 3, "database-standby": 2, "spare": 0}])

    def test_a_project_is_there_for_uploads_on_every_member(self):
        image = os.path.join(self.folder, "fresh.tar.gz")
        subprocess.run([os.path.join(ROOT, "tools/make-image"), image], check=True)
        with open(image, "rb") as f:
            content = f.read()
        asked, others = self.cluster[0].unix(), [m.unix(30) for m in self.cluster.members[1:]]
        for n in range(20):
            self.assertEqual(asked.ask("POST", "/1.0/projects", {"name": f"fresh{n}"}).status, 201)
            started = others[n % 4].ask("POST", f"/1.0/images?project=fresh{n}", content, {
                "Content-Type": "application/octet-stream", "X-Incus-aliases": "alias=a%2Fb&alias=second"})
            self.assertEqual(started.status, 202, started)
            ended = others[n % 4].get(started.json["operation"] + "/wait?timeout=30")
            self.assertEqual(ended.metadata["status"], "Success", ended)
        names = [a["name"] for a in asked.get("/1.0/images/aliases?recursion=1&project=fresh3").metadata]
        self.assertEqual(sorted(names), ["a/b", "second"])
        again = asked.ask("POST", "/1.0/images?project=fresh3", content, {
            "Content-Type": "application/octet-stream", "X-Incus-aliases": "alias=second"})
        self.assertEqual((again.status, again.json["error"]), (409, 'Alias "second" already exists'))

    def test_trust_is_given_and_taken_on_every_member(self):
        asked = self.cluster[1].unix()
        with tempfile.TemporaryDirectory() as folder:
            key, pem = os.path.join(folder, "key"), os.path.join(folder, "pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-keyout", key, "-out", pem, "-days", "2", "-subj", "/CN=x"],
                           check=True, capture_output=True)
            with open(pem) as f:
                body = {"type": "client", "name": "x", "certificate": f.read()}
            for n in range(5):
                where = asked.ask("POST", "/1.0/certificates", body).headers["Location"]
                for m in self.cluster.members:
                    self.assertEqual(m.tls(pem, key).get("/1.0/profiles").status, 200, (n, m.name))
                self.assertEqual(asked.ask("DELETE", where).status, 200)
                for m in self.cluster.members:
                    self.assertEqual(m.tls(pem, key).get("/1.0/profiles").status, 403, (n, m.name))

    def test_a_new_certificate_is_shown_and_written_everywhere(self):
        with tempfile.TemporaryDirectory() as folder:
            for n in range(3):
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1",
                                "-nodes", "-keyout", f"{folder}/key", "-out", f"{folder}/pem", "-days", "9",
                                "-subj", f"/CN=c{n}"], check=True, capture_output=True)
                pair = {}
                for name, kind in (("key", "cluster_certificate_key"), ("pem", "cluster_certificate")):
                    with open(f"{folder}/{name}") as f:
                        pair[kind] = f.read()
                put = self.cluster[n].unix(30).ask("PUT", "/1.0/cluster/certificate", pair)
                self.assertEqual(put.status, 200, put)
                for m in self.cluster.members:
                    for file, kind in (("cluster.key", "cluster_certificate_key"), ("cluster.crt", "cluster_certificate")):
                        with open(os.path.join(m.dir, file)) as f:
                            self.assertEqual(f.read().strip(), pair[kind].strip(), (n, m.name, file))


class Ends(unittest.TestCase):
    def test_a_shutdown_and_a_removal_are_answered_when_roles_rest(self):
        with Cluster(5) as cluster:
            first, second, *rest = cluster.members
            try:
                second.unix(40).ask("PUT", "/internal/shutdown")
            except (OSError, EOFError):
                pass  # it was quicker than its answer
            shown = {m["server_name"]: m["roles"] for m in first.unix().get(
                "/1.0/cluster/members?recursion=1").metadata}
            self.assertNotIn("database", shown["n2"])
            self.assertEqual(roles(rest[0])["database"], 3)
            self.assertEqual(second.process.wait(20), 0)
            self.assertEqual(first.unix(40).ask("DELETE", "/1.0/cluster/members/n3").status, 200)
            self.assertEqual(roles(first), roles(rest[2]))
            self.assertEqual(roles(first)["database"], 3)

    def test_an_edit_holds_over_a_change_of_leader(self):
        with Cluster(3) as cluster:
            cluster.wait_voters(3)
            leader = cluster.leader()
            others = [m for m in cluster.members if m is not leader]
            before = others[0].unix().get("/1.0/cluster/members/n1").headers["ETag"]
            leader.kill(signal.SIGKILL)
            cluster.leader(others)
            self.assertEqual(others[0].unix().get("/1.0/cluster/members/n1").headers["ETag"], before)

    def test_without_a_leader_nobody_is_fully_operational(self):
        with Cluster(3) as cluster:
            cluster.wait_voters(3)
            for m in cluster.members[1:]:
                m.kill()
            shown = wait_for(lambda: [m for m in cluster[0].unix().get(
                "/1.0/cluster/members?recursion=1").metadata if m["status"] != "Online"], 10)
            self.assertEqual(len(shown), 3, shown)
            self.assertIn("the cluster has no leader", shown[0]["message"])


if __name__ == "__main__":
    unittest.main()
