"""Who may what: certificates by type, bounds of projects, secrets of commands, other sites, tokens."""
import base64
import json
import os
import unittest

from clients import (answer_of, make_certificate, make_certificate_between, raw_tls, raw_unix, trust, web_socket)
from loopback import Cluster, WebSocket, upload_image, wait_for

ORIGIN = "Origin: https://evil.example\r\n"


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.node, cls.other = cls.cluster.members
        unix = cls.node.unix()
        unix.done("POST", "/1.0/projects", {"name": "own"})
        unix.done("POST", "/1.0/projects", {"name": "foreign"})
        unix.done("POST", "/1.0/profiles?project=own", {"name": "mine"})
        unix.done("POST", "/1.0/profiles?project=foreign", {"name": "hidden"})
        cls.image = upload_image(unix, cls.cluster.folder)
        cls.pairs = {}
        for name, more in (("full", {}), ("metrics", {"type": "metrics"}),
                           ("bound", {"restricted": True, "projects": ["own"]})):
            cls.pairs[name] = make_certificate(cls.cluster.folder, name)
            added = trust(cls.node, name, cls.pairs[name], **more)
            assert added.status == 201, added
        wait_for(lambda: cls.other.tls(*cls.pairs["bound"]).get("/1.0").metadata["auth"] == "trusted")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        for m in self.cluster.members:
            self.assertTrue(m.is_running(), m.log_text()[-500:])

    def client(self, name, member=None):
        return (member or self.node).tls(*self.pairs[name])

    # --- types -----------------------------------------------------------------------------------

    def test_a_metrics_certificate_reads_no_more_than_metrics(self):
        c = self.client("metrics")
        self.assertEqual(c.get("/1.0").status, 200)
        self.assertEqual(c.get("/1.0").metadata["config"], {})
        self.assertNotIn("environment", c.get("/1.0").metadata)
        self.assertTrue(c.get("/1.0/metrics").body.endswith(b"# EOF\n"))
        for path in ["/1.0/instances", "/1.0/projects", "/1.0/certificates", "/1.0/cluster/members",
                     "/1.0/operations", "/internal/status"]:
            self.assertEqual(c.get(path).status, 403, path)
        self.assertEqual(c.ask("PATCH", "/1.0", {"config": {"user.x": "1"}}).status, 403)
        self.assertEqual(c.ask("POST", "/1.0/projects", {"name": "x"}).status, 403)
        self.assertEqual(c.ask("POST", "/1.0/certificates", {"trust_token": "x"}).status, 403)
        self.assertEqual(web_socket(raw_tls(self.node, *self.pairs["metrics"]), "/1.0/events"), 403)

    def test_unknown_types_are_refused(self):
        pair = make_certificate(self.cluster.folder, "odd")
        self.assertEqual(trust(self.node, "odd", pair, type="server").status, 400)
        self.assertEqual(trust(self.node, "odd", pair, type="admin").status, 400)

    # --- projects --------------------------------------------------------------------------------

    def test_a_restricted_certificate_sees_its_projects_only(self):
        for m in self.cluster.members:
            c = self.client("bound", m)
            self.assertEqual(c.get("/1.0").metadata["config"], {})
            self.assertEqual([p["name"] for p in c.get("/1.0/projects?recursion=1").metadata], ["own"])
            self.assertEqual(c.get("/1.0/projects").metadata, ["/1.0/projects/own"])
            self.assertIn("mine", c.get("/1.0/profiles?project=own").body.decode())
            for path in ["/1.0/profiles", "/1.0/profiles?project=foreign", "/1.0/instances", "/1.0/instances?project=foreign",
                         "/1.0/images", f"/1.0/images/{self.image}", f"/1.0/images/{self.image}/export", "/1.0/projects/foreign",
                         "/1.0/projects/nothing", "/1.0/images?all-projects=true", "/1.0/certificates", "/1.0/warnings",
                         "/1.0/profiles/hidden?project=foreign", "/1.0/profiles?project=nothing"]:
                refused = c.get(path)
                self.assertEqual((refused.status, refused.json["error"]), (403, "not authorized"), path)
            seen = c.get("/1.0/profiles?all-projects=true&recursion=1").metadata
            self.assertEqual({p["project"] for p in seen}, {"own"})
            self.assertEqual({u.split("project=")[-1] for u in c.get("/1.0/profiles?all-projects=true").metadata}, {"own"})
            for path in ["/1.0/cluster", "/1.0/cluster/members?recursion=1", "/1.0/cluster/groups",
                         "/1.0/storage-pools?recursion=1&project=own", "/1.0/operations?recursion=1"]:
                self.assertEqual(c.get(path).status, 200, path)
            for pool in c.get("/1.0/storage-pools?recursion=1&project=own").metadata:
                self.assertEqual((pool["config"], [u for u in pool["used_by"] if "project=own" not in u]), ({}, []))

    def test_a_restricted_certificate_sees_itself_and_changes_nothing_of_the_server(self):
        c = self.client("bound")
        prints = {x["name"]: x["fingerprint"] for x in self.node.unix().get("/1.0/certificates?recursion=1").metadata}
        self.assertEqual(c.get("/1.0/certificates/" + prints["bound"]).metadata["name"], "bound")
        self.assertEqual(c.get("/1.0/certificates/" + prints["full"]).status, 403)
        for method, path in [("POST", "/1.0/profiles"), ("PATCH", "/1.0/certificates/" + prints["bound"]),
                             ("PUT", "/1.0"), ("DELETE", "/1.0/projects/own"), ("POST", "/1.0/instances?project=foreign"),
                             ("POST", "/1.0/cluster/members"), ("PUT", "/internal/shutdown")]:
            self.assertEqual(c.ask(method, path, {"name": "x", "restricted": False}).status, 403, path)

    def test_events_of_its_projects_only(self):
        self.assertEqual(web_socket(raw_tls(self.node, *self.pairs["bound"]), "/1.0/events"), 403)
        self.assertEqual(web_socket(raw_tls(self.node, *self.pairs["bound"]), "/1.0/events?project=foreign"), 403)
        heard = web_socket(raw_tls(self.node, *self.pairs["bound"]), "/1.0/events?all-projects=true&type=lifecycle")
        unix = self.node.unix()
        unix.done("PATCH", "/1.0", {"config": {"user.seen": "no"}})
        unix.done("POST", "/1.0/profiles?project=foreign", {"name": "quiet"})
        unix.done("POST", "/1.0/profiles?project=own", {"name": "loud"})
        event = json.loads(heard.read()[1])
        self.assertEqual((event["metadata"]["source"].split("?")[0], event["project"]), ("/1.0/profiles/loud", "own"))
        heard.close()

    def test_operations_of_its_projects_only(self):
        data = b"no image"
        for member in self.cluster.members:
            done = member.unix().ask("POST", "/1.0/images", data, {"Content-Type": "application/octet-stream"})
            self.assertEqual(done.status, 202, done)
            op = done.json["operation"]
            for asked in self.cluster.members:
                self.assertEqual(self.client("bound", asked).get(op).status, 404)
                self.assertEqual(self.client("bound", asked).get(op + "/wait?timeout=10").status, 404)
                self.assertNotIn(op, self.client("bound", asked).get("/1.0/operations").body.decode())

    def test_operations_are_listed_by_project(self):
        self.node.unix().done("POST", "/1.0/projects", {"name": "busy"})
        done = self.node.unix().ask("POST", "/1.0/images?project=busy", b"no image", {"Content-Type": "application/octet-stream"})
        self.assertEqual(done.status, 202, done)
        op = done.json["operation"].split("?")[0]
        for member in self.cluster.members:
            def listed(query, m=member):
                return op in m.unix().get("/1.0/operations" + query).body.decode()
            self.assertEqual((listed("?project=busy"), listed("?all-projects=true"), listed("?project=own"), listed("")),
                             (True, True, False, False), member.name)

    def test_projects_mean_something(self):
        pair = make_certificate(self.cluster.folder, "loose")
        refused = trust(self.node, "loose", pair, projects=["own"])
        self.assertEqual(refused.status, 400)
        self.assertIn("restricted", refused.json["error"])
        freed = make_certificate(self.cluster.folder, "freed")
        self.assertEqual(trust(self.node, "freed", freed, restricted=True, projects=["own"]).status, 201)
        path = next("/1.0/certificates/" + x["fingerprint"] for x in self.node.unix().get("/1.0/certificates?recursion=1").metadata
                    if x["name"] == "freed")
        self.node.unix().done("PATCH", path, {"restricted": False, "projects": ["own"]})
        self.assertEqual(self.node.unix().get(path).metadata["projects"], [])
        unknown = trust(self.node, "loose", pair, projects=["nope"], restricted=True)
        self.assertEqual(unknown.status, 404)
        self.assertIn("nope", unknown.json["error"])
        token = self.node.unix().ask("POST", "/1.0/certificates", {"name": "z", "type": "client", "token": True,
                                                                   "projects": ["nope"], "restricted": True})
        self.assertIn("nope", token.json["error"])

    # --- passed on -------------------------------------------------------------------------------

    def test_a_request_that_is_passed_on_has_the_rights_of_whom_it_names(self):
        own = [os.path.join(self.other.dir, f"server.{end}") for end in ("crt", "key")]
        prints = {x["name"]: x["fingerprint"] for x in self.node.unix().get("/1.0/certificates?recursion=1").metadata}

        def status(protocol, username, method="GET", path="/1.0/profiles"):
            with raw_tls(self.node, *own, sni="member.muster") as s:
                s.sendall((f"{method} {path} HTTP/1.1\r\nHost: m\r\nX-Incus-forwarded-username: {username}\r\n"
                           f"X-Incus-forwarded-protocol: {protocol}\r\nX-Incus-forwarded-address: x\r\n"
                           "Content-Length: 0\r\n\r\n").encode())
                return answer_of(s)[0]

        self.assertEqual(status("unix", "root"), 200)
        self.assertEqual(status("tls", prints["full"]), 200)
        self.assertEqual(status("tls", prints["bound"]), 403)
        self.assertEqual(status("tls", prints["bound"], path="/1.0/profiles?project=own"), 200)
        self.assertEqual(status("tls", prints["metrics"]), 403)
        self.assertEqual(status("tls", "0" * 64), 403)
        self.assertEqual(status("oidc", "root"), 403)
        self.assertEqual(status("tls", prints["bound"], "GET", "/internal/status"), 403)

    # --- time ------------------------------------------------------------------------------------

    def test_expired_certificates(self):
        gone = make_certificate_between(self.cluster.folder, "gone", -86400 * 30, -60)
        refused = trust(self.node, "gone", gone)
        self.assertEqual((refused.status, "expired" in refused.json["error"]), (400, True))
        later = make_certificate_between(self.cluster.folder, "later", 86400, 86400 * 2)
        self.assertEqual(trust(self.node, "later", later).status, 400)
        brief = make_certificate_between(self.cluster.folder, "brief", -60, 6)
        self.assertEqual(trust(self.node, "brief", brief).status, 201)
        c = self.node.tls(*brief)
        self.assertEqual(c.get("/1.0/profiles").status, 200)
        wait_for(lambda: c.get("/1.0/profiles").status == 403, 20)
        self.assertEqual(c.get("/1.0").metadata["auth"], "untrusted")
        self.assertEqual(self.node.tls(*brief).get("/1.0/profiles").status, 403)

    # --- other sites -----------------------------------------------------------------------------

    def test_pages_of_other_sites(self):
        full = self.pairs["full"]

        def wrote(headers, name):
            return self.node.tls(*full).ask("POST", "/1.0/profiles", {"name": name}, headers).status

        self.assertEqual(wrote({"Origin": "https://evil.example"}, "o1"), 403)
        self.assertEqual(wrote({"Origin": "null"}, "o2"), 403)
        self.assertEqual(wrote({"Sec-Fetch-Site": "cross-site"}, "o3"), 403)
        self.assertEqual(wrote({"Sec-Fetch-Site": "same-site"}, "o4"), 403)
        self.assertEqual(wrote({"Origin": f"https://127.0.0.1:{self.node.port}", "Sec-Fetch-Site": "same-origin"}, "o5"), 201)
        self.assertEqual(self.node.tls(*full).get("/1.0/profiles", headers={"Origin": "https://evil.example"}).status, 200)
        self.assertEqual(web_socket(raw_tls(self.node, *full), "/1.0/events", ORIGIN), 403)
        web_socket(raw_tls(self.node, *full), "/1.0/events").close()
        web_socket(raw_unix(self.node), "/1.0/events", ORIGIN).close()
        self.assertEqual(self.node.unix().ask("POST", "/1.0/profiles", {"name": "o6"}, {"Origin": "https://evil.example"}).status, 201)

    # --- tokens ----------------------------------------------------------------------------------

    def test_unknown_tokens_do_not_reach_the_log(self):
        stranger = make_certificate(self.cluster.folder, "stranger")
        made_up = base64.b64encode(json.dumps({"client_name": "x", "fingerprint": "0" * 64, "addresses": ["127.0.0.1:1"],
                                               "secret": "5" * 64, "expires_at": "0001-01-01T00:00:00Z"}).encode()).decode()
        before = self.node.status()["last"]
        c = self.node.tls(*stranger)
        answers = [c.ask("POST", "/1.0/certificates", {"trust_token": made_up}) for _ in range(60)]
        self.assertEqual({a.status for a in answers} - {403, 503}, set())
        self.assertIn(403, [a.status for a in answers])
        self.assertIn(503, [a.status for a in answers], "there is no budget")
        self.assertLess(self.node.status()["last"] - before, 20)
        self.assertEqual(c.ask("POST", "/1.0/certificates", {"trust_token": "x" * 70000}).status, 413)

    def test_tokens_are_known_on_each_member(self):
        pair = make_certificate(self.cluster.folder, "newcomer")
        made = self.node.unix().ask("POST", "/1.0/certificates", {"name": "newcomer", "type": "client", "token": True})
        m = made.metadata["metadata"]
        token = base64.b64encode(json.dumps({"client_name": "newcomer", "fingerprint": m["fingerprint"], "addresses": m["addresses"],
                                             "secret": m["secret"], "expires_at": "0001-01-01T00:00:00Z"}).encode()).decode()
        c = self.other.tls(*pair)
        self.assertEqual(c.ask("POST", "/1.0/certificates", {"trust_token": token}).status, 201)
        self.assertEqual(c.ask("POST", "/1.0/certificates", {"trust_token": token}).status // 100, 4)
        wait_for(lambda: c.get("/1.0").metadata["auth"] == "trusted")


if __name__ == "__main__":
    unittest.main()
