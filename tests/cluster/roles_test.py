"""Who votes, who stands by, who is offline: real processes that die, stop and come back."""
import signal
import time
import unittest

from loopback import Cluster, wait_for
from writers import Writers

VOTER, STANDBY, SPARE = ["database"], ["database-standby"], []


def members_of(m):
    """name → member, as one member shows them."""
    return {x["server_name"]: x for x in m.unix().get("/1.0/cluster/members?recursion=1").metadata}


def roles_of(m):
    """name → roles; the leader counts as a voter."""
    return {name: [r for r in x["roles"] if r != "database-leader"] for name, x in members_of(m).items()}


def counts(m):
    roles = list(roles_of(m).values())
    return roles.count(VOTER), roles.count(STANDBY), roles.count(SPARE)


def reasons_of(m):
    """name → what it is and why, as `muster status` shows it."""
    return {x["name"]: (x["kind"], x.get("role_reason", "")) for x in m.status()["members"]}


class Roles(unittest.TestCase):
    def test_roles_at_every_size_and_a_replacement_for_each_lost_voter(self):
        wanted = {1: (1, 0, 0), 2: (1, 1, 0), 3: (3, 0, 0), 4: (3, 1, 0), 5: (3, 2, 0), 6: (3, 2, 1), 7: (3, 2, 2)}
        with Cluster(0) as c:
            for size, roles in wanted.items():
                c.add(f"n{size}")
                wait_for(lambda: counts(c[0]) == roles)
            leader = c.leader()
            for _ in range(2):
                self.lose_a_voter(c, leader)

    def lose_a_voter(self, cluster, leader):
        before = roles_of(leader)
        victim = next(m for m in cluster.members if m.is_running() and m is not leader and before[m.name] == VOTER)
        victim.kill()
        wait_for(lambda: roles_of(leader)[victim.name] == SPARE)
        after = roles_of(leader)
        self.assertEqual(list(after.values()).count(VOTER), 3)
        gained = [name for name in after if after[name] == VOTER and before[name] != VOTER]
        self.assertEqual([before[name] for name in gained], [STANDBY])
        reasons = wait_for(lambda: (r := reasons_of(leader)) and r[gained[0]][1].startswith("in place of") and r)
        self.assertEqual(reasons[gained[0]], ("voter", f"in place of {victim.name}, which is offline"))
        self.assertIn(f"in place of {victim.name}", leader.muster("status").stdout)

    def test_keys_rebalance_at_once(self):
        with Cluster(5) as c:
            wait_for(lambda: counts(c[0]) == (3, 2, 0))
            client = c[0].unix()
            client.done("PATCH", "/1.0", {"config": {"cluster.max_voters": "5", "cluster.max_standby": "0"}})
            wait_for(lambda: counts(c[0]) == (5, 0, 0))
            client.done("PATCH", "/1.0", {"config": {"cluster.max_voters": "3", "cluster.max_standby": "1"}})
            wait_for(lambda: counts(c[0]) == (3, 1, 1))

    def test_voters_stand_in_different_failure_domains(self):
        with Cluster(6) as c:
            wait_for(lambda: counts(c[0]) == (3, 2, 1))
            domain = {f"n{i + 1}": "abc"[i // 2] for i in range(6)}
            for name, where in domain.items():
                c[0].unix().done("PATCH", f"/1.0/cluster/members/{name}", {"failure_domain": where})
            leader = c.leader()
            voters = lambda: [n for n, r in roles_of(leader).items() if r == VOTER]
            wait_for(lambda: sorted(domain[n] for n in voters()) == ["a", "b", "c"])
            victim = next(m for m in c.members if m.name in voters() and m is not leader)
            victim.kill()
            wait_for(lambda: victim.name not in voters())
            self.assertEqual(sorted(domain[n] for n in voters()), ["a", "b", "c"])

    def test_a_leader_that_stops_hands_over_and_no_write_fails(self):
        with Cluster(4) as c:
            wait_for(lambda: counts(c[0]) == (3, 1, 0))
            for round_number in range(3):
                leader = c.leader()
                others = [m for m in c.members if m is not leader]
                with Writers(others, 4, f"w{round_number}") as writers:
                    wait_for(lambda: len(writers.acknowledged) > 50)
                    leader.process.send_signal(signal.SIGTERM)
                    self.assertEqual(leader.process.wait(20), 0)
                    ended = time.monotonic()
                    wait_for(lambda: max(writers.acknowledged.values()) > ended)
                self.assertEqual(set(writers.codes), {201}, writers.refused)
                after = roles_of(others[0])  # what it was is with others before its process ends
                self.assertEqual((after[leader.name], list(after.values()).count(VOTER)), (SPARE, 3))
                leader.start().wait_ready()
                wait_for(lambda: counts(others[0]) == (3, 1, 0))

    def test_a_dead_member_is_offline_at_the_threshold_for_everybody(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.offline_threshold": "10"}})
            leader = c.leader()
            victim = next(m for m in c.members if m is not leader)
            rest = [m for m in c.members if m is not victim]
            died = time.monotonic()
            victim.kill()
            status = lambda m: members_of(m)[victim.name]["status"]
            wait_for(lambda: status(rest[0]) == "Offline")
            self.assertGreaterEqual(time.monotonic() - died, 10)
            wait_for(lambda: status(rest[1]) == "Offline")
            self.assertEqual(members_of(rest[0])[victim.name]["message"][:17], "No heartbeat for ")
            rest[0].unix().done("POST", "/1.0/profiles", {"name": "meanwhile"})
            victim.start().wait_ready()
            wait_for(lambda: status(rest[0]) == "Online")
            self.assertEqual(victim.unix().get("/1.0/profiles/meanwhile?consistency=stale").status, 200)


if __name__ == "__main__":
    unittest.main()
