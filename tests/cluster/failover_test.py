"""kill -9 of leaders and followers while clients write."""
import os
import statistics
import time
import unittest

from loopback import Cluster
from writers import Writers, missing_or_doubled, profiles_on

ROUNDS = int(os.environ.get("MUSTER_ROUNDS", "4"))


class Failover(unittest.TestCase):
    def kill_rounds(self, cluster, victim_of, rounds):
        gaps = []
        total = 0
        for n in range(rounds):
            leader = cluster.leader()
            victim = victim_of(cluster, leader)
            others = [m for m in cluster.members if m is not victim]
            with Writers(others, 8, f"r{n}") as w:
                while len(w.acknowledged) < 200:
                    time.sleep(0.01)
                killed = time.monotonic()
                victim.kill()
                at_kill = len(w.acknowledged)
                while len(w.acknowledged) < at_kill + 200:
                    time.sleep(0.01)
            gaps.append(w.first_acknowledged_after(killed))
            total += len(w.acknowledged)
            cluster.restart(victim)
            for m in cluster.members:
                self.assertEqual(missing_or_doubled(w.acknowledged, profiles_on(m)), ([], []))
        print(f"{rounds} rounds, {total} acknowledged writes, none lost, none twice; kill to next "
              f"acknowledged write: median {statistics.median(gaps):.3f} s, max {max(gaps):.3f} s")

    def test_leader_is_killed(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            self.kill_rounds(c, lambda cluster, leader: leader, ROUNDS)

    def test_follower_is_killed(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            self.kill_rounds(c, lambda cluster, leader: next(m for m in cluster.members if m is not leader), 2)

    def test_a_disk_that_forgets_what_was_not_synced_loses_nothing_acknowledged(self):
        with Cluster(3, env={"MUSTER_TEST_STORAGE": "forgetful"}) as c:
            c.wait_voters(3)
            for n in range(2):
                with Writers(c.members, 8, f"all{n}") as w:
                    while len(w.acknowledged) < 300:
                        time.sleep(0.01)
                    for m in c.members:
                        m.kill()
                for m in c.members:
                    c.restart(m)
                c.leader()
                for m in c.members:
                    self.assertEqual(missing_or_doubled(w.acknowledged, profiles_on(m)), ([], []))

    def test_the_checker_sees_lost_and_doubled_writes(self):
        self.assertEqual(missing_or_doubled(["a", "b"], ["a", "a"]), (["b"], ["a"]))
        self.assertEqual(missing_or_doubled(["a"], ["a", "c"]), ([], []))


if __name__ == "__main__":
    unittest.main()
