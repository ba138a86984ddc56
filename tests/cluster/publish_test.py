"""Images made of instances: what they hold, who may not, and what is left when something breaks."""
import glob
import os
import tarfile
import unittest

from clients import run_in
from loopback import Cluster, upload_image, wait_for


def hidden(member):
    return [f for f in os.listdir(os.path.join(member.dir, "images")) if f.startswith(".")]


class Publish(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.cluster.wait_voters(3)
        cls.unix = cls.cluster[0].unix(60)
        upload_image(cls.unix, cls.cluster.folder)
        cls.unix.done("POST", "/1.0/instances?target=n2",
                      {"name": "c1", "start": True, "source": {"type": "image", "alias": "tiny"}})
        run_in(cls.unix, "c1", "sh", "-c", "mkdir /srv; echo kept > /srv/f; chown 33:44 /srv/f; chmod 4750 /srv/f; ln /srv/f /srv/g;"
               "rm /etc/inittab.gone 2>/dev/null; ln -s /nowhere /srv/l; mkfifo /srv/p")
        cls.stop("c1")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @classmethod
    def stop(cls, name):
        cls.unix.done("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True})

    def publish(self, **more):
        return self.unix.done("POST", "/1.0/images", {"source": {"type": "instance", "name": "c1"}, **more})["metadata"]["fingerprint"]

    def test_what_it_holds(self):
        fingerprint = self.publish(aliases=[{"name": "mine", "description": "of c1"}], properties={"os": "own"}, public=True)
        shown = self.cluster[2].unix().get(f"/1.0/images/{fingerprint}").metadata
        self.assertEqual(shown["properties"], {"os": "own"})
        self.assertEqual(shown["aliases"], [{"name": "mine", "description": "of c1"}])
        self.assertTrue(shown["public"])
        for m in self.cluster.members:
            path = os.path.join(m.dir, "images", fingerprint)
            self.assertTrue(os.path.exists(path), "all three have it when the answer comes")
        with tarfile.open(path) as tar:
            f = tar.getmember("rootfs/srv/f")
            self.assertEqual((f.uid, f.gid, f.mode), (33, 44, 0o4750), "owners are as the container sees them")
            self.assertTrue(tar.getmember("rootfs/srv/g").islnk())
            self.assertEqual(tar.getmember("rootfs/srv/l").linkname, "/nowhere")
            self.assertTrue(tar.getmember("rootfs/srv/p").isfifo())
            self.assertEqual(tar.getmember("rootfs").uid, 0)
        self.unix.done("POST", "/1.0/instances?target=n3",
                       {"name": "again", "start": True, "source": {"type": "image", "alias": "mine"}})
        self.assertEqual(run_in(self.unix, "again", "sh", "-c", "cat /srv/g; stat -c '%u %g %a' /srv/f"), (0, "kept\n33 44 4750\n"))
        self.stop("again")
        self.unix.done("DELETE", "/1.0/instances/again")
        self.unix.done("DELETE", f"/1.0/images/{fingerprint}")

    def test_the_same_tree_gives_the_same_image(self):
        fingerprint = self.publish()
        self.unix.done("DELETE", f"/1.0/images/{fingerprint}")
        self.assertEqual(self.publish(), fingerprint)
        self.unix.done("DELETE", f"/1.0/images/{fingerprint}")
        other = self.publish(compression_algorithm="zstd")
        self.assertNotEqual(other, fingerprint)
        with open(os.path.join(self.cluster[0].dir, "images", other), "rb") as f:
            self.assertEqual(f.read(4), b"\x28\xb5\x2f\xfd")
        self.unix.done("DELETE", f"/1.0/images/{other}")
        self.unix.done("PATCH", "/1.0", {"config": {"images.compression_algorithm": "none"}})
        plain = self.publish()
        self.assertTrue(tarfile.is_tarfile(os.path.join(self.cluster[0].dir, "images", plain)))
        self.unix.done("PATCH", "/1.0", {"config": {"images.compression_algorithm": ""}})
        self.unix.done("DELETE", f"/1.0/images/{plain}")

    def test_a_link_in_an_unpacked_image_is_not_followed(self):
        owner = self.cluster[1]
        tree, = glob.glob(os.path.join(owner.dir, "storage-pools/default/images/*"))
        metadata, outside = os.path.join(tree, "metadata.yaml"), os.path.join(self.cluster.folder, "outside.yaml")
        with open(metadata) as f, open(outside, "w") as g:
            g.write(f.read() + "secret: of-the-host\n")
        os.rename(metadata, metadata + ".kept")
        os.symlink(outside, metadata)
        self.addCleanup(os.rename, metadata + ".kept", metadata)
        fingerprint = self.publish(compression_algorithm="none")
        with tarfile.open(os.path.join(owner.dir, "images", fingerprint)) as tar:
            shown = tar.extractfile("metadata.yaml").read().decode()
        self.assertNotIn("of-the-host", shown)
        self.assertIn("architecture", shown)
        self.unix.done("DELETE", f"/1.0/images/{fingerprint}")

    def test_what_is_refused(self):
        ask = lambda body: self.unix.ask("POST", "/1.0/images", body, {"Content-Type": "application/json"}).json
        self.assertEqual(ask({"source": {"type": "instance", "name": "none"}})["error"], "Instance not found")
        self.assertEqual(ask({"source": {"type": "snapshot", "name": "c1/s"}})["error_code"], 404)
        self.assertEqual(ask({"source": {"type": "instance", "name": "c1"}, "compression_algorithm": "rot13"})["error_code"], 400)
        self.assertEqual(ask({"source": {"type": "instance", "name": "c1"}, "aliases": [{"name": "tiny"}]})["error_code"], 409)
        self.assertEqual(ask({"source": {"type": "url", "url": "https://x"}})["error_code"], 400)
        self.unix.done("PUT", "/1.0/instances/c1/state", {"action": "start"})
        with self.assertRaisesRegex(Exception, "Cannot export a running instance as an image"):
            self.publish()
        self.stop("c1")
        for m in self.cluster.members:
            self.assertEqual(hidden(m), [])

    def big(self):
        """An instance that takes a while to pack; gives the operation that packs it."""
        self.unix.done("POST", "/1.0/instances?target=n2",
                       {"name": "big", "start": True, "source": {"type": "image", "alias": "tiny"}})
        run_in(self.unix, "big", "sh", "-c", "head -c 150000000 /dev/urandom > /big")
        self.stop("big")
        self.addCleanup(lambda: self.cluster[0].unix(60).done("DELETE", "/1.0/instances/big"))
        o = self.unix.ask("POST", "/1.0/images", {"source": {"type": "instance", "name": "big"}, "compression_algorithm": "xz"}).json["operation"]
        wait_for(lambda: self.coming() > 0)
        return o

    def coming(self):
        return sum(os.path.getsize(f) for f in glob.glob(os.path.join(self.cluster[1].dir, "images", ".upload*")))

    def test_cancelled(self):
        o = self.big()
        self.assertEqual(self.unix.ask("DELETE", o).status, 200)
        wait_for(lambda: self.unix.get(o).metadata["status_code"] in (400, 401))
        wait_for(lambda: hidden(self.cluster[1]) == [])
        self.unix.done("PUT", "/1.0/instances/big/state", {"action": "start"})
        self.stop("big")

    def test_killed_in_the_middle(self):
        self.big()
        owner = self.cluster[1]
        before = len(self.unix.get("/1.0/images").metadata)
        owner.kill()
        owner.start().wait_ready()
        wait_for(lambda: hidden(owner) == [])
        self.assertEqual(len(self.cluster[0].unix().get("/1.0/images").metadata), before)
        c = self.cluster[0].unix(60)
        wait_for(lambda: c.get("/1.0/cluster/members/n2").metadata["status"] == "Online")
        c.done("PUT", "/1.0/instances/big/state", {"action": "start"})
        c.done("PUT", "/1.0/instances/big/state", {"action": "stop", "force": True})


if __name__ == "__main__":
    unittest.main()
