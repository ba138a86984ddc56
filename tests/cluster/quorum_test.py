"""Two of three members are gone: honest refusals, stale reads, and everything back afterwards."""
import threading
import time
import unittest

from loopback import Cluster, wait_for
from writers import Writers, missing_or_doubled, profiles_on


def timed(client, method, path, body=None):
    began = time.monotonic()
    answer = client.ask(method, path, body)
    return answer, time.monotonic() - began


class Quorum(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.wait_voters(3)

    def tearDown(self):
        self.cluster.__exit__(None, None, None)

    def kill_two(self):
        last = self.cluster[2]
        last.unix().done("POST", "/1.0/profiles", {"name": "kept"})
        for m in self.cluster.members[:2]:
            m.kill()
        return last

    def check_refusals(self, last):
        """A write is refused within 1.5 s, a read answered within 1 s and marked."""
        wait_for(lambda: last.status()["quorum_silence_ms"] > 1000)
        answer, took_s = timed(last.unix(), "POST", "/1.0/profiles", {"name": "lost"})
        self.assertEqual(answer.status, 503, answer)
        self.assertLess(took_s, 1.5)
        self.assertIn("n1", answer.json["error"])
        self.assertIn("Retry-After", answer.headers)
        answer, took_s = timed(last.unix(), "GET", "/1.0/profiles")
        self.assertEqual(answer.status, 200)
        self.assertLess(took_s, 1.0)
        self.assertGreaterEqual(int(answer.headers["X-Muster-Stale"]), 1)
        answer, _ = timed(last.unix(), "GET", "/1.0/profiles?consistency=strict")
        self.assertEqual(answer.status, 503)

    def test_refusals_at_once(self):
        last = self.kill_two()
        answer, took_s = timed(last.unix(), "POST", "/1.0/profiles", {"name": "lost"})
        self.assertIn(answer.status, (503, 504))
        self.assertLess(took_s, 2.5)
        self.check_refusals(last)

    def test_refusals_while_many_clients_retry(self):
        last = self.kill_two()
        with Writers([last], 200, "retry") as w:
            wait_for(lambda: len(w.refused) > 200)
            self.check_refusals(last)
        self.assertEqual(w.acknowledged, {})
        late = sorted(s for status, s in w.refused if status == 503)
        print(f"{len(late)} refusals, the slowest after {late[-1]:.3f} s")

    def test_the_election_timeout_is_the_cluster_s(self):
        client = self.cluster[0].unix()
        refused = client.ask("PATCH", "/1.0", {"config": {"cluster.election_timeout": "10"}})
        self.assertEqual(refused.status, 400, refused)
        client.done("PATCH", "/1.0", {"config": {"cluster.election_timeout": "2000"}})
        wait_for(lambda: all(m.status()["tick_ms"] == 400 for m in self.cluster.members))
        term = self.cluster[0].status()["term"]
        for n in range(10):
            client.done("POST", "/1.0/profiles", {"name": f"slow{n}"})
        client.done("PATCH", "/1.0", {"config": {"cluster.election_timeout": ""}})
        wait_for(lambda: all(m.status()["tick_ms"] == 60 for m in self.cluster.members))
        self.assertEqual(self.cluster[0].status()["term"], term)

    def test_everything_is_back_after_a_restart_of_all(self):
        with Writers(self.cluster.members, 8, "w") as w:
            wait_for(lambda: len(w.acknowledged) > 200)
        last = self.kill_two()
        last.kill()
        for m in self.cluster.members:
            self.cluster.restart(m)
        self.cluster.leader()
        for m in self.cluster.members:
            found = profiles_on(m)
            self.assertEqual(missing_or_doubled([*w.acknowledged, "kept"], found), ([], []))
            self.assertNotIn("lost", found)


if __name__ == "__main__":
    unittest.main()
