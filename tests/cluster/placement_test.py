"""Where instances go: bursts spread evenly, whoever is asked and whoever leads."""
import collections
import threading
import unittest

from loopback import Cluster, upload_image, wait_for


class Bursts(unittest.TestCase):
    def burst(self, cluster, count, clients, prefix):
        """So many creations by so many clients at all members; gives those that were not made."""
        numbers = iter(range(count))
        lock, failed = threading.Lock(), []

        def work(client):
            while True:
                with lock:
                    n = next(numbers, None)
                if n is None:
                    return
                name = f"{prefix}{n}"
                try:
                    client.done("POST", "/1.0/instances", {"name": name, "source": {"type": "image", "alias": "tiny"}})
                except Exception as why:  # looked at below
                    with lock:
                        failed.append((name, str(why)[:300]))
        threads = [threading.Thread(target=work, args=(cluster[i % len(cluster.members)].unix(120),)) for i in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return failed

    def spread(self, cluster):
        rows = cluster.leader().unix(60).get("/1.0/instances?recursion=1").metadata
        return collections.Counter(i["location"] for i in rows)

    def test_a_burst_spreads_evenly(self):
        with Cluster(6) as c:
            unix = c[0].unix(60)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "-1"}})
            upload_image(unix, c.folder)
            self.assertEqual(self.burst(c, 300, 32, "b"), [])
            counts = self.spread(c)
            self.assertEqual(sum(counts.values()), 300)
            self.assertLessEqual(max(counts.values()) - min(counts.values()), 2, counts)

    def test_what_came_and_went_counts_no_more(self):
        with Cluster(3) as c:
            unix = c[1].unix(60)
            upload_image(unix, c.folder)
            for name in ("a", "b", "c"):
                unix.done("POST", "/1.0/instances", {"name": name, "source": {"type": "image", "alias": "tiny"}})
                self.assertEqual(unix.get(f"/1.0/instances/{name}").metadata["location"], "n1")
                unix.done("DELETE", f"/1.0/instances/{name}")

    def test_a_burst_goes_on_when_the_leader_is_killed(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            unix = c[0].unix(60)
            upload_image(unix, c.folder)
            leader = c.leader()
            others = [m for m in c.members if m is not leader]
            failed = []
            worker = threading.Thread(target=lambda: failed.extend(
                self.burst(Others(others), 40, 8, "k")))
            worker.start()
            wait_for(lambda: len(others[0].unix().get("/1.0/instances").metadata) >= 5)
            leader.kill()
            worker.join()
            made = {i["name"] for i in others[0].unix(60).get("/1.0/instances?recursion=1").metadata}
            for name, why in failed:  # it went to the leader that was killed
                self.assertRegex(why, "offline|may or may not|closed|unavailable|no member|error_code", name)
            self.assertGreaterEqual(len(made), 40 - len(failed))
            leader.start().wait_ready()


class Others:
    def __init__(self, members):
        self.members = members

    def __getitem__(self, i):
        return self.members[i]


if __name__ == "__main__":
    unittest.main()
