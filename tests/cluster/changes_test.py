"""Changes that meet: none is lost, none is told of an If-Match it did not send; and reads that may be old."""
import threading
import unittest

from loopback import Cluster, upload_image

CLIENTS, CHANGES = 8, 20


class Changes(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.wait_voters(3)
        self.cluster[0].unix().done("POST", "/1.0/profiles", {"name": "shared"})

    def tearDown(self):
        self.cluster.__exit__(None, None, None)

    def test_patches_of_one_profile_through_all_members_all_count(self):
        refused = []

        def change(number):
            client = self.cluster[number % 3].unix()
            for n in range(CHANGES):
                answer = client.ask("PATCH", "/1.0/profiles/shared", {"config": {f"user.c{number}.{n}": "x"}})
                if answer.status != 200:
                    refused.append(answer)

        all_clients = [threading.Thread(target=change, args=(i,)) for i in range(CLIENTS)]
        for t in all_clients:
            t.start()
        for t in all_clients:
            t.join()
        self.assertEqual(refused, [])
        wanted = {f"user.c{c}.{n}" for c in range(CLIENTS) for n in range(CHANGES)}
        for m in self.cluster.members:
            self.assertEqual(set(m.unix().get("/1.0/profiles/shared").metadata["config"]), wanted)

    def test_patches_of_images_aliases_projects_and_instances_all_count(self):
        asked = self.cluster[0].unix(60)
        print_ = upload_image(asked, self.cluster.folder)
        asked.done("POST", "/1.0/projects", {"name": "p"})
        asked.done("POST", "/1.0/instances", {"name": "c1", "source": {"type": "image", "alias": "tiny"}})
        objects = {"/1.0/instances/c1": "config", f"/1.0/images/{print_}": "properties", "/1.0/projects/p": "config"}
        refused = []

        def change(number):
            client = self.cluster[number % 3].unix(30)
            for n in range(5):
                for path, key in objects.items():
                    answer = client.ask("PATCH", path, {key: {f"user.c{number}.{n}": "x"}})
                    if answer.status != 200:
                        refused.append((path, answer))

        all_clients = [threading.Thread(target=change, args=(i,)) for i in range(4)]
        for t in all_clients:
            t.start()
        for t in all_clients:
            t.join()
        self.assertEqual(refused, [])
        wanted = {f"user.c{c}.{n}" for c in range(4) for n in range(5)}
        for path, key in objects.items():
            self.assertEqual(wanted - set(asked.get(path).metadata[key]), set(), path)

    def test_an_if_match_of_before_is_refused_everywhere(self):
        client = self.cluster[0].unix()
        etag = client.get("/1.0/profiles/shared").headers["ETag"]
        changed = client.ask("PATCH", "/1.0/profiles/shared", {"description": "a"}, {"If-Match": etag})
        self.assertEqual(changed.status, 200, changed)
        for m in self.cluster.members:
            late = m.unix().ask("PATCH", "/1.0/profiles/shared", {"description": "b"}, {"If-Match": etag})
            self.assertEqual(late.status, 412, late)

    def test_what_was_made_through_one_member_is_changed_and_deleted_through_another(self):
        for n in range(20):
            self.cluster[n % 3].unix().done("POST", "/1.0/profiles", {"name": f"p{n}"})
            self.cluster[(n + 1) % 3].unix().done("PATCH", f"/1.0/profiles/p{n}", {"description": "d"})
            self.cluster[(n + 2) % 3].unix().done("DELETE", f"/1.0/profiles/p{n}")
            gone = self.cluster[n % 3].unix().ask("PATCH", f"/1.0/profiles/p{n}", {"description": "e"})
            self.assertEqual(gone.status, 404, gone)

    def test_a_read_that_may_be_old_needs_nobody_else(self):
        last = self.cluster[2]
        self.assertEqual(last.unix().get("/1.0/profiles/shared").status, 200)  # from here on it is there
        answer = last.unix().get("/1.0/profiles/shared?consistency=stale")
        self.assertEqual((answer.status, answer.headers["X-Muster-Stale"]), (200, "0"))
        for m in self.cluster.members[:2]:
            m.kill()
        answer = last.unix().get("/1.0/profiles/shared?consistency=stale")
        self.assertEqual(answer.status, 200)
        self.assertIn("X-Muster-Stale", answer.headers)


if __name__ == "__main__":
    unittest.main()
