"""Images on as many members as they should be: who gets them, what happens when something breaks on the way."""
import glob
import os
import subprocess
import unittest

from loopback import Cluster, big_image, upload_image, wait_for


def holders(cluster, fingerprint, at=None):
    """Names of the members that are noted to have the file."""
    shown = (at or next(m for m in cluster.members if m.is_running())).unix().get("/internal/images/status").metadata
    one = next((i for i in shown if i["fingerprint"] == fingerprint), None)
    return {name for name, state in (one or {"members": {}})["members"].items() if state == "there"}


def files(cluster, fingerprint):
    return {m.name for m in cluster.members if os.path.exists(os.path.join(m.dir, "images", fingerprint))}


def unfinished(member):
    return [os.path.basename(f) for f in glob.glob(os.path.join(member.dir, "images", ".*"))]


def written(member):
    """Bytes given to the disk and to sockets."""
    with open(f"/proc/{member.process.pid}/io") as f:
        return int(next(line for line in f if line.startswith("wchar")).split()[1])


def begin_import(member, path):
    with open(path, "rb") as f:
        return member.unix(60).ask("POST", "/1.0/images", f.read(), {"Content-Type": "application/octet-stream"}).json["operation"]


class Copies(unittest.TestCase):
    def test_wanted_counts(self):
        with Cluster(4) as c:
            unix = c[0].unix(60)
            fingerprint = upload_image(unix, c.folder)
            there = files(c, fingerprint)
            self.assertEqual(len(there), 3, "when the import returns, three members have it")
            self.assertIn("n1", there)
            self.assertEqual(holders(c, fingerprint), there)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "-1"}})
            wait_for(lambda: len(files(c, fingerprint)) == 4)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "1"}})
            wait_for(lambda: len(files(c, fingerprint)) == 1)
            self.assertEqual(len(holders(c, fingerprint)), 1)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": ""}})
            wait_for(lambda: len(files(c, fingerprint)) == 3)
            self.assertIn(f"{fingerprint[:12]}  3 of 3", c[1].muster("status", "images").stdout)
            deleted = unix.ask("DELETE", f"/1.0/images/{fingerprint}").json["operation"]
            self.assertEqual(unix.get(deleted + "/wait?timeout=20").metadata["status"], "Success")
            self.assertEqual(files(c, fingerprint), set(), "when the deletion returns, nobody has it")

    def test_a_joiner_and_a_lost_member(self):
        with Cluster(2) as c:
            fingerprint = upload_image(c[0].unix(60), c.folder)
            self.assertEqual(files(c, fingerprint), {"n1", "n2"})
            c.add("n3")
            wait_for(lambda: holders(c, fingerprint) == {"n1", "n2", "n3"})
            c.add("n4")
            victim = next(m for m in c.members[1:3] if m is not c.leader())
            victim.kill()
            wait_for(lambda: len(holders(c, fingerprint) - {victim.name}) == 3)
            victim.start().wait_ready()  # it is one too many now
            wait_for(lambda: len(files(c, fingerprint)) == 3)
            wait_for(lambda: holders(c, fingerprint) == files(c, fingerprint))

    def test_a_damaged_copy_is_found_and_replaced(self):
        with Cluster(3) as c:
            fingerprint = upload_image(c[0].unix(60), c.folder)
            path = os.path.join(c[1].dir, "images", fingerprint)
            whole = open(path, "rb").read()
            with open(path, "r+b") as f:
                f.write(b"\0\0\0\0")
            own = [os.path.join(c[0].dir, f"server.{end}") for end in ("crt", "key")]
            self.assertEqual(c[1].unix(20).ask("POST", f"/internal/images/{fingerprint}/check").body, b"damaged")
            self.assertTrue(os.path.exists(own[0]))
            wait_for(lambda: os.path.exists(path) and open(path, "rb").read() == whole)
            wait_for(lambda: holders(c, fingerprint) == {"n1", "n2", "n3"})

    def test_a_copy_that_is_gone_is_made_again(self):
        with Cluster(3) as c:
            fingerprint = upload_image(c[0].unix(60), c.folder)
            c[1].kill()
            os.unlink(os.path.join(c[1].dir, "images", fingerprint))
            c[1].start().wait_ready()
            wait_for(lambda: files(c, fingerprint) == holders(c, fingerprint) == {"n1", "n2", "n3"})

    def test_each_member_sends_a_file_once(self):
        """Whoever is getting it passes it on: nobody writes more than the file to the disk and once to the wire."""
        with Cluster(6) as c:
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "-1"}})
            path = big_image(c.folder, 50)
            before = [written(m) for m in c.members]
            operation = begin_import(c[0], path)
            self.assertEqual(c[0].unix(60).get(operation + "/wait?timeout=60").metadata["status"], "Success")
            for m, then in zip(c.members, before):
                self.assertLess(written(m) - then, 2.1 * os.path.getsize(path), m.name)

    def test_where_all_copies_are_off_the_error_names_them(self):
        with Cluster(3) as c:
            unix = c[0].unix(60)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "1"}})
            fingerprint = upload_image(c[2].unix(60), c.folder)
            self.assertEqual(files(c, fingerprint), {"n3"})
            c[2].kill()
            asked = unix.ask("POST", "/1.0/instances?target=n1",
                             {"name": "c1", "source": {"type": "image", "fingerprint": fingerprint}})
            ended = unix.get(asked.json["operation"] + "/wait?timeout=60")
            self.assertIn("Image not available on any online member: its file is on n3", ended.body.decode())
            wait_for(lambda: [w for w in unix.get("/1.0/warnings?recursion=1").metadata
                              if w["type"] == "Too few copies of an image" and "n3 cannot be reached" in w["last_message"]], 40)
            c[2].start().wait_ready()
            wait_for(lambda: [w["status"] for w in unix.get("/1.0/warnings?recursion=1").metadata
                              if w["type"] == "Too few copies of an image"] == ["resolved"])


class Full(unittest.TestCase):
    """The disk of one member takes no more."""

    def few_bytes(self, member, size):
        folder = os.path.join(member.dir, "images")
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True)
        return folder

    def test_another_member_takes_its_place(self):
        with Cluster(4) as c:
            full = next(m for m in c.members[1:] if m is not c.leader())
            self.few_bytes(full, "40m")
            operation = begin_import(c[0], big_image(c.folder, 100))
            ended = c[0].unix(60).get(operation + "/wait?timeout=60").metadata
            self.assertEqual(ended["status"], "Success")
            fingerprint = ended["metadata"]["fingerprint"]
            wait_for(lambda: files(c, fingerprint) == {m.name for m in c.members} - {full.name})
            self.assertEqual(holders(c, fingerprint), files(c, fingerprint))

    def test_it_gets_its_copy_when_there_is_room(self):
        with Cluster(3) as c:
            full = next(m for m in c.members[1:] if m is not c.leader())
            folder = self.few_bytes(full, "40m")
            operation = begin_import(c[0], big_image(c.folder, 100))
            ended = c[0].unix(60).get(operation + "/wait?timeout=60").metadata
            self.assertEqual(ended["status"], "Success", "the image is there, on fewer members than it should be")
            fingerprint = ended["metadata"]["fingerprint"]
            warned = lambda: [w["last_message"] for w in c[0].unix().get("/1.0/warnings?recursion=1").metadata
                              if w["type"] == "Too few copies of an image" and w["status"] != "resolved"]
            wait_for(lambda: warned(), 60)
            self.assertIn(full.name, warned()[0])
            self.assertNotIn(full.name, holders(c, fingerprint) | files(c, fingerprint))
            subprocess.run(["mount", "-o", "remount,size=400m", folder], check=True)
            wait_for(lambda: full.name in holders(c, fingerprint), 90)
            wait_for(lambda: warned() == [])
            self.assertEqual([unfinished(m) for m in c.members], [[]] * 3)


class Broken(unittest.TestCase):
    """Somebody is killed while 200 MiB are on their way."""

    def killed(self, whom):
        with Cluster(4) as c:
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "-1"}})
            leader = c.leader()
            source = next(m for m in c.members if m is not leader)
            begin_import(source, big_image(c.folder, 200))
            coming = lambda m: [f for f in unfinished(m) if f.startswith(".coming.")]
            targets = [m for m in c.members if m is not source]
            wait_for(lambda: any(coming(m) for m in targets if m is not leader))
            victim = {"source": source, "leader": leader,
                      "target": next(m for m in targets if m is not leader and coming(m))}[whom]
            fingerprint = next(f for m in targets for f in coming(m)).split(".")[2]
            victim.kill()
            victim.start().wait_ready()
            wait_for(lambda: files(c, fingerprint) == {m.name for m in c.members}, 60)
            wait_for(lambda: holders(c, fingerprint) == {m.name for m in c.members})
            self.assertEqual([unfinished(m) for m in c.members], [[]] * 4)

    def test_source(self):
        self.killed("source")

    def test_target(self):
        self.killed("target")

    def test_leader(self):
        self.killed("leader")


if __name__ == "__main__":
    unittest.main()
