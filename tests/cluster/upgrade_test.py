"""A cluster is upgraded member by member to a build of the next level, and one is left behind."""
import unittest

from loopback import Cluster, wait_for


def statuses(m):
    return {x["server_name"]: (x["status"], x["message"]) for x in
            m.unix().get("/1.0/cluster/members?recursion=1").metadata}


def level(m):
    return m.status()["level"]


class Upgrade(unittest.TestCase):
    def upgrade(self, m):
        m.kill(15)
        m.program = "musterd-next"
        m.start().wait_ready()

    def write(self, m, name):
        wait_for(lambda: m.unix().ask("POST", "/1.0/profiles", {"name": name}).status in (201, 409))

    def test_the_level_is_raised_when_the_last_is_up_to_date(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            for i, m in enumerate(c.members):
                self.assertEqual(level(c.leader()), 1)
                self.upgrade(m)
                self.write(c[i - 1], f"while-{i}")  # the others serve on
            wait_for(lambda: all(level(m) == 2 for m in c.members))
            self.left_behind(c, c[2])

    def left_behind(self, cluster, m):
        """Back at the older build it is blocked and in nobody's way; up to date it goes on."""
        m.kill(15)
        self.write(cluster[0], "newer")
        m.program = "musterd"
        m.start().wait_ready()
        wait_for(lambda: statuses(cluster[0])[m.name] == ("Blocked", "Needs updating to newer version"))
        for n in range(3):
            self.write(cluster[n % 2], f"beside-{n}")
        stale = m.unix().get("/1.0/profiles")
        self.assertEqual(stale.status, 200)
        self.assertIn("X-Muster-Stale", stale.headers)
        refused = m.unix().ask("POST", "/1.0/profiles", {"name": "no"})
        self.assertEqual(refused.status, 503)
        self.assertIn("needs updating", refused.json["error"])
        cluster.leader([cluster[0], cluster[1]])  # not the one left behind, though it votes
        self.upgrade(m)
        wait_for(lambda: statuses(cluster[0])[m.name][0] == "Online")
        wait_for(lambda: m.unix().get("/1.0/profiles/beside-2?consistency=strict").status == 200)

    def test_one_that_is_away_does_not_hold_up_the_others(self):
        with Cluster(6) as c:
            wait_for(lambda: [m["kind"] for m in c[0].status()["members"]].count("spare") == 1)
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.offline_threshold": "10"}})
            spare = next(m["name"] for m in c[0].status()["members"] if m["kind"] == "spare")
            away = next(m for m in c.members if m.name == spare)
            away.kill()
            rest = [m for m in c.members if m is not away]
            for m in rest:
                self.upgrade(m)
            wait_for(lambda: statuses(rest[0])[spare][0] == "Offline")
            wait_for(lambda: level(rest[0]) == 2)
            away.start().wait_ready()
            wait_for(lambda: statuses(rest[0])[spare][0] == "Blocked")
            self.upgrade(away)
            wait_for(lambda: statuses(rest[0])[spare][0] == "Online" and level(away) == 2)


if __name__ == "__main__":
    unittest.main()
