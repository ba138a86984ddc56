"""Clients with bounds: what they do in their projects, and what nobody lets them do elsewhere."""
import base64
import os
import re
import unittest

from clients import answer_of, make_certificate, raw_tls, trust, web_socket
from loopback import ROOT, Cluster, upload_image, wait_for

GOLDEN = os.path.join(os.path.dirname(__file__), "golden", "rights.txt")


def endpoints():
    """(method, path) of each row of docs/api.md."""
    with open(os.path.join(ROOT, "docs/api.md")) as f:
        return re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", f.read(), re.M)


class Bounded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        unix = cls.cluster[0].unix(60)
        cls.pairs, cls.images = {}, {}
        for name in ("red", "blue"):
            unix.done("POST", "/1.0/projects", {"name": name, "config": {"restricted": "true", "restricted.cluster.target": "allow"}})
            unix.done("PUT", f"/1.0/profiles/default?project={name}",
                      {"devices": {"root": {"type": "disk", "path": "/", "pool": "default"}}})
            cls.pairs[name] = make_certificate(cls.cluster.folder, name)
            assert trust(cls.cluster[0], name, cls.pairs[name], restricted=True, projects=[name]).status == 201
        for name, more in (("full", {}), ("metrics", {"type": "metrics"})):
            cls.pairs[name] = make_certificate(cls.cluster.folder, name)
            assert trust(cls.cluster[0], name, cls.pairs[name], **more).status == 201
        for name in ("red", "blue"):
            cls.images[name] = upload_image(cls.client(name), cls.cluster.folder, alias="tiny-" + name,
                                            release=name, project=name)
            cls.client(name).done("POST", f"/1.0/profiles?project={name}", {"name": "mine"})
            cls.create(name, "c1", cls.cluster[0].name)
            cls.change(name, "c1", "start")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @classmethod
    def client(cls, name, at=0):
        return cls.cluster[at].tls(*cls.pairs[name], timeout=60)

    @classmethod
    def create(cls, project, name, target=None, **more):
        """By whoever is bounded to the project, which lets its clients say where."""
        query = f"?project={project}" + (f"&target={target}" if target else "")
        return cls.client(project).done("POST", "/1.0/instances" + query,
                        {"name": name, "source": {"type": "image", "fingerprint": cls.images[project]}, **more})

    @classmethod
    def change(cls, project, name, action):
        return cls.client(project).done("PUT", f"/1.0/instances/{name}/state?project={project}",
                                        {"action": action, "timeout": 10, "force": True})

    # --- in their projects -------------------------------------------------------------------------

    def test_they_run_containers_on_every_member(self):
        for at, member in enumerate(self.cluster.members):
            name = f"own{at}"
            self.create("red", name, member.name)
            self.change("red", name, "start")
            for asked in range(2):
                c = self.client("red", asked)
                self.assertEqual(c.get(f"/1.0/instances/{name}?project=red").metadata["status"], "Running")
                begun = c.ask("POST", f"/1.0/instances/{name}/exec?project=red",
                              {"command": ["sh", "-c", "exit 7"], "record-output": True, "environment": {}, "wait-for-websocket": False})
                ended = c.get(begun.json["operation"].split("?")[0] + "/wait?timeout=20")
                self.assertEqual(ended.metadata["metadata"]["return"], 7, ended)
            self.change("red", name, "stop")
            self.client("red").done("DELETE", f"/1.0/instances/{name}?project=red")

    def test_a_command_of_theirs_is_reached_by_them_alone(self):
        c = self.client("red", 1)  # passed on to the member that has it
        begun = c.ask("POST", "/1.0/instances/c1/exec?project=red",
                      {"command": ["cat"], "wait-for-websocket": True, "interactive": False})
        op = begun.json["operation"].split("?")[0]
        secrets = begun.metadata["metadata"]["fds"]
        for name in ("blue", "metrics", "full"):
            self.assertEqual(web_socket(raw_tls(self.cluster[0], *self.pairs[name]), f"{op}/websocket?secret={secrets['0']}"), 403, name)
        mine = [web_socket(raw_tls(self.cluster[1], *self.pairs["red"]), f"{op}/websocket?secret={secrets[fd]}")
                for fd in secrets]
        self.assertFalse([s for s in mine if isinstance(s, int)], mine)
        for s in mine:
            s.close()
        wait_for(lambda: self.client("red", 1).get(op).json.get("metadata", {}).get("status") != "Running")

    def test_restrictions_hold_for_them(self):
        for more, why in (({"config": {"security.privileged": "true"}}, "Privileged containers are forbidden"),
                          ({"devices": {"n": {"type": "nic", "nictype": "p2p"}}}, "Only managed network devices are allowed")):
            refused = self.client("red").ask("POST", "/1.0/instances?project=red", {
                "name": "bad", "source": {"type": "image", "fingerprint": self.images["red"]}, **more})
            self.assertEqual(refused.status, 400, refused)
            self.assertIn(why, refused.json["error"])
        unix = self.cluster[0].unix()
        unix.done("PATCH", "/1.0/projects/blue", {"config": {"restricted.cluster.target": "block"}})
        refused = self.client("blue").ask("POST", f"/1.0/instances?project=blue&target={self.cluster[1].name}", {
            "name": "bad", "source": {"type": "image", "fingerprint": self.images["blue"]}})
        self.assertEqual((refused.status, refused.json["error"]), (403, "This project doesn't allow cluster member targeting"))
        unix.done("POST", "/1.0/cluster/groups", {"name": "fast"})
        unix.done("PATCH", "/1.0/projects/blue", {"config": {"restricted.cluster.target": "allow", "restricted.cluster.groups": "fast"}})
        for target, why in ((self.cluster[1].name, "This project isn't allowed to use this cluster member"),
                            ("@default", "This project isn't allowed to use this cluster group")):
            refused = self.client("blue").ask("POST", f"/1.0/instances?project=blue&target={target}", {
                "name": "bad", "source": {"type": "image", "fingerprint": self.images["blue"]}})
            self.assertEqual((refused.status, refused.json["error"]), (403, why))
        unix.done("PATCH", "/1.0/projects/blue", {"config": {"restricted.cluster.groups": "", "limits.instances": "1"}})
        refused = self.client("blue").ask("POST", "/1.0/instances?project=blue", {
            "name": "more", "source": {"type": "image", "fingerprint": self.images["blue"]}})
        self.assertIn("Reached maximum number of instances in project \"blue\"", refused.json["error"])
        self.assertEqual(unix.get("/1.0/projects/blue/state").metadata["resources"]["instances"], {"Limit": 1, "Usage": 1})
        unix.done("PATCH", "/1.0/projects/blue", {"config": {"limits.instances": ""}})

    # --- elsewhere -----------------------------------------------------------------------------------

    def hostile(self, own, other):
        prints = {x["name"]: x["fingerprint"] for x in self.cluster[0].unix().get("/1.0/certificates?recursion=1").metadata}
        image, member = self.images[other], self.cluster[0].name
        of = f"?project={other}"
        return [("GET", "/1.0/instances" + of), ("POST", "/1.0/instances" + of), ("GET", "/1.0/instances/c1" + of),
                ("PUT", "/1.0/instances/c1" + of), ("PATCH", "/1.0/instances/c1" + of), ("POST", "/1.0/instances/c1" + of),
                ("DELETE", "/1.0/instances/c1" + of), ("GET", "/1.0/instances/c1/state" + of), ("PUT", "/1.0/instances/c1/state" + of),
                ("POST", "/1.0/instances/c1/exec" + of), ("GET", "/1.0/instances/c1/logs/exec-output" + of),
                ("GET", "/1.0/images" + of), ("POST", "/1.0/images" + of), ("GET", f"/1.0/images/{image}" + of),
                ("GET", f"/1.0/images/{image}/export" + of), ("DELETE", f"/1.0/images/{image}" + of), ("PATCH", f"/1.0/images/{image}" + of),
                ("GET", "/1.0/images/aliases" + of), ("POST", "/1.0/images/aliases" + of), ("DELETE", f"/1.0/images/aliases/tiny-{other}" + of),
                ("GET", "/1.0/profiles" + of), ("POST", "/1.0/profiles" + of), ("PUT", "/1.0/profiles/mine" + of), ("DELETE", "/1.0/profiles/mine" + of),
                ("GET", "/1.0/projects/" + other), ("PATCH", "/1.0/projects/" + own), ("DELETE", "/1.0/projects/" + other), ("POST", "/1.0/projects"),
                ("GET", "/1.0/certificates"), ("GET", "/1.0/certificates/" + prints[other]), ("PATCH", "/1.0/certificates/" + prints[own]),
                ("DELETE", "/1.0/certificates/" + prints[own]), ("PUT", "/1.0/cluster/members/" + member), ("DELETE", "/1.0/cluster/members/" + member),
                ("POST", "/1.0/cluster/members"), ("PUT", "/1.0/cluster"), ("PATCH", "/1.0"), ("GET", "/1.0/warnings"),
                ("POST", "/1.0/storage-pools"), ("DELETE", "/1.0/networks/x?project=" + own), ("GET", "/internal/status"), ("POST", "/internal/sql"),
                ("GET", "/1.0/instances?project=nothing"), ("GET", f"/1.0/instances/c1?project={other}&all-projects=true")]

    def test_forty_hostile_requests_are_refused_alike(self):
        for own, other in (("red", "blue"), ("blue", "red")):
            asked = self.hostile(own, other)
            self.assertGreaterEqual(len(asked), 40)
            for at in range(2):
                c = self.client(own, at)
                answers = {(m, p): c.ask(m, p, {"name": "x", "config": {}} if m != "GET" else None) for m, p in asked}
                self.assertEqual({k: a.body for k, a in answers.items() if a.status != 403 or a.json["error"] != "not authorized"}, {})

    def test_nothing_of_others_is_seen_in_lists_events_or_operations(self):
        begun = self.client("blue").ask("POST", "/1.0/instances/c1/exec?project=blue",
                                        {"command": ["cat"], "wait-for-websocket": True, "interactive": False})
        op = begun.json["operation"].split("?")[0]
        for at in range(2):
            c = self.client("red", at)
            for path in ("/1.0/instances?all-projects=true&recursion=1", "/1.0/profiles?all-projects=true", "/1.0/projects?recursion=1",
                         "/1.0/operations?recursion=1&all-projects=true", "/1.0/storage-pools?recursion=1", "/1.0/networks?recursion=1&project=red"):
                answer = c.get(path)
                self.assertEqual(answer.status, 200, path)
                self.assertNotIn(b"blue", answer.body, path)
            missing = c.get("/1.0/operations/" + "0" * 8 + "-0000-0000-0000-000000000000")
            for method, path in (("GET", op), ("DELETE", op), ("GET", op + "/wait?timeout=1")):
                answer = c.ask(method, path)
                self.assertEqual((answer.status, answer.body), (missing.status, missing.body), path)
            self.assertEqual(web_socket(raw_tls(self.cluster[at], *self.pairs["red"]), "/1.0/events?project=blue"), 403)
        self.client("blue").ask("DELETE", op)

    def test_what_lies_in_the_default_project_is_not_theirs_to_change(self):
        unix = self.cluster[0].unix()
        unix.done("POST", "/1.0/projects", {"name": "sharing", "config": {"features.images": "false", "features.profiles": "false"}})
        pair = make_certificate(self.cluster.folder, "sharer")
        self.assertEqual(trust(self.cluster[0], "sharer", pair, restricted=True, projects=["sharing"]).status, 201)
        c = self.cluster[1].tls(*pair)
        self.assertEqual(c.get("/1.0/profiles/default?project=sharing").status, 200)
        for method, path in (("PATCH", "/1.0/profiles/default"), ("POST", "/1.0/profiles"), ("POST", "/1.0/images"),
                             ("POST", "/1.0/images/aliases")):
            self.assertEqual(c.ask(method, path + "?project=sharing", {"name": "x"}).status, 403, path)

    # --- everything, by everybody --------------------------------------------------------------------

    def may(self, ask, method, path, query):
        """Whether it was let in: with a body that is no JSON, nothing is changed then."""
        path = re.sub(r"\{[^}]*\}", "nothing", path) + query
        status, error = ask(method, path)
        return not (status == 403 and "not authorized" in error)

    def verdicts(self):
        def by(name):
            def ask(method, path):
                a = self.client(name).ask(method, path, b"{no json" if method != "GET" else None)
                return a.status, a.body.decode(errors="replace")
            return ask

        def nobody(method, path):
            a = self.cluster[0].tls().ask(method, path, b"{no json" if method != "GET" else None)
            return a.status, a.body.decode(errors="replace")

        def member(method, path):
            own = [os.path.join(self.cluster[1].dir, f"server.{end}") for end in ("crt", "key")]
            with raw_tls(self.cluster[0], *own, sni="member.muster") as s:
                s.sendall(f"{method} {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
                status, _, body = answer_of(s)
                return status, body.decode(errors="replace")

        askers = [("nobody", nobody, ""), ("metrics", by("metrics"), ""), ("in", by("red"), "?project=red"),
                  ("out", by("red"), "?project=blue"), ("full", by("full"), ""), ("member", member, "")]
        lines = []
        for method, path in endpoints():
            is_read = method == "GET"
            let_in = [name for name, ask, query in askers
                      if (name != "member" or is_read) and self.may(ask, method, path, query)]
            lines.append(f"{method} {path}: {' '.join(let_in)}")
        return lines

    def test_every_endpoint_by_everybody(self):
        found = self.verdicts()
        with open(GOLDEN) as f:
            self.assertEqual(found, f.read().splitlines())


if __name__ == "__main__":
    unittest.main()
