"""A member leaves: gracefully, by force, cut short anywhere; a removed server is told and can come back."""
import os
import signal
import subprocess
import unittest
import uuid

from loopback import ROOT, Cluster, Member, wait_for

INCUS = os.environ.get("MUSTER_INCUS", os.path.join(ROOT, "build/incus-client/incus"))


def names(member):
    answer = member.unix().get("/1.0/cluster/members?recursion=1")
    return sorted(m["server_name"] for m in answer.metadata) if answer.status == 200 else None


def stands_alone(member):
    """Empty and in no cluster; None while it changes over."""
    answer = member.unix().get("/1.0/cluster")
    return answer.status == 200 and not answer.metadata["enabled"]


def kept(member):
    return os.path.join(member.dir, "before-reset")


def remove(by, who, force=False):
    return by.unix(60).ask("DELETE", f"/1.0/cluster/members/{who.name}" + ("?force=1" if force else ""))


def restart_at(cluster, member, point):
    """Starts it again, to end at a fault point; waits until it is a member like the others."""
    member.kill()
    member.start(env={"MUSTER_TEST_FAULT": point}).wait_ready()
    others = [m for m in cluster.members if m is not member]
    wait_for(lambda: all(s["reachable"] for m in others for s in m.status()["members"]))
    cluster.wait_voters(3)


def write(member):
    member.unix().done("POST", "/1.0/profiles", {"name": f"p{uuid.uuid4().hex}"})


class Removal(unittest.TestCase):
    def settled(self, cluster, gone):
        rest = [m for m in cluster.members if m is not gone]
        for m in rest:
            wait_for(lambda m=m: names(m) == sorted(r.name for r in rest))
        wait_for(lambda: all(m["kind"] != "joining" for m in rest[0].status()["members"]))
        write(rest[0])
        return rest

    def rejoin(self, cluster, gone):
        token = cluster[0].muster("token", gone.name).stdout.strip()
        gone.unix(60).done("PUT", "/1.0/cluster", {"enabled": True, "server_name": gone.name,
                                                   "server_address": gone.address, "cluster_token": token})
        wait_for(lambda: names(gone) == sorted(m.name for m in cluster.members), 30)
        write(gone)

    def test_an_empty_member_becomes_a_new_server_and_can_come_back(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            for _ in range(2):
                self.assertEqual(remove(c[0], c[2]).status, 200)
                self.settled(c, c[2])
                wait_for(lambda: stands_alone(c[2]), 20)
                self.assertTrue(os.path.exists(os.path.join(kept(c[2]), "raft")))
                profiles = c[2].unix().get("/1.0/profiles?recursion=1").metadata
                self.assertEqual([p["name"] for p in profiles], ["default"])
                self.rejoin(c, c[2])
                c.wait_voters(3)

    def test_the_leader_is_removed_through_itself_and_through_others(self):
        for count, through_itself in ((3, True), (3, False), (2, True), (2, False)):
            with self.subTest(count=count, through_itself=through_itself), Cluster(count) as c:
                c.wait_voters(3 if count == 3 else 1)
                leader = c.leader()
                other = next(m for m in c.members if m is not leader)
                answer = remove(leader if through_itself else other, leader)
                self.assertEqual(answer.status, 200, answer)
                self.settled(c, leader)
                wait_for(lambda: stands_alone(leader), 20)

    def test_an_empty_member_leaves_by_itself(self):
        with Cluster(2) as c:
            left = c[1].unix(60).ask("PUT", "/1.0/cluster", {"enabled": False})
            self.assertEqual(left.status, 200, left)
            wait_for(lambda: stands_alone(c[1]), 20)
            self.settled(c, c[1])
            self.assertEqual(c[0].unix(60).ask("PUT", "/1.0/cluster", {"enabled": False}).status, 200)
            wait_for(lambda: stands_alone(c[0]), 20)

    def test_the_stock_client(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            env = {**os.environ, "INCUS_CONF": os.path.join(c.folder, "conf"), "INCUS_DIR": c[0].dir}

            def incus(*arguments):
                return subprocess.run([INCUS, "cluster", *arguments], env=env, capture_output=True, text=True, timeout=60)
            self.assertIn("not found", incus("remove", "n9").stderr)
            removed = incus("remove", "n3")
            self.assertEqual(removed.returncode, 0, removed)
            self.settled(c, c[2])
            wait_for(lambda: stands_alone(c[2]), 20)
            c[1].kill()
            forced = incus("remove", "n2", "--force", "--yes")
            self.assertEqual(forced.returncode, 0, forced)
            self.assertEqual(names(c[0]), ["n1"])

    def test_what_cannot_be_removed(self):
        with Cluster(1) as c:
            only = remove(c[0], c[0])
            self.assertIn("Member is the only member in the cluster", only.json["error"])
            self.assertEqual(c[0].unix().ask("DELETE", "/1.0/cluster/members/n9").status, 404)
            alone = Member(c.folder, "alone").start().wait_ready()
            c.members.append(alone)
            self.assertIn("Server is not clustered", remove(alone, alone).json["error"])

    def test_a_dead_member_needs_force_and_is_told_when_it_is_back(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            c[2].kill()
            wait_for(lambda: not any(m["reachable"] for m in c[0].status()["members"] if m["name"] == "n3"))
            refused = remove(c[0], c[2])
            self.assertEqual(refused.status, 503, refused)
            self.assertIn('"n3" is offline', refused.json["error"])
            self.assertEqual(remove(c[0], c[2], force=True).status, 200)
            self.settled(c, c[2])
            for _ in range(2):  # it remembers over a restart
                c.restart(c[2])
                wait_for(lambda: 'The member "n3" was removed' in c[2].muster("status").stdout)
                told = c[2].unix().get("/1.0/profiles")
                self.assertEqual(told.status, 503)
                self.assertIn("muster reset", told.json["error"])
                self.assertIn("muster reset", c[2].log_text())
                running = c[2].muster("reset", "--yes")
                self.assertIn("stop it first", running.stderr)
                c[2].kill(signal.SIGTERM)
            self.assertIn("--yes", c[2].muster("reset").stderr)
            self.assertEqual(c[2].muster("reset", "--yes").returncode, 0)
            self.assertTrue(os.path.exists(os.path.join(kept(c[2]), "identity")))
            c.restart(c[2])
            wait_for(lambda: stands_alone(c[2]))
            self.rejoin(c, c[2])

    def test_a_living_member_removed_by_force_serves_nothing(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            self.assertEqual(remove(c[0], c[1], force=True).status, 200)
            self.settled(c, c[1])
            wait_for(lambda: c[1].unix().get("/1.0").status == 503)
            self.assertIn("removed from the cluster", c[1].unix().get("/1.0").json["error"])

    def test_whoever_removes_is_killed(self):
        for point in ("removal.before_write", "removal.after_write", "removal.before_tell"):
            with self.subTest(point), Cluster(3) as c:
                c.wait_voters(3)
                restart_at(c, c[1], point)
                with self.assertRaises(OSError):
                    remove(c[1], c[2])
                self.assertEqual(c[1].process.wait(20), -signal.SIGKILL)
                c.restart(c[1])
                if point == "removal.before_write":
                    self.assertEqual(names(c[0]), ["n1", "n2", "n3"])
                else:
                    self.settled(c, c[2])
                    wait_for(lambda: stands_alone(c[2]), 20)

    def test_the_removed_server_is_killed_while_it_becomes_empty(self):
        for point in ("reset.before_stop", "reset.after_mark", "reset.while_moving:2", "reset.before_swap"):
            with self.subTest(point), Cluster(3) as c:
                c.wait_voters(3)
                restart_at(c, c[2], point)
                self.assertEqual(remove(c[0], c[2]).status, 200)
                self.assertEqual(c[2].process.wait(20), -signal.SIGKILL)
                c.restart(c[2])
                wait_for(lambda: stands_alone(c[2]), 20)
                self.settled(c, c[2])
                self.rejoin(c, c[2])


if __name__ == "__main__":
    unittest.main()
