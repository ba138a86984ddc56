"""Storage pools and networks on the members of a real cluster."""
import os
import time
import unittest

from loopback import Cluster, Member, upload_image, wait_for
from on_three import OnThree


def define(client, path, name, kind, members, config=None):
    key = "driver" if "pools" in path else "type"
    for m in members:
        answer = client.ask("POST", f"{path}?target={m.name}",
                            {"name": name, key: kind, "config": (config or {}).get(m.name, {})})
        assert answer.status == 201, answer


class TwoPhases(OnThree):
    def test_a_pool_is_defined_on_each_member_then_created_on_all(self):
        c = self.cluster[1].unix()
        pools = "/1.0/storage-pools"
        own = os.path.join(self.cluster.folder, "own")
        os.mkdir(own)
        alone = c.ask("POST", pools, {"name": "p", "driver": "dir"})
        self.assertEqual((alone.status, alone.json["error"]),
                         (500, "Pool not pending on any node (use --target <node> first)"))
        define(c, pools, "p", "dir", self.cluster.members[:2], {"n1": {"source": own}})
        self.assertEqual(c.get(f"{pools}/p").metadata["status"], "Pending")
        self.assertEqual(c.get(f"{pools}/p").metadata["locations"], ["n1", "n2"])
        for body, target, said in (
                ({"config": {}}, "?target=n2", (400, 'The storage pool already defined on member "n2"')),
                ({"config": {"rsync.bwlimit": "1"}}, "?target=n3",
                 (500, 'Config key "rsync.bwlimit" may not be used as member-specific key')),
                ({}, "?target=n9", (404, "Cluster member not found")),
                ({}, "", (500, "Pool not defined on nodes: n3")),
                ({"config": {"source": "/x"}}, "", (500, 'Config key "source" is cluster member specific'))):
            answer = c.ask("POST", pools + target, {"name": "p", "driver": "dir", **body})
            self.assertEqual((answer.status, answer.json["error"]), said)
        define(c, pools, "p", "dir", self.cluster.members[2:])
        made = c.ask("POST", pools, {"name": "p", "driver": "dir", "config": {"user.a": "1"}})
        self.assertEqual((made.status, made.headers["Location"]), (201, "/1.0/storage-pools/p"))
        shown = c.get(f"{pools}/p").metadata
        self.assertEqual((shown["status"], shown["config"]), ("Created", {"user.a": "1"}))
        self.assertEqual(c.get(f"{pools}/p?target=n1").metadata["config"], {"user.a": "1", "source": own})
        self.assertEqual(os.readlink(os.path.join(self.cluster[0].dir, "storage-pools/p")), own)
        self.assertTrue(os.path.isdir(os.path.join(self.cluster[2].dir, "storage-pools/p")))
        self.assertGreater(c.get(f"{pools}/p/resources?target=n3").metadata["space"]["total"], 0)
        again = c.ask("POST", pools, {"name": "p", "driver": "dir"})
        self.assertEqual((again.status, again.json["error"]), (500, "The storage pool is already created"))
        self.change(c, f"{pools}/p")
        c.done("DELETE", f"{pools}/p")
        for m in self.cluster.members:
            self.assertFalse(os.path.lexists(os.path.join(m.dir, "storage-pools/p")))
        self.assertTrue(os.path.isdir(own))
        self.assertEqual(c.get(f"{pools}/p").status, 404)

    def change(self, c, url):
        c.done("PATCH", url, {"config": {"rsync.compression": "false"}})
        self.assertEqual(c.get(url).metadata["config"], {"user.a": "1", "rsync.compression": "false"})
        c.done("PUT", url, {"description": "x", "config": {}})
        self.assertEqual((c.get(url).metadata["config"], c.get(url).metadata["description"]), ({}, "x"))
        self.assertIn("source", c.get(f"{url}?target=n1").metadata["config"])
        for body, target in (({"config": {"source": "/y"}}, ""), ({"config": {"user.b": "1"}}, "?target=n1"),
                             ({"config": {"source": "/y"}}, "?target=n1"), ({"config": {"bogus": "1"}}, "")):
            self.assertEqual(c.ask("PATCH", url + target, body).status, 400, body)
        old = c.ask("PUT", url, {"config": {}}, headers={"If-Match": '"x"'})
        self.assertEqual(old.status, 412)
        self.assertEqual(c.ask("POST", url, {"name": "q"}).status, 400)

    def test_a_member_that_cannot_is_named_and_the_rest_can_be_done_again(self):
        c = self.cluster[0].unix()
        pools = "/1.0/storage-pools"
        later = os.path.join(self.cluster.folder, "later")
        define(c, pools, "half", "dir", self.cluster.members, {"n2": {"source": later}})
        made = c.ask("POST", pools, {"name": "half", "driver": "dir"})
        self.assertEqual(made.status, 500)
        self.assertIn(f'failed on member "n2": Source path "{later}" doesn\'t exist', made.json["error"])
        self.assertEqual(c.get(f"{pools}/half").metadata["status"], "Errored")
        self.assertEqual(c.get(f"{pools}/half?target=n1").metadata["status"], "Created")
        self.assertEqual(c.get(f"{pools}/half?target=n2").metadata["status"], "Errored")
        warned = [w for w in c.get("/1.0/warnings?recursion=1").metadata if w["entity_url"] == f"{pools}/half"]
        self.assertEqual([(w["type"], w["location"], w["severity"], w["status"]) for w in warned],
                         [("Storage pool unavailable", "n2", "high", "new")])
        url = "/1.0/warnings/" + warned[0]["uuid"]
        c.done("PUT", url, {"status": "acknowledged"})
        self.assertEqual(c.get(url).metadata["status"], "acknowledged")
        twice = c.ask("POST", pools, {"name": "half", "driver": "dir", "config": {"user.x": "1"}})
        self.assertIn("partially created", twice.json["error"])
        os.mkdir(later)
        self.assertEqual(c.ask("POST", pools, {"name": "half", "driver": "dir"}).status, 201)
        self.assertEqual(c.get(f"{pools}/half").metadata["status"], "Created")
        self.assertEqual(c.get(url).metadata["status"], "resolved")
        c.done("DELETE", f"{pools}/half")
        self.assertEqual(c.get(url).status, 404)

    def test_networks_that_need_a_parent(self):
        """`lo` is there on every member."""
        c = self.cluster[2].unix()
        nets = "/1.0/networks"
        define(c, nets, "up", "physical", self.cluster.members, {"n1": {"parent": "lo"}, "n2": {"parent": "lo"}})
        lacking = c.ask("POST", nets, {"name": "up", "type": "physical"})
        self.assertEqual((lacking.status, lacking.json["error"]),
                         (400, 'Missing required "parent" key on member "n3"'))
        c.done("PATCH", f"{nets}/up?target=n3", {"config": {"parent": "no-such"}})
        self.assertIn("Parent interface \"no-such\" not found",
                      c.ask("POST", nets, {"name": "up", "type": "physical"}).json["error"])
        c.done("PATCH", f"{nets}/up?target=n3", {"config": {"parent": "lo"}})
        wait_for(lambda: c.get(f"{nets}/up").metadata["status"] == "Created")
        twice = c.ask("POST", f"{nets}?target=n1", {"name": "up", "type": "physical"})
        self.assertEqual((twice.status, twice.json["error"]), (409, 'Network "up" is already defined on member "n1"'))
        wrong = c.ask("POST", f"{nets}?target=n1", {"name": "b", "type": "bridge", "config": {"ipv4.address": "none"}})
        self.assertEqual(wrong.status, 400)
        renamed = c.ask("POST", f"{nets}/up", {"name": "down"})
        self.assertEqual((renamed.status, renamed.json["error"]), (400, "Renaming clustered network not supported"))
        c.done("DELETE", f"{nets}/up")
        left = c.get(f"{nets}?recursion=1").metadata
        self.assertEqual([n["name"] for n in left if n["managed"]], [])
        self.assertIn(("lo", "loopback"), [(n["name"], n["type"]) for n in left])


class OneMemberAway(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.wait_voters(3)
        self.addCleanup(self.cluster.__exit__, None, None, None)

    def owes(self, c):
        return [w["location"] for w in c.get("/1.0/warnings?recursion=1").metadata
                if w["type"] == "Cluster member misses a change" and w["status"] == "new"]

    def test_it_does_by_itself_what_it_missed(self):
        c = self.cluster[0].unix(40)
        pools = "/1.0/storage-pools"
        away = self.cluster[2]
        place = os.path.join(away.dir, "storage-pools")
        define(c, pools, "old", "dir", self.cluster.members)
        self.assertEqual(c.ask("POST", pools, {"name": "old", "driver": "dir"}).status, 201)
        away.kill()
        wait_for(lambda: not [m for m in self.cluster[0].status()["members"] if m["name"] == "n3"][0]["reachable"])
        define(c, pools, "new", "dir", self.cluster.members)
        made = c.ask("POST", pools, {"name": "new", "driver": "dir"})
        self.assertEqual((made.status, made.metadata), (201, {"missing_members": ["n3"]}))
        self.assertEqual(self.owes(c), ["n3"])
        self.assertEqual(c.get(f"{pools}/new?target=n3").metadata["status"], "Pending")
        gone = c.ask("DELETE", f"{pools}/old")
        self.assertEqual((gone.status, gone.metadata), (200, {"missing_members": ["n3"]}))
        self.assertEqual(c.get(f"{pools}/old").status, 404)
        self.assertTrue(os.path.isdir(os.path.join(place, "old")))
        self.cluster.restart(away)
        wait_for(lambda: os.path.isdir(os.path.join(place, "new")) and not os.path.exists(os.path.join(place, "old")))
        wait_for(lambda: c.get(f"{pools}/new?target=n3").metadata["status"] == "Created" and self.owes(c) == [])

    def test_it_has_everything_before_it_counts_as_online(self):
        """Pools, networks, images and configuration, changed while n3 is offline."""
        c = self.cluster[0].unix(40)
        away = self.cluster[2]
        c.done("PATCH", "/1.0", {"config": {"cluster.offline_threshold": "10"}})
        old = upload_image(away.unix(60), self.cluster.folder, "old")
        self.assertTrue(os.path.exists(os.path.join(away.dir, "images", old)))

        def status():
            return c.get("/1.0/cluster/members/n3").metadata["status"]
        away.kill()
        wait_for(lambda: status() == "Offline", 30)
        define(c, "/1.0/storage-pools", "new", "dir", self.cluster.members)
        self.assertEqual(c.ask("POST", "/1.0/storage-pools", {"name": "new", "driver": "dir"}).status, 201)
        define(c, "/1.0/networks", "up", "physical", self.cluster.members, {f"n{i}": {"parent": "lo"} for i in (1, 2, 3)})
        self.assertEqual(c.ask("POST", "/1.0/networks", {"name": "up", "type": "physical"}).status, 201)
        c.done("PATCH", "/1.0", {"config": {"user.while": "away"}})
        c.done("DELETE", f"/1.0/images/{old}")
        new = upload_image(c, self.cluster.folder, "new", release="2")
        c.done("PATCH", f"/1.0/images/{new}", {"properties": {"while": "away"}})
        away.start()
        wait_for(lambda: status() == "Online", 30, every_s=0.005)
        shown = c.get("/1.0/storage-pools/new?target=n3&consistency=stale").metadata
        self.assertEqual(shown["status"], "Created")
        self.assertTrue(os.path.isdir(os.path.join(away.dir, "storage-pools/new")))
        self.assertEqual(c.get("/1.0/networks/up?target=n3&consistency=stale").metadata["status"], "Created")
        there = away.unix().get("/1.0?consistency=stale").metadata["config"]
        self.assertEqual(there["user.while"], "away")
        shown = away.unix().get("/1.0/images?recursion=1&consistency=stale").metadata
        self.assertEqual([(i["fingerprint"], i["properties"]["while"], i["aliases"][0]["name"]) for i in shown],
                         [(new, "away", "new")])
        self.assertEqual(os.listdir(os.path.join(away.dir, "images")), [])
        self.assertEqual(away.unix(60).get(f"/1.0/images/{new}/export").status, 200)  # fetched from n1

    def test_image_files_that_no_record_wants_go(self):
        c, away = self.cluster[0].unix(60), self.cluster[2]
        kept = upload_image(away.unix(60), self.cluster.folder)
        away.kill()
        images = os.path.join(away.dir, "images")
        for name, age_s in (("a" * 64, 1200), ("b" * 64, 0)):
            path = os.path.join(images, name)
            with open(path, "w"):
                pass
            os.utime(path, (time.time() - age_s,) * 2)
        os.utime(os.path.join(images, kept), (0, 0))
        self.cluster.restart(away)
        wait_for(lambda: sorted(os.listdir(images)) == sorted([kept, "b" * 64]))
        self.assertEqual(c.get(f"/1.0/images/{kept}").status, 200)


class AJoiner(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(1)
        self.addCleanup(self.cluster.__exit__, None, None, None)

    def join(self, m, **more):
        token = self.cluster[0].muster("token", m.name).stdout.strip()
        return m.unix(60).ask("PUT", "/1.0/cluster", {
            "server_name": m.name, "enabled": True, "server_address": m.address, "cluster_token": token, **more})

    def test_it_gives_its_own_keys_and_has_its_parts_when_the_join_ends(self):
        c = self.cluster[0].unix(60)
        for path, body in (("/1.0/storage-pools", {"name": "data", "driver": "dir", "config": {"user.a": "1"}}),
                           ("/1.0/networks", {"name": "up", "type": "physical", "config": {"parent": "lo"}})):
            self.assertEqual(c.ask("POST", path, body).status, 201)
        asked = [k for k in c.get("/1.0/cluster").metadata["member_config"] if k["name"] != "default"]
        self.assertEqual(asked, [
            {"entity": "network", "name": "up", "key": "parent", "value": "",
             "description": '"parent" property for network "up"'},
            {"entity": "storage-pool", "name": "data", "key": "source", "value": "",
             "description": '"source" property for storage pool "data"'}])
        joiner = Member(self.cluster.folder, "n2").start().wait_ready()
        self.cluster.members.append(joiner)
        refused = self.join(joiner)
        self.assertEqual(refused.status, 202, refused)
        ended = joiner.unix(60).get(refused.json["operation"] + "/wait?timeout=30")
        self.assertIn('Missing network "up"', ended.json["error"])
        self.assertFalse(joiner.unix().get("/1.0/cluster").metadata["enabled"])
        self.assertEqual(len(c.get("/1.0/cluster/members").metadata), 1)
        own = os.path.join(self.cluster.folder, "own")
        os.mkdir(own)
        values = {"source": own, "parent": "lo"}
        keys = [{**k, "value": values[k["key"]]} for k in asked]
        started = self.join(joiner, member_config=keys)
        wait_for(lambda: joiner.unix().get("/1.0/cluster").status == 200)
        ended = joiner.unix(60).get(started.json["operation"] + "/wait?timeout=30").metadata
        self.assertEqual((ended["status"], ended["metadata"]), ("Success", {}))
        self.assertEqual(os.readlink(os.path.join(joiner.dir, "storage-pools/data")), own)
        self.assertEqual(c.get("/1.0/storage-pools/data").metadata["locations"], ["n1", "n2"])
        shown = joiner.unix().get("/1.0/storage-pools/data?target=n2").metadata
        self.assertEqual((shown["status"], shown["config"]), ("Created", {"source": own, "user.a": "1"}))


if __name__ == "__main__":
    unittest.main()
