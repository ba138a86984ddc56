"""A member whose state is wrong serves nothing, gets the leader's state, and serves again, all by itself."""
import json
import os
import signal
import subprocess
import threading
import unittest

from loopback import BIN, Cluster, WebSocket, wait_for


def config_of(member, consistency="strict"):
    answer = member.unix().get(f"/1.0?consistency={consistency}")
    if answer.status != 200:
        return None
    return {key: value for key, value in answer.metadata["config"].items() if key.startswith("user.")}


def set_key(member, key, value):
    member.unix().done("PATCH", "/1.0", {"config": {key: value}})


def wait_applied(cluster):
    commit = cluster.leader().status()["commit"]
    for m in cluster.members:
        wait_for(lambda m=m: m.status()["applied"] >= commit, 30)


def refusals(seen):
    return [at for at, (status, why) in enumerate(seen) if status == 503 and "differs from the one of most voters" in why]


class Watch(threading.Thread):
    """Asks a member for its local replica again and again, also before it is there; keeps each answer that is unlike
    the one before. A wrong state is known within one entry, of which some come by themselves."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.member, self.seen, self.is_over = member, [], threading.Event()

    def run(self):
        client = self.member.unix()
        while not self.is_over.is_set():
            try:
                answer = client.get("/1.0?consistency=stale")
            except OSError:
                continue
            now = (answer.status, "wrong" if b"user.wrong" in answer.body else answer.json.get("error", ""))
            if not self.seen or self.seen[-1] != now:
                self.seen.append(now)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join(20)


class Actions(threading.Thread):
    """Lifecycle events of a member, until it ends."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.socket = WebSocket.unix(member.socket, "/1.0/events?type=lifecycle", timeout=60)
        self.seen = []
        self.start()

    def run(self):
        try:
            while True:
                op, payload = self.socket.read()
                if op == 1:
                    e = json.loads(payload)["metadata"]
                    self.seen.append((e["action"], e["source"]))
        except (OSError, EOFError):
            pass


class States(unittest.TestCase):
    def change_row(self, member):
        """While it is stopped: an orderly end leaves its state on the disk."""
        member.kill(signal.SIGTERM)
        subprocess.run([os.path.join(BIN, "muster-change-row"), member.dir, "user.wrong", "x"], check=True)

    def expect_all_alike(self, cluster):
        wait_applied(cluster)
        for m in cluster.members:
            wait_for(lambda m=m: not m.status()["condemned"], 30)
        self.assertEqual([config_of(m) for m in cluster.members], [config_of(cluster.leader())] * 3)
        wait_for(lambda: not any(m.get("differs") or m.get("condemned")
                                 for m in cluster.leader().status()["members"]))

    def expect_served_nothing_wrong_after(self, seen):
        """Right or not yet known to be wrong; then refused, with a sentence; then right."""
        refused = refusals(seen)
        self.assertTrue(refused, seen)
        self.assertFalse(any(what == "wrong" for _, what in seen[refused[0]:]), seen)
        self.assertEqual(seen[-1], (200, ""))

    def make_wrong_follower(self, cluster):
        """It is stopped."""
        cluster.wait_voters(3)
        set_key(cluster.leader(), "user.a", "1")
        wait_applied(cluster)
        wrong = next(m for m in cluster.members if m is not cluster.leader())
        self.change_row(wrong)
        return wrong

    def test_a_follower_with_a_wrong_row(self):
        with Cluster(3) as c:
            wrong = self.make_wrong_follower(c)
            actions = Actions(c.leader())
            with Watch(wrong) as watch:
                c.restart(wrong)
                set_key(c.leader(), "user.b", "2")
                wait_for(lambda: config_of(wrong) == {"user.a": "1", "user.b": "2"}, 30)
            self.expect_served_nothing_wrong_after(watch.seen)
            self.expect_all_alike(c)
            place = f"/1.0/cluster/members/{wrong.name}"
            for action in ("cluster-member-condemned", "cluster-member-reseeded"):
                wait_for(lambda action=action: (action, place) in actions.seen)
            self.assertIn("serves again", wrong.log_text())
            self.assertNotIn("wrong", wrong.muster("status").stdout)
            set_key(wrong, "user.c", "3")
            self.expect_all_alike(c)

    def make_leader(self, cluster, wanted):
        for _ in range(30):
            leader = cluster.leader()
            if leader is wanted:
                return
            leader.kill()
            cluster.leader([m for m in cluster.members if m is not leader])
            cluster.restart(leader)
        self.fail("it never leads")

    def test_a_leader_with_a_wrong_row(self):
        with Cluster(3) as c:
            for _ in range(20):
                wrong = self.make_wrong_follower(c)
                with Watch(wrong) as watch:
                    c.restart(wrong)
                    self.make_leader(c, wrong)
                    if refusals(watch.seen):
                        continue  # it was known to be wrong before it led
                    set_key(next(m for m in c.members if m is not wrong), "user.b", "2")
                    wait_for(lambda m=wrong: config_of(m) == {"user.a": "1", "user.b": "2"}, 30)
                self.expect_served_nothing_wrong_after(watch.seen)
                self.expect_all_alike(c)
                self.assertIsNot(c.leader(), wrong)
                return
            self.fail("it was never wrong while it led")

    def test_it_is_known_again_after_a_restart(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            set_key(c.leader(), "user.a", "1")
            for m in c.members:
                m.kill()
            wrong = c[0]
            with open(os.path.join(wrong.dir, "condemned"), "w"):
                pass
            c.restart(wrong)
            for path in ("/1.0?consistency=stale", "/1.0/profiles", "/internal/snapshot"):
                self.assertEqual(wrong.unix().get(path).status, 503)
            self.assertIn("state      wrong", wrong.muster("status").stdout)
            for m in c.members[1:]:
                c.restart(m)
            wait_for(lambda: config_of(wrong) == {"user.a": "1"}, 30)
            self.assertFalse(os.path.exists(os.path.join(wrong.dir, "condemned")))
            self.expect_all_alike(c)


if __name__ == "__main__":
    unittest.main()
