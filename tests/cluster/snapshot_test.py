"""A follower that was away for longer than the log is kept gets the state itself."""
import os
import subprocess
import unittest

from loopback import BIN, Cluster, wait_for


class Snapshot(unittest.TestCase):
    def fill_log(self, member):
        """Until the beginning of the log is cut."""
        while member.status()["first"] < 100:
            subprocess.run([os.path.join(BIN, "muster-load"), "PATCH", "/1.0", "--to", f"unix:{member.socket}",
                            "--body", '{"config":{"user.load":"%n"}}', "--clients", "32", "--seconds", "1"],
                           check=True, stdout=subprocess.DEVNULL)

    def test_a_follower_catches_up_by_snapshot(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            leader = c.leader()
            away = next(m for m in c.members if m is not leader)
            leader.unix().done("POST", "/1.0/profiles", {"name": "before"})
            away.kill()
            self.fill_log(leader)
            leader.unix().done("POST", "/1.0/profiles", {"name": "after"})
            for _ in range(2):  # the second start is from the installed state
                c.restart(away)
                commit = leader.status()["commit"]
                wait_for(lambda: away.status()["applied"] >= commit, 60)
                for name in ("before", "after"):
                    self.assertEqual(away.unix().get(f"/1.0/profiles/{name}?consistency=strict").status, 200)
                self.assertEqual(away.unix().get("/1.0").metadata["config"]["user.load"],
                                 leader.unix().get("/1.0").metadata["config"]["user.load"])
                away.kill()


if __name__ == "__main__":
    unittest.main()
