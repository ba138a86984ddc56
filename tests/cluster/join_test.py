"""A join that is cut short anywhere: either side is as before, or the join is complete."""
import os
import shutil
import signal
import unittest

from loopback import Cluster, Member, wait_for

JOINER_POINTS = ["join.after_intent", "join.after_answer", "join.after_accepted", "join.after_adopt",
                 "join.after_run", "join.before_forget"]
LEADER_POINTS = ["accept.before_write", "accept.after_write"]


def names(member):
    """None while the member changes over (503)."""
    answer = member.unix().get("/1.0/cluster/members?recursion=1")
    return sorted(m["server_name"] for m in answer.metadata) if answer.status == 200 else None


def is_clustered(member):
    answer = member.unix().get("/1.0/cluster")
    return answer.status == 200 and answer.metadata["enabled"]


def token_for(member, name):
    return member.muster("token", name).stdout.strip()


class Join(unittest.TestCase):
    def complete(self, cluster, joiner):
        """Both know both, and a write through the joiner works."""
        try:
            wait_for(lambda: names(cluster[0]) == sorted([m.name for m in cluster.members] + [joiner.name]), 40)
            wait_for(lambda: is_clustered(joiner), 40)
            wait_for(lambda: names(joiner) == names(cluster[0]), 40)
            joiner.unix().done("POST", "/1.0/profiles", {"name": f"from-{joiner.name}"})
        except Exception:
            print(f"--- log of the joiner {joiner.name}\n{joiner.log_text()[-3000:]}", flush=True)
            raise

    def test_the_joiner_is_killed_at_each_step(self):
        for point in JOINER_POINTS:
            with self.subTest(point), Cluster(1) as c:
                joiner = Member(c.folder, "n2")
                joiner.start("--join", token_for(c[0], "n2"), env={"MUSTER_TEST_FAULT": point})
                self.assertEqual(joiner.process.wait(30), -signal.SIGKILL)
                joiner.start().wait_ready()
                try:
                    self.complete(c, joiner)
                finally:
                    joiner.kill()

    def test_the_leader_is_killed_at_each_step(self):
        for point in LEADER_POINTS:
            with self.subTest(point), Cluster(0) as c:
                first = Member(c.folder, "n1")
                first.start("--bootstrap", env={"MUSTER_TEST_FAULT": point}).wait_ready()
                c.members.append(first)
                joiner = Member(c.folder, "n2")
                joiner.start("--join", token_for(first, "n2"))
                self.assertEqual(first.process.wait(30), -signal.SIGKILL)
                joiner.process.wait(60)
                first.start().wait_ready()
                joiner.start().wait_ready()
                try:
                    self.complete(c, joiner)
                finally:
                    joiner.kill()

    def test_a_refused_join_changes_nothing_and_leaves_the_token_good(self):
        with Cluster(1) as c:
            token = token_for(c[0], "n2")
            wrong = Member(c.folder, "other")
            wrong.start("--join", token)
            self.assertNotEqual(wrong.process.wait(30), 0)
            self.assertIn("made for a member named", wrong.log_text())
            self.assertEqual(names(c[0]), ["n1"])
            wrong.start().wait_ready()
            self.assertFalse(wrong.unix().get("/1.0/cluster").metadata["enabled"])
            wrong.kill()
            joiner = Member(c.folder, "n2")
            joiner.start("--join", token).wait_ready()
            self.complete(c, joiner)
            again = Member(c.folder, "n2b")
            again.name = "n2"
            again.start("--join", token)
            self.assertNotEqual(again.process.wait(30), 0)
            joiner.kill()

    def test_a_member_that_lost_its_disk_is_replaced(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            c[0].unix().done("POST", "/1.0/profiles", {"name": "kept"})
            lost = c.members.pop()
            refused = c[0].muster("token", "n3", "--replace")
            self.assertIn("online", refused.stderr)
            lost.kill()
            wait_for(lambda: c[0].muster("token", "n3", "--replace").returncode == 0)
            shutil.move(lost.dir, lost.dir + ".old")
            lost.dir += ".old"
            fresh = Member(c.folder, "n3")
            fresh.start("--join", c[0].muster("token", "n3", "--replace").stdout.strip()).wait_ready()
            try:
                self.complete(c, fresh)
                wait_for(lambda: [m["kind"] for m in c[0].status()["members"]] == ["voter"] * 3, 40)
                self.assertEqual(fresh.unix().get("/1.0/profiles/kept").status, 200)
                self.refused(c, lost)
            finally:
                fresh.kill()

    def refused(self, cluster, lost):
        """Whoever comes back with the old disk, and so the old id, is let in by nobody and promises nothing."""
        shutil.move(lost.dir, os.path.join(cluster.folder, "back"))
        lost.dir = os.path.join(cluster.folder, "back")
        lost.start().wait_ready()
        try:
            for m in cluster.members:
                wait_for(lambda: "by the server that took its place" in lost.log_text(), 20)
            self.assertEqual(lost.unix().get("/1.0/profiles/kept?consistency=strict").status, 503)
            self.assertEqual(lost.unix().ask("POST", "/1.0/profiles", {"name": "ghost"}).status, 503)
            self.assertEqual(cluster[0].unix().get("/1.0/profiles/ghost").status, 404)
            self.assertEqual(cluster.leader().status()["voters"], 3)
        finally:
            lost.kill()

    def test_five_members_and_the_number_of_voters(self):
        with Cluster(5) as c:
            kinds = lambda: sorted(m["kind"] for m in c[0].status()["members"])
            wait_for(lambda: kinds() == ["stand-by"] * 2 + ["voter"] * 3, 40)
            c[4].unix().done("PATCH", "/1.0", {"config": {"cluster.max_voters": "5"}})
            wait_for(lambda: kinds() == ["voter"] * 5, 40)
            leader = c.leader()
            leader.kill()
            rest = [m for m in c.members if m is not leader]
            c.leader(rest)
            rest[0].unix().done("POST", "/1.0/profiles", {"name": "after"})

    def test_garbage_tokens(self):
        with Cluster(0) as c:
            for token in ["rubbish", "e30=", "x" * 5000]:
                m = Member(c.folder, "n2")
                m.start("--join", token)
                self.assertNotEqual(m.process.wait(20), 0)
                self.assertIn("musterd: ", m.log_text())


if __name__ == "__main__":
    unittest.main()
