"""The cluster certificate is replaced on all members, or on none; the key is in no log."""
import contextlib
import glob
import hashlib
import os
import signal
import ssl
import subprocess
import unittest

from loopback import ROOT, Cluster, wait_for

INCUS = os.environ.get("MUSTER_INCUS", os.path.join(ROOT, "build/incus-client/incus"))


def make_pair(folder, name, key=None):
    """Files of a new certificate; with a new key, or that of an earlier pair."""
    crt, new_key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    make = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-keyout", new_key] if key is None \
        else ["-key", key]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *make, "-days", "30", "-subj", f"/CN={name}", "-out", crt],
                   check=True, capture_output=True)
    return crt, key or new_key


def text_of(path):
    with open(path) as f:
        return f.read()


def shown_by(member):
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", member.port)))
    return hashlib.sha256(der).hexdigest()


def fingerprint(crt):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text_of(crt))).hexdigest()


def replace(by, pair):
    return by.unix(60).ask("PUT", "/1.0/cluster/certificate", {"cluster_certificate": text_of(pair[0]),
                                                               "cluster_certificate_key": text_of(pair[1])})


class Certificate(unittest.TestCase):
    def all_show(self, cluster, pair):
        for m in cluster.members:
            wait_for(lambda m=m: shown_by(m) == fingerprint(pair[0]))

    def test_it_is_replaced_and_tokens_stay(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            secret = c[0].unix().ask("POST", "/1.0/cluster/members", {"server_name": "n9"}).json["metadata"]["metadata"]["secret"]
            first = make_pair(c.folder, "first")
            env = {**os.environ, "INCUS_CONF": os.path.join(c.folder, "conf"), "INCUS_DIR": c[1].dir}
            done = subprocess.run([INCUS, "cluster", "update-certificate", *first], env=env, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done)
            self.all_show(c, first)
            for m in c.members:
                token = [t for t in m.unix().get("/1.0/operations?recursion=1").metadata["running"] if t["class"] == "token"][0]
                self.assertEqual((token["metadata"]["secret"], token["metadata"]["fingerprint"]),
                                 (secret, fingerprint(first[0])))
                m.unix().done("POST", "/1.0/profiles", {"name": f"from-{m.name}"})  # links go on
            key = "".join(text_of(first[1]).split("\n")[1:-2])[:40].encode()
            for m in c.members:
                for path in glob.glob(m.dir + "/raft/*") + glob.glob(m.dir + "/state/*/*"):
                    if os.path.isfile(path):
                        with open(path, "rb") as f:
                            self.assertNotIn(key, f.read(), path)
            c.add("n4")  # with a token of the new certificate
            self.all_show(c, first)

    def test_what_is_refused(self):
        with Cluster(2) as c:
            one, two = make_pair(c.folder, "one"), make_pair(c.folder, "two")
            before = shown_by(c[0])
            for pair in ((one[0], two[1]), (one[0], one[0]), (one[1], one[1])):
                self.assertEqual(replace(c[0], pair).status, 400)
            empty = c[0].unix().ask("PUT", "/1.0/cluster/certificate", {"cluster_certificate": "x", "cluster_certificate_key": "y"})
            self.assertIn("Certificate must be base64 encoded PEM certificate", empty.json["error"])
            c[1].kill()
            wait_for(lambda: not all(m["reachable"] for m in c[0].status()["members"]))
            refused = replace(c[0], one)
            self.assertEqual(refused.status, 503)
            self.assertIn('with a new private key while member "n2" is offline', refused.json["error"])
            self.assertEqual(shown_by(c[0]), before)

    def test_an_absent_member_follows_when_the_key_is_the_same(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            first = make_pair(c.folder, "first")
            self.assertEqual(replace(c[0], first).status, 200)
            self.all_show(c, first)
            c[2].kill()
            wait_for(lambda: not all(m["reachable"] for m in c[0].status()["members"]))
            second = make_pair(c.folder, "second", key=first[1])
            self.assertEqual(replace(c[0], second).status, 200)

            def warned():
                return [(w["location"], w["status"]) for w in c[1].unix().get("/1.0/warnings?recursion=1").metadata
                        if w["type"] == "Unable to update cluster certificate"]
            wait_for(lambda: warned() == [("n3", "new")])
            c.restart(c[2])
            self.all_show(c, second)
            wait_for(lambda: warned() == [("n3", "resolved")])

    def test_whoever_replaces_is_killed(self):
        for point in ("certificate.after_prepare", "certificate.before_write", "certificate.after_write",
                      "certificate.before_drop"):
            with self.subTest(point), Cluster(3) as c:
                c.wait_voters(3)
                c[1].kill()
                c[1].start(env={"MUSTER_TEST_FAULT": point}).wait_ready()
                wait_for(lambda: all(m["reachable"] for o in c.members for m in o.status()["members"]))
                before, first = shown_by(c[0]), make_pair(c.folder, "first")
                with contextlib.suppress(OSError):  # at the last point the answer may come before the end
                    replace(c[1], first)
                self.assertEqual(c[1].process.wait(20), -signal.SIGKILL)
                c.restart(c[1])
                if point in ("certificate.after_prepare", "certificate.before_write"):
                    self.assertEqual([shown_by(m) for m in c.members], [before] * 3)
                    wait_for(lambda: all(m["reachable"] for o in c.members for m in o.status()["members"]))
                    self.assertEqual(replace(c[1], first).status, 200)
                self.all_show(c, first)

    def test_a_member_that_missed_it_fetches_it(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            c[2].kill()
            c[2].start(env={"MUSTER_TEST_FAULT": "certificate.before_drop"}).wait_ready()
            wait_for(lambda: all(m["reachable"] for o in c.members for m in o.status()["members"]))
            old = {end: text_of(f"{c[2].dir}/cluster.{end}") for end in ("crt", "key")}
            first = make_pair(c.folder, "first")
            self.assertEqual(replace(c[0], first).status, 200)
            self.assertEqual(c[2].process.wait(20), -signal.SIGKILL)
            for end, text in old.items():  # as if nothing had come
                with open(f"{c[2].dir}/cluster.{end}", "w") as f:
                    f.write(text)
                os.remove(f"{c[2].dir}/cluster.next.{end}")
            c.restart(c[2])
            self.all_show(c, first)


if __name__ == "__main__":
    unittest.main()
