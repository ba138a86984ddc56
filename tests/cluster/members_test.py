"""Members are edited, grouped, looked at; over REST and with the stock client where users would."""
import os
import subprocess
import tempfile
import unittest

from loopback import ROOT, Cluster
from on_three import OnThree

INCUS = os.environ.get("MUSTER_INCUS", os.path.join(ROOT, "build/incus-client/incus"))
ONE = "/1.0/cluster/members/n2"


class Asked(OnThree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.cluster[0].unix()

    def ask(self, method, path, body=None, **more):
        return self.client.ask(method, path, body, **more)

    def member(self, name="n2"):
        return self.ask("GET", f"/1.0/cluster/members/{name}").metadata

    def refused(self, status, text, method, path, body=None, **more):
        answer = self.ask(method, path, body, **more)
        self.assertEqual(answer.status, status, answer)
        self.assertIn(text, answer.json["error"])

    def incus(self, *arguments, given=None):
        env = {**os.environ, "INCUS_CONF": tempfile.mkdtemp(dir=self.cluster.folder),
               "INCUS_DIR": self.cluster[0].dir}
        return subprocess.run([INCUS, *arguments], input=given, capture_output=True, text=True, env=env, timeout=60)

    def done(self, *arguments, given=None):
        ended = self.incus(*arguments, given=given)
        self.assertEqual(ended.returncode, 0, ended)
        return ended.stdout

    def test_a_patch_of_one_field_leaves_the_others(self):
        self.ask("PATCH", ONE, {"description": "second", "config": {"user.rack": "r1"}})
        self.assertEqual(self.ask("PATCH", ONE, {"failure_domain": "az2"}).status, 200)
        seen = self.member()
        self.assertEqual((seen["description"], seen["config"], seen["failure_domain"], seen["groups"]),
                         ("second", {"user.rack": "r1"}, "az2", ["default"]))
        self.ask("PATCH", ONE, {"config": {"user.rack": ""}, "description": "", "failure_domain": "default"})
        self.assertEqual(self.member()["config"], {})

    def test_what_is_wrong_is_refused(self):
        whole = {k: self.member()[k] for k in ("roles", "failure_domain", "description", "config", "groups")}
        self.refused(400, 'The "database" role cannot be dropped at this time', "PUT", ONE, {**whole, "roles": []})
        self.refused(400, 'Update roles: Invalid cluster role "bogus"', "PUT", ONE,
                     {**whole, "roles": whole["roles"] + ["bogus"]})
        self.refused(400, "Cluster members need to belong to at least one group", "PUT", ONE, {**whole, "groups": []})
        self.refused(404, "doesn't exist", "PUT", ONE, {**whole, "groups": ["nope"]})
        self.refused(400, "Failure domain name can't be empty", "PUT", ONE, {**whole, "failure_domain": ""})
        self.refused(400, 'Invalid cluster configuration key "bogus"', "PATCH", ONE, {"config": {"bogus": "1"}})
        self.refused(400, "scheduler.instance", "PATCH", ONE, {"config": {"scheduler.instance": "some"}})
        self.refused(412, "ETag doesn't match", "PUT", ONE, whole, headers={"If-Match": '"x"'})
        self.refused(404, "Cluster member not found", "PATCH", "/1.0/cluster/members/n9", {})
        self.refused(400, "name", "POST", "/1.0/cluster/members", {"server_name": ""})

    def test_an_etag_is_good_for_one_change(self):
        tag = self.ask("GET", ONE).headers["ETag"]
        self.assertEqual(self.ask("PATCH", ONE, {"description": "a"}, headers={"If-Match": tag}).status, 200)
        self.assertEqual(self.ask("PATCH", ONE, {"description": "b"}, headers={"If-Match": tag}).status, 412)
        self.ask("PATCH", ONE, {"description": ""})

    def test_groups_over_rest(self):
        groups = "/1.0/cluster/groups"
        self.assertEqual(self.ask("GET", groups + "/default").metadata["members"], ["n1", "n2", "n3"])
        made = self.ask("POST", groups, {"name": "gpu", "description": "d", "members": ["n2"]})
        self.assertEqual((made.status, made.headers["Location"]), (201, groups + "/gpu"))
        self.refused(409, "already exists", "POST", groups, {"name": "gpu"})
        self.refused(400, "Cluster group names may not contain slashes", "POST", groups, {"name": "a/b"})
        self.refused(400, "No name provided", "POST", groups, {})
        self.refused(404, "not found", "POST", groups, {"name": "g2", "members": ["zz"]})
        self.assertEqual(sorted(self.member()["groups"]), ["default", "gpu"])
        seen = self.ask("GET", groups + "/gpu")
        self.assertEqual((seen.metadata["members"], seen.metadata["used_by"]), (["n2"], []))
        self.assertEqual(self.ask("PATCH", groups + "/gpu", {"description": "e"},
                                  headers={"If-Match": seen.headers["ETag"]}).status, 200)
        self.assertEqual(self.ask("GET", groups + "/gpu").metadata["members"], ["n2"])
        self.assertEqual(self.ask("PUT", groups + "/gpu", {"description": "", "members": ["n3"]}).status, 200)
        self.assertEqual(self.member("n2")["groups"], ["default"])
        self.refused(400, "Cannot remove n1 from group", "PATCH", groups + "/default", {"members": ["n2", "n3"]})
        self.refused(500, "Only empty cluster groups can be removed", "DELETE", groups + "/gpu")
        self.refused(403, "cannot be renamed", "POST", groups + "/default", {"name": "x"})
        self.refused(403, "cannot be deleted", "DELETE", groups + "/default")
        self.refused(409, "already in use", "POST", groups + "/gpu", {"name": "default"})
        self.assertEqual(self.ask("POST", groups + "/gpu", {"name": "gpu2"}).headers["Location"], groups + "/gpu2")
        self.assertIn("gpu2", self.member("n3")["groups"])
        self.ask("PUT", groups + "/gpu2", {"members": []})
        self.assertEqual(self.ask("DELETE", groups + "/gpu2").status, 200)
        self.refused(404, "Cluster group not found", "GET", groups + "/gpu2")

    def config(self, target=None):
        return self.ask("GET", "/1.0" + (f"?target={target}" if target else "")).metadata["config"]

    def test_server_keys(self):
        before = self.config()
        self.ask("PATCH", "/1.0", {"config": {"user.k": "1", "cluster.max_standby": "2", "images.auto_update_cached": "no"}})
        self.assertEqual(self.config("n3"), {**self.config("n3"), "user.k": "1", "images.auto_update_cached": "false"})
        self.assertNotIn("cluster.max_standby", self.config())  # its default
        self.refused(400, "cannot set 'bogus' to 'a': unknown key (and 1 more errors)", "PATCH", "/1.0",
                     {"config": {"bogus": "a", "cluster.max_voters": "4", "user.l": "1"}})
        self.assertNotIn("user.l", self.config())
        self.assertEqual(self.ask("PATCH", "/1.0?target=n2", {"config": {"core.metrics_address": ":8444"}}).status, 200)
        self.assertEqual(self.config("n2")["core.metrics_address"], ":8444")
        self.assertNotIn("core.metrics_address", self.config())
        self.assertEqual(self.ask("PUT", "/1.0", {"config": before}).status, 200)
        self.assertEqual(self.config(), {**before, "user.k": "1"})
        self.ask("PUT", "/1.0?target=n2", {"config": {}})
        self.assertNotIn("core.metrics_address", self.config("n2"))
        self.ask("PATCH", "/1.0", {"config": {"user.k": ""}})
        self.assertEqual(self.config(), before)

    def test_the_state_of_a_host(self):
        for name in ("n1", "n2"):
            seen = self.ask("GET", f"/1.0/cluster/members/{name}/state").metadata
            self.assertGreater(seen["sysinfo"]["total_ram"], seen["sysinfo"]["free_ram"])
            self.assertEqual(len(seen["sysinfo"]["load_averages"]), 3)
            self.assertGreater(seen["storage_pools"]["default"]["space"]["total"], 0)
        self.refused(404, "Cluster member not found", "GET", "/1.0/cluster/members/n9/state")
        self.assertIn("total_ram", self.done("cluster", "info", "n2"))

    def test_the_stock_client(self):
        self.done("cluster", "group", "create", "fast")
        self.done("cluster", "group", "assign", "n2", "default,fast")
        self.assertIn("fast", self.done("cluster", "group", "list", "--format", "csv"))
        self.assertIn("- n2", self.done("cluster", "group", "show", "fast"))
        self.done("cluster", "group", "add", "n3", "fast")
        self.done("cluster", "group", "remove", "n2", "fast")
        self.assertEqual(self.member("n2")["groups"], ["default"])
        self.done("cluster", "group", "rename", "fast", "faster")
        self.done("cluster", "group", "edit", "faster", given="description: quick\nmembers:\n- n1\n")
        self.assertEqual(self.member("n3")["groups"], ["default"])
        self.assertIn("quick", self.done("cluster", "group", "show", "faster"))
        self.done("cluster", "group", "remove", "n1", "faster")
        self.done("cluster", "group", "delete", "faster")
        self.done("cluster", "role", "add", "n3", "event-hub")
        self.assertIn("event-hub", self.member("n3")["roles"])
        self.done("cluster", "role", "remove", "n3", "event-hub")
        refused = self.incus("cluster", "role", "remove", "n3", "database")
        self.assertIn("cannot be dropped at this time", refused.stderr)
        self.done("cluster", "set", "n3", "user.a", "b")
        self.assertEqual(self.done("cluster", "get", "n3", "user.a"), "b\n")
        self.done("cluster", "unset", "n3", "user.a")
        self.assertNotIn("user.a", self.done("cluster", "show", "n3"))
        shown = self.done("cluster", "show", "n3")
        self.done("cluster", "edit", "n3", given=shown.replace('description: ""', "description: third"))
        self.assertEqual(self.member("n3")["description"], "third")
        self.done("cluster", "rename", "n3", "n3b")
        self.done("cluster", "rename", "n3b", "n3")


if __name__ == "__main__":
    unittest.main()
