"""Advisories of Incus, LXD and etcd from 2022 on, one test each: who is asking, names, texts, connections. Those of images
are in advisories_images_test.py; what other tests hold whole is in COVERED."""
import contextlib
import json
import os
import re
import resource
import socket
import ssl
import statistics
import subprocess
import time
import unittest

from bounded_test import endpoints
from clients import answer_of, encoded, make_certificate, make_certificate_between, raw_tls, raw_unix, trust, web_socket
from loopback import ROOT, Cluster, WebSocket, upload_image

COVERED = {
    "CVE-2025-54289": "cluster/exec_test.py: test_secrets_are_for_who_asked",
    "CVE-2025-64507": "cluster/private_test.py: test_nobody_else_reads_or_runs_anything_below_the_data_directory",
    "CVE-2026-81500": "cluster/front_test.py: test_the_name_of_an_exported_file_is_ours",
    "CVE-2026-23953, the file": "cluster/private_test.py: test_what_is_read_again_holds_no_value_of_a_user",
    "CVE-2026-33542, where it lies": "cluster/image_files_test.py: test_a_damaged_file_is_not_unpacked_and_leaves_nothing",
    "CVE-2026-41685, the bound": "unit/image_test.cpp: what_is_more_than_an_image_may_hold_is_refused",
    "GHSA-xg4h, other projects": "cluster/bounded_test.py: test_nothing_of_others_is_seen_in_lists_events_or_operations",
}
OCTETS = {"Content-Type": "application/octet-stream"}
ODD_VALUES = [None, 0, -1, 1 << 70, 1.5, "", "x", "a\0b", True, [], [None], [[]], ["x"], {}, {"x": None}, {"x": {}}, {"": "x"}]
BROKEN = ["\n", "\r", "\0", "1\nlxc.hook.pre-start = /bin/true"]

# Never the name of anything that lies in a path.
NO_NAMES = ["", ".", "..", "/", "../x", "../../../../etc/x", "/etc/passwd", "a/b", "a/../b", "./a", "a/", "x/..", "//", "..//x",
            "a\0b", "\0", "a\nb", "a\r\nb", "\n", "\t", "a\tb", "\x1b[31m", "a\x7f", "\x85", "a\x9fb", "x" * 300, "ä" * 200, "x" * 9000]
# A name or none: if it is one, it is shown as it was given.
ODD_NAMES = [" ", " a", "a ", "-rf", "--help", "a;b", "a|b", "a`id`", "$(id)", "a&b", "a>b", "*", "?", "%", "_", "%2e%2e%2f", "%00",
             "..%2fx", "..\\x", "'", '"', "{a}", "~root", "\u202ex", "a\u2028b", "@x", "a..b", "a:b", "a=b", "a,b", "#a"]


class Covered(unittest.TestCase):
    def test_what_is_covered_is_there(self):
        for advisory, where in COVERED.items():
            file, name = where.split(": ")
            with open(os.path.join(ROOT, "tests", file)) as f:
                self.assertRegex(f.read(), rf"(def |CASE\(){name}\b", advisory)


def changed_once(body):
    """The body with each key left out, and each value of another type; lists with each element left out."""
    for key in list(body):
        yield {k: v for k, v in body.items() if k != key}
        for value in ODD_VALUES:
            yield {**body, key: value}
        if isinstance(body[key], dict):
            for part in changed_once(body[key]):
                yield {**body, key: part}
        if isinstance(body[key], list):
            for n in range(len(body[key])):
                yield {**body, key: body[key][:n] + body[key][n + 1:]}
    for value in ODD_VALUES:
        yield value


class Advisories(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.node, cls.other = cls.cluster.members
        unix = cls.node.unix(60)
        cls.pairs, cls.images = {}, {}
        for name in ("own", "foreign"):
            unix.done("POST", "/1.0/projects", {"name": name})
            unix.done("PUT", f"/1.0/profiles/default?project={name}",
                      {"devices": {"root": {"type": "disk", "path": "/", "pool": "default"}}})
            unix.done("POST", f"/1.0/profiles?project={name}", {"name": "of-" + name})
            cls.images[name] = upload_image(unix, cls.cluster.folder, alias="tiny-" + name, release=name, project=name)
            unix.done("POST", f"/1.0/instances?project={name}&target=n1",
                      {"name": "c-" + name, "source": {"type": "image", "fingerprint": cls.images[name]}, "start": name == "own"})
        for name, more in (("full", {}), ("metrics", {"type": "metrics"}), ("bound", {"restricted": True, "projects": ["own"]})):
            cls.pairs[name] = make_certificate(cls.cluster.folder, name)
            assert trust(cls.node, name, cls.pairs[name], **more).status == 201
        cls.pids = [m.process.pid for m in cls.cluster.members]

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        for m in self.cluster.members:
            self.assertTrue(m.is_running(), m.log_text()[-2000:])
        self.assertEqual([m.process.pid for m in self.cluster.members], self.pids)

    def client(self, name, member=None):
        return (member or self.node).tls(*self.pairs[name], timeout=60)

    def prints(self):
        return {x["name"]: x["fingerprint"] for x in self.node.unix().get("/1.0/certificates?recursion=1").metadata}

    # --- names ---------------------------------------------------------------------------------------

    def test_cve_2025_54293_names_of_logs(self):
        unix = self.node.unix(60)
        kept = unix.done("POST", "/1.0/instances/c-own/exec?project=own", {"command": ["echo", "kept"], "record-output": True})
        kept = kept["metadata"]["output"]["1"].split("?")[0] + "?project=own"
        key, found = os.path.join(self.node.dir, "server.key"), []
        for base in ("/1.0/instances/c-own/logs/", "/1.0/instances/c-own/logs/exec-output/"):
            for name in ("..%2fconfig", "%2e%2e/", "%2e%2e%2f", "..%2f..%2f..%2fserver.key", "exec_%2f..%2f..%2f..%2f..%2fserver.key",
                         "exec_x/../../../../server.key", "exec_..%2f..%2fx", "%00", "exec_%00", kept.split("/")[-1][:-12] + "%00", "exec_%0a",
                         "%2fetc%2fpasswd", "//etc/passwd", encoded(key), "exec_" + encoded(key), "..%5cconfig", "....//", "config",
                         "%252e%252e%252fconfig", "exec_%252e%252e%252f..%252fserver.key", "lxc.log", "exec_" + "x" * 300):
                for member in self.cluster.members:
                    for method in ("GET", "DELETE"):
                        answer = member.unix().ask(method, base + name + "?project=own")
                        if answer.status not in (400, 404, 414):
                            found.append((member.name, method, base + name, answer))
        self.assertEqual(found, [])
        self.assertEqual(unix.get(kept).body, b"kept\n")
        self.assertTrue(os.path.exists(key))

    def makers(self):
        """(path, body of a name, whether names become parts of paths) of all that make or rename something."""
        unix = self.node.unix(60)
        for path in ("projects", "profiles", "cluster/groups"):
            unix.ask("POST", "/1.0/" + path, {"name": "adv"})
        unix.ask("POST", "/1.0/images/aliases?project=own", {"name": "adv", "target": self.images["own"]})
        image = {"type": "image", "fingerprint": self.images["own"]}

        def named(name):
            return {"name": name}

        return [("/1.0/projects", named, True), ("/1.0/profiles", named, True), ("/1.0/cluster/groups", named, True),
                ("/1.0/storage-pools?target=n1", lambda name: {"name": name, "driver": "dir"}, True),
                ("/1.0/networks?target=n1", lambda name: {"name": name, "type": "macvlan", "config": {"parent": "lo"}}, True),
                ("/1.0/instances?project=own", lambda name: {"name": name, "source": image}, True),
                ("/1.0/cluster/members", lambda name: {"server_name": name}, True),
                ("/1.0/images/aliases?project=own", lambda name: {"name": name, "target": self.images["own"]}, False),
                ("/1.0/projects/adv", named, True), ("/1.0/profiles/adv", named, True), ("/1.0/cluster/groups/adv", named, True),
                ("/1.0/instances/c-foreign?project=foreign", named, True), ("/1.0/images/aliases/adv?project=own", named, False),
                ("/1.0/cluster/members/n2", lambda name: {"server_name": name}, True)]

    def outcome(self, started, c):
        """Of a request, and of the operation that it begins if it does."""
        if started.status != 202 or started.metadata["class"] == "token":
            return started.status
        ended = c.get(started.json["operation"].split("?")[0] + "/wait?timeout=30").json
        return ended.get("error_code") or 201

    def places(self):
        """What lies where no name of a user may put anything."""
        places = [self.cluster.folder, "/", "/etc"] + [m.dir for m in self.cluster.members]
        own = {"images", "logs", "disks", "networks"}  # made when they are needed
        return [sorted(set(os.listdir(p)) - own) for p in places]

    def test_lxd_c5d059c7cd_names_that_become_paths(self):
        self.assertGreaterEqual(len(NO_NAMES + ODD_NAMES), 40)
        c = self.node.unix(60)
        before, makers = self.places(), self.makers()
        for path, body, is_path in makers:
            for name in NO_NAMES:
                is_one = not is_path and 0 < len(name) < 250 and name.isprintable()
                is_one = is_one or (name == "" and path.startswith("/1.0/instances?"))  # it gets one of its own
                status = self.outcome(c.ask("POST", path, body(name)), c)
                self.assertTrue(status == 400 or is_one, (path, name[:40], status))
        self.assertEqual(self.places(), before)
        for path, body, _ in makers[:8]:
            for name in ODD_NAMES:
                status = self.outcome(c.ask("POST", path, body(name)), c)
                self.assertIn(status, (201, 202, 400), (path, name))
                if status == 201:
                    where = f"{path.split('?')[0]}/{encoded(name)}{'?project=own' if 'project=' in path else ''}"
                    shown = c.get(where)
                    self.assertEqual((shown.status, shown.json["metadata"] and shown.metadata["name"]), (200, name), where)
                    self.assertEqual(self.outcome(c.ask("DELETE", where), c) // 100, 2, where)
        self.assertEqual(self.places(), before)

    # --- what one does not see -----------------------------------------------------------------------

    def test_cve_2026_81501_a_private_image_by_its_fingerprint(self):
        unknown, private = "ab" * 32, self.images["foreign"]
        for member in self.cluster.members:
            def answer(print_, method, path, body, member=member):
                a = self.client("bound", member).ask(method, path.replace("{}", print_), json.dumps(body).replace("{}", print_) if body else None)
                return a.status, a.body.decode().replace(print_, "PRINT")

            for method, path, body in (
                    ("GET", "/1.0/images/{}?project=own", None), ("GET", "/1.0/images/{}/export?project=own", None),
                    ("DELETE", "/1.0/images/{}?project=own", None), ("PATCH", "/1.0/images/{}?project=own", {"public": True}),
                    ("POST", "/1.0/images/aliases?project=own", {"name": "mine", "target": "{}"}),
                    ("POST", "/1.0/instances?project=own", {"name": "mine", "source": {"type": "image", "fingerprint": "{}"}}),
                    ("POST", "/1.0/images?project=own", {"source": {"type": "image", "fingerprint": "{}", "project": "foreign"}}),
                    ("POST", "/1.0/instances?project=own",
                     {"name": "mine", "source": {"type": "image", "fingerprint": "{}", "project": "foreign"}})):
                for cut in (64, 12):
                    found = answer(private[:cut], method, path, body)
                    self.assertEqual(found, answer(unknown[:cut], method, path, body), path)
                    self.assertIn(found[0], (400, 404), path)
            c, data = self.client("bound", member), b"other bytes"
            started = c.ask("POST", "/1.0/images?project=own", data, {**OCTETS, "X-Incus-fingerprint": private})
            self.assertEqual(c.get(started.json["operation"].split("?")[0] + "/wait?timeout=20").json["type"], "error")
            self.assertEqual([i["fingerprint"] for i in c.get("/1.0/images?project=own&recursion=1").metadata], [self.images["own"]])

    def test_cve_2025_54290_54291_projects_one_does_not_see(self):
        """One that is there and one that is not are alike."""
        told = []
        ways = {"{fingerprint}": self.images["foreign"], "{id}": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "{file}": "exec_x.stdout"}
        for member in self.cluster.members:
            for who in (None, "bound", "metrics"):
                c = self.client(who, member) if who else member.tls()
                for method, path in endpoints():
                    if method != "GET" or path.startswith("/internal"):
                        continue
                    path = re.sub(r"\{[^}]*\}", lambda m: ways.get(m[0], "c-foreign"), path) if "projects/" not in path else path
                    asked = [path.replace("{name}", p) + f"?project={p}" + more
                             for more in ("", "&recursion=1", "&all-projects=true") for p in ("foreign", "missing")]
                    for there, missing in zip(asked[::2], asked[1::2]):
                        a, b = c.get(there), c.get(missing)
                        if (a.status, a.body) != (b.status, b.body):
                            told.append((member.name, who, there, a, b))
        self.assertEqual(told, [])

    def test_cve_2025_54291_names_are_no_patterns(self):
        for member in self.cluster.members:
            for c in (member.unix(), self.client("bound", member)):
                for pattern in ("%25", "_", "*", "for%25", "forei_n", "%25%25%25%25%25%25%25", "______", "c-o%25", ".%2a"):
                    for path in ("projects/{}", "profiles/{}?project=own", "instances/{}?project=own", "images/{}?project=own",
                                 "images/aliases/{}?project=own", "cluster/members/{}", "storage-pools/{}", "certificates/{}",
                                 "operations/{}", "warnings/{}"):
                        answer = c.get("/1.0/" + path.replace("{}", pattern))
                        self.assertIn(answer.status, (400, 403, 404), (path, pattern))
                    for path in ("instances?project=", "profiles?project=", "images?project=", "operations?project="):
                        self.assertEqual(c.get("/1.0/" + path + pattern).body, c.get("/1.0/" + path + "missing").body, (path, pattern))

    def test_cve_2026_3351_lists_show_the_same_with_and_without_details(self):
        for member in self.cluster.members:
            for c in (member.unix(), member.tls(), *(self.client(name, member) for name in ("full", "bound", "metrics"))):
                for method, path in endpoints():
                    if method != "GET" or "{" in path or path.startswith("/internal"):
                        continue
                    for query in ("?", "?project=own&", "?project=foreign&", "?all-projects=true&", "?project=missing&"):
                        plain, detailed = c.get(path + query), c.get(path + query + "recursion=1")
                        self.assertEqual(plain.status, detailed.status, path + query)
                        if plain.status != 200 or plain.body[:1] != b"{" or not isinstance(plain.metadata, list) or path == "/":
                            continue
                        names = [u.split("?")[0].rsplit("/", 1)[1] for u in plain.metadata]
                        objects = [next(str(o[k]) for k in ("server_name", "fingerprint", "uuid", "name") if k in o)
                                   for o in detailed.metadata]
                        self.assertEqual(sorted(names), sorted(objects), path + query)

    def test_ghsa_6v6x_each_type_lies_in_the_project_that_was_asked(self):
        unix = self.node.unix(60)
        source = {"type": "image", "fingerprint": self.images["own"]}
        for path, body, key in (("/1.0/profiles", {"name": "lies"}, "name"), ("/1.0/instances", {"name": "lies", "source": source}, "name"),
                                ("/1.0/images/aliases", {"name": "lies", "target": self.images["own"]}, "name"),
                                ("/1.0/images", None, "fingerprint")):
            with self.subTest(path):
                if body:
                    unix.done("POST", path + "?project=own", body)
                value = body["name"] if body else self.images["own"]

                def there(project, path=path, key=key, value=value):
                    listed = [o[key] for o in unix.get(f"{path}?recursion=1{project}").metadata]
                    shown = unix.get(f"{path}/{value}?x=y{project}").status
                    self.assertEqual(shown == 200, value in listed, path + project)
                    return value in listed

                self.assertEqual([there(p) for p in ("&project=own", "", "&project=default", "&project=foreign")], [True, False, False, False])
                for project in ("", "&project=foreign"):
                    for method in ("PATCH", "PUT", "POST", "DELETE"):
                        answer = unix.ask(method, f"{path}/{value}?x=y{project}", {"name": "other", "description": "x"})
                        self.assertIn(answer.status, (404, 405, 501), (method, path, answer))
                self.assertTrue(there("&project=own"))
                if body:
                    unix.done("DELETE", f"{path}/{value}?project=own")

    # --- who is asking -------------------------------------------------------------------------------

    def test_cve_2026_34179_ones_own_certificate(self):
        prints, unix = self.prints(), self.node.unix()
        for name in ("bound", "metrics"):
            path = "/1.0/certificates/" + prints[name]
            before = unix.get(path).metadata
            for member in self.cluster.members:
                c = self.client(name, member)
                for method in ("PATCH", "PUT"):
                    for change in ({"type": "client"}, {"type": "metrics"}, {"restricted": False}, {"projects": ["own", "foreign"]},
                                   {"projects": []}, {"name": "full"}, {"certificate": ""}, before):
                        self.assertEqual(c.ask(method, path, change).status, 403, (name, change))
                self.assertEqual(c.ask("DELETE", path).status, 403)
                self.assertEqual(c.ask("POST", "/1.0/certificates", {"name": "x", "type": "client", "token": True}).status, 403)
            self.assertEqual(unix.get(path).metadata, before)

    def test_cve_2025_54286_2026_33898_pages_of_other_sites(self):
        unix = self.node.unix()
        unix.ask("POST", "/1.0/profiles", {"name": "seen"})
        begun = self.client("full").ask("POST", "/1.0/instances/c-own/exec?project=own",
                                        {"command": ["cat"], "wait-for-websocket": True, "interactive": False})
        op, secret = begun.json["operation"].split("?")[0], begun.metadata["metadata"]["fds"]["0"]
        count = len(unix.get("/1.0/profiles").metadata)
        for member in self.cluster.members:
            for header in ("Origin: https://evil.example", "Origin: null", f"Origin: http://127.0.0.1:{member.port}",
                           f"Origin: https://127.0.0.1:{member.port}.evil.example", "Origin: https://127.0.0.1:1", "Sec-Fetch-Site: cross-site",
                           "Sec-Fetch-Site: same-site", "sec-fetch-site: CROSS-SITE", "Sec-Fetch-Site: anything"):
                name, value = header.split(": ")
                c = self.client("full", member)
                for method, path in (("POST", "/1.0/profiles"), ("PUT", "/1.0/profiles/seen"), ("PATCH", "/1.0/profiles/seen"), ("PATCH", "/1.0"),
                                     ("DELETE", "/1.0/profiles/seen"), ("POST", "/1.0/instances/c-own/exec?project=own"),
                                     ("POST", "/1.0/images"), ("POST", "/1.0/certificates"), ("POST", "/1.0/cluster/members")):
                    answer = c.ask(method, path, {"name": "crossed", "description": "crossed"}, {name: value})
                    self.assertEqual(answer.status, 403, (header, method, path, answer))
                for path in ("/1.0/events", f"{op}/websocket?secret={secret}"):
                    host = f"X: y\r\n{header}\r\n"
                    self.assertEqual(web_socket(raw_tls(member, *self.pairs["full"]), path, host), 403, (header, path))
        self.assertEqual((unix.get("/1.0/profiles/seen").metadata["description"], len(unix.get("/1.0/profiles").metadata)), ("", count))
        unix.ask("DELETE", op)

    def test_etcd_ghsa_xg4h_events_of_each_type(self):
        unix = self.node.unix(60)
        everything = [WebSocket.unix(m.socket, "/1.0/events?all-projects=true", 30) for m in self.cluster.members]
        heard = [(m.name, query, web_socket(raw_tls(m, *self.pairs["bound"]), "/1.0/events?" + query)) for m in self.cluster.members
                 for query in ("all-projects=true", "project=own", "all-projects=true&type=operation,lifecycle",
                               "project=own&type=logging,lifecycle", "all-projects=true&type=logging,operation,lifecycle,network-acl")]
        unix.done("PATCH", "/1.0", {"config": {"user.secret": "foreign"}})
        unix.done("POST", "/1.0/profiles?project=foreign", {"name": "quiet"})
        for project in ("foreign", "default"):
            started = unix.ask("POST", "/1.0/images?project=" + project, b"no image", OCTETS)
            op = started.json["operation"].split("?")[0]
            unix.get(op + "/wait?timeout=20")
        unix.done("PATCH", "/1.0/instances/c-foreign?project=foreign", {"description": "of foreign"})
        for w in everything:  # what one without bounds has heard, the others would have heard before the mark
            while True:
                event = json.loads(w.read()[1])
                if event["type"] == "operation" and event["metadata"]["id"] in op and event["metadata"]["status"] == "Failure":
                    break
        unix.done("POST", "/1.0/profiles?project=own", {"name": "mark"})
        for name, query, w in heard:
            event = {}
            while event.get("metadata", {}).get("source", "").split("?")[0] != "/1.0/profiles/mark":
                text = w.read()[1]
                event = json.loads(text)
                self.assertEqual(event["project"], "own", (name, query, text))
                self.assertNotIn(b"foreign", text)
            w.close()

    # --- text that becomes configuration or command --------------------------------------------------

    def keys_of(self, entity, kind):
        """Of a table of keys that the server has; "." at the end for all behind it."""
        groups = self.node.unix().get("/1.0/metadata/configuration").metadata["configs"][entity]
        return [name.rstrip("*") for one in groups[kind]["keys"] for name in one]

    def refused(self, method, path, body):
        answer = self.node.unix(60).ask(method, path, body)
        self.assertTrue(answer.status == 400 or "member-specific" in answer.json["error"].replace("r s", "r-s"), (path, body, answer))

    def test_cve_2026_23953_ghsa_m3j6_line_breaks(self):
        may_have_lines = ("user.", "cloud-init.", "image.", "volatile.")
        tables = [(self.keys_of(entity, entity), *where) for entity, *where in (
            ("server", "PATCH", "/1.0", {}), ("instance", "PATCH", "/1.0/instances/c-own?project=own", {}),
            ("instance", "PATCH", "/1.0/profiles/of-own?project=own", {}), ("project", "PATCH", "/1.0/projects/own", {}),
            ("instance", "POST", "/1.0/profiles", {"name": "broken"}))]
        for keys, method, path, more in tables:
            self.assertGreater(len(keys), 10)
            for key in keys:
                for value in BROKEN:
                    if key.startswith(may_have_lines) and "\0" not in value:
                        continue
                    key = key + "X" if key.endswith(".") else key
                    self.refused(method, path, {**more, "config": {key: value}})
                    self.refused(method, path, {**more, "config": {key: "1" + value}})
                    self.refused(method, path, {**more, "config": {key + value: "1"}})
        for kind, key in [(kind, key) for kind in ("disk", "nic") for key in self.keys_of("devices", kind)]:
            for value in BROKEN:
                for device in ({"type": kind, key: "eth0" + value}, {"type": kind + value}, {"type": kind, "user.x": value},
                               {"type": kind, key + value: "x"}):
                    self.refused("PATCH", "/1.0/profiles/of-own?project=own", {"devices": {"d": device}})
                self.refused("PATCH", "/1.0/profiles/of-own?project=own", {"devices": {"d" + value: {"type": "none"}}})

    def test_cve_2026_23953_line_breaks_in_pools_networks_and_elsewhere(self):
        of = {"storage": ("dir", "btrfs"), "network": ("bridge", "physical", "macvlan")}
        keys = [(kind, key) for noun, kinds in of.items() for kind in kinds
                for key in self.keys_of(f"{noun}-{kind}", "common")]
        self.assertGreater(len(keys), 10)
        unix, prints = self.node.unix(60), self.prints()
        paths = {k: ("/1.0/storage-pools", "driver") if k in ("dir", "btrfs") else ("/1.0/networks", "type") for k, _ in keys}
        for kind, (path, noun) in paths.items():
            for m in self.cluster.members:  # what is not of a member is looked at when all have it
                unix.done("POST", f"{path}?target={m.name}", {"name": "adv-" + kind, noun: kind})
            self.addCleanup(unix.ask, "DELETE", f"{path}/adv-{kind}")
        for value in BROKEN:
            for kind, key in keys:
                path, noun = paths[kind]
                good = {"source": "/x", "parent": "lo"}.get(key, "1")
                self.refused("POST", path, {"name": "adv-" + kind, noun: kind, "config": {key: good + value}})
                self.refused("POST", path + "?target=n1", {"name": "broken", noun: kind, "config": {key: good + value}})
            self.refused("PATCH", "/1.0/storage-pools/default", {"config": {"rsync.bwlimit": "1" + value}})
            for method, path, body in (
                    ("PATCH", "/1.0/certificates/" + prints["metrics"], {"name": "m" + value}),
                    ("PATCH", "/1.0/cluster/members/n1", {"failure_domain": "a" + value}),
                    ("PATCH", "/1.0/cluster/members/n1", {"config": {"scheduler.instance": "all" + value}}),
                    ("PATCH", "/1.0/images/" + self.images["own"] + "?project=own", {"profiles": ["default" + value]}),
                    ("PATCH", "/1.0/instances/c-own?project=own", {"profiles": ["default" + value]}),
                    ("POST", "/1.0/certificates", {"name": "t" + value, "type": "client", "token": True}),
                    ("POST", "/1.0/cluster/members", {"server_name": "t" + value})):
                answer = unix.ask(method, path, body)
                self.assertGreaterEqual(answer.status, 400, (path, body, answer))
        for path, body in (("/1.0/projects/own", {"description": "a\0b"}),
                           ("/1.0/images/" + self.images["own"] + "?project=own", {"properties": {"os": "a\0b"}}),
                           ("/1.0/cluster/members/n1", {"description": "a\0b"})):
            self.refused("PATCH", path, body)

    def test_cve_2026_28384_48755_compression_algorithms(self):
        unix = self.node.unix()
        for key in ("images.compression_algorithm", "backups.compression_algorithm"):
            for value in ("gzip -S /x", "gzip -9 --suffix=/x", "gzip; id", "$(id)", "`id`", "gzip\n", "gzip\0", " gzip", "gzip ", "/bin/gzip",
                          "sh -c id", "-9", "zstd -o /x", "tar2sqfs", "squashfs", "pigz", "xz -T0 /etc/passwd", "GZIP", "none -1", "../gzip", "*"):
                self.refused("PATCH", "/1.0", {"config": {key: value}})
            for value in ("none", "gzip", "zstd", "xz", "bzip2", "lz4", ""):
                self.assertEqual(unix.ask("PATCH", "/1.0", {"config": {key: value}}).status, 200, value)

    # --- crash and fill ------------------------------------------------------------------------------

    def bodies(self):
        source = {"type": "image", "fingerprint": self.images["own"], "alias": "", "server": "", "protocol": "simplestreams"}
        config = {"user.x": "y"}
        devices = {"root": {"type": "disk", "path": "/", "pool": "default"}, "n": {"type": "none"}}
        instance = {"config": config, "devices": devices, "profiles": ["default", "of-own"], "description": "d", "ephemeral": False}
        yield "POST", "/1.0/projects", {"name": "own", "config": {"features.images": "true"}, "description": "d"}
        yield "PUT", "/1.0/projects/own", {"config": {"features.images": "true", "features.profiles": "true"}, "description": "d"}
        yield "POST", "/1.0/profiles?project=own", {"name": "of-own", "config": config, "devices": devices, "description": "d"}
        yield "PUT", "/1.0/profiles/of-own?project=own", {"config": config, "devices": devices, "description": "d"}
        yield "POST", "/1.0/instances?project=own", {"name": "c-own", "type": "container", "source": source, "start": False, **instance}
        yield "PUT", "/1.0/instances/c-own?project=own", instance
        yield "PATCH", "/1.0/instances/c-own?project=own", instance
        yield "PUT", "/1.0/instances/c-own/state?project=own", {"action": "thaw", "timeout": 1, "force": True, "stateful": False}
        yield "POST", "/1.0/instances/c-own/exec?project=own", {
            "command": ["true"], "environment": {"A": "b"}, "user": 0, "group": 0, "cwd": "/", "width": 80, "height": 24,
            "record-output": True, "interactive": False, "wait-for-websocket": False}
        yield "PUT", "/1.0/images/" + self.images["own"] + "?project=own", {
            "properties": {"os": "x"}, "public": False, "auto_update": False, "profiles": ["default"], "expires_at": "2030-01-01T00:00:00Z"}
        yield "POST", "/1.0/images?project=own", {"source": source, "public": False, "properties": {"a": "b"},
                                                  "aliases": [{"name": "a", "description": ""}]}
        yield "POST", "/1.0/images/aliases?project=own", {"name": "tiny-own", "target": self.images["own"], "description": "d"}
        yield "PUT", "/1.0/images/aliases/tiny-own?project=own", {"target": self.images["own"], "description": "d"}
        yield "POST", "/1.0/storage-pools", {"name": "default", "driver": "dir", "config": {"source": "/x"}, "description": "d"}
        yield "POST", "/1.0/networks", {"name": "advnet", "type": "macvlan", "config": {"parent": "lo"}, "description": "d"}
        yield "POST", "/1.0/cluster/groups", {"name": "default", "members": ["n1", "n2"], "description": "d"}
        yield "PUT", "/1.0/cluster/groups/default", {"members": ["n1", "n2"], "description": "d"}
        yield "PUT", "/1.0/cluster/members/n2", {"roles": [], "failure_domain": "default", "description": "d", "config": config,
                                                 "groups": ["default"]}
        yield "POST", "/1.0/certificates", {"name": "x", "type": "client", "certificate": "x", "restricted": True, "projects": ["own"],
                                            "token": False, "trust_token": "x"}
        yield "PATCH", "/1.0", {"config": config}
        yield "PUT", "/1.0/cluster/certificate", {"cluster_certificate": "x", "cluster_certificate_key": "y"}
        yield "POST", "/internal/sql", {"database": "global", "query": "SELECT 1"}
        yield "POST", "/internal/cluster/join", {"server_name": "x", "token": "x", "certificate": "x", "address": "127.0.0.1:1",
                                                 "member_config": [{"entity": "x"}]}

    def test_cve_2026_40195_40251_33743_bodies_of_each_shape(self):
        for method, path, body in self.bodies():
            for changed in changed_once(body):
                answer = self.node.unix(60).ask(method, path, json.dumps(changed))
                self.assertNotIn(b"Internal error", answer.body, (method, path, changed))  # of a library
                self.assertIn(answer.json["type"], ("sync", "async", "error"))
            self.assertTrue(self.node.is_running(), path)

    def memory(self):
        with open(f"/proc/{self.node.process.pid}/status") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))

    def served(self):
        """How long a request takes while others hold theirs, in the middle of many."""
        c, took = self.node.unix(), []
        for _ in range(30):
            began = time.monotonic()
            self.assertEqual(c.get("/1.0/cluster/members").status, 200)
            took.append(time.monotonic() - began)
        return statistics.median(took)

    def test_etcd_ghsa_6vch_connections_that_never_finish(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        with contextlib.ExitStack() as held:
            stalled = []
            for _ in range(700):
                with contextlib.suppress(OSError):
                    s = held.enter_context(socket.create_connection(("127.0.0.1", self.node.port), timeout=30))
                    s.sendall(b"\x16\x03\x01")
                    stalled.append(s)
            for _ in range(250):
                s = held.enter_context(raw_unix(self.node, 60))
                s.sendall(b"GET /1.0 HTTP/1.1\r\nHost: m\r\nX-Half: ")
                stalled.append(s)
            for _ in range(50):
                s = held.enter_context(raw_tls(self.node, *self.pairs["full"]))
                s.sendall(b"POST /1.0/profiles HTTP/1.1\r\nHost: m\r\nContent-Le")
                stalled.append(s)
            self.assertLess(self.served(), 0.05)
            self.assertEqual(self.client("full").get("/1.0/profiles").status, 200)
            for s in stalled:  # each is given up
                s.settimeout(60)
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    while s.recv(4096):
                        pass

    def test_etcd_ghsa_6vch_a_body_of_a_member_without_end(self):
        own = [os.path.join(self.other.dir, f"server.{end}") for end in ("crt", "key")]
        before = self.memory()
        for head in ("Content-Length: 10737418240", "Transfer-Encoding: chunked"):
            for method, path in (("POST", "/internal/knock"), ("POST", "/internal/cluster/address"), ("POST", "/internal/cluster/join"),
                                 ("POST", "/internal/sql"), ("PUT", "/internal/cluster/certificate"), ("POST", "/internal/instances/c-own/owner")):
                taken = 0
                with raw_tls(self.node, *own, sni="member.muster") as s:
                    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: m\r\n{head}\r\n\r\n".encode())
                    part = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
                    with contextlib.suppress(OSError):
                        while taken < 256 << 20:
                            s.sendall(part)
                            taken += len(part)
                self.assertLess(taken, 64 << 20, (path, head))  # what is thrown away behind an answer has a bound, too
        self.assertLess(self.memory() - before, 16 << 20)
        self.assertLess(self.served(), 0.05)


class Links(unittest.TestCase):
    def copies(self, folder, right):
        """Certificates that say what the right one says."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        for name, more in (("copied", []), ("renewed", ["-days", "30"])):
            key, crt = (os.path.join(folder, f"{name}.{end}") for end in ("key", "crt"))
            openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", key)
            openssl("x509", "-in", right[0], "-signkey", key, "-out", crt, *more)
            yield name, [crt, key]
        yield "expired", make_certificate_between(folder, "n2", -86400 * 30, -60)
        yield "of the cluster", [os.path.join(os.path.dirname(right[0]), f"cluster.{end}") for end in ("crt", "key")]

    def heard(self, port, pair):
        """What comes from somebody who takes this one for the member."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(20)
            plain, _ = server.accept()
            plain.settimeout(10)
            try:
                with context.wrap_socket(plain, server_side=True) as s:
                    return s.recv(100)
            except (OSError, ssl.SSLError):
                return b""

    def asked(self, member, pair):
        try:
            with raw_tls(member, *pair, sni="member.muster") as s:
                s.sendall(b"GET /internal/link HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: muster-link\r\n\r\n")
                return answer_of(s)[0]
        except (OSError, ssl.SSLError):
            return 403

    def test_cve_2026_40243_a_certificate_that_says_the_right_things(self):
        with Cluster(2) as cluster:
            node, victim = cluster.members
            right = [os.path.join(victim.dir, f"server.{end}") for end in ("crt", "key")]
            wrong = dict(self.copies(cluster.folder, right))
            for name, pair in wrong.items():
                self.assertEqual(self.asked(node, pair), 403, name)
            victim.kill()
            for name, pair in wrong.items():
                self.assertEqual(self.heard(victim.port, pair), b"", name)
            self.assertIn(b"/internal/", self.heard(victim.port, right))
            cluster.restart(victim)


if __name__ == "__main__":
    unittest.main()
