"""Pools with a file system of their own: nothing is formatted, and nothing begun anew, over what is there."""
import glob
import os
import subprocess
import unittest

from holding import Holding, mounts_below
from loopback import wait_for

ROOT = {"root": {"type": "disk", "path": "/", "pool": "fast"}}


def content(path):
    with open(path, "rb") as f:
        return f.read()


def is_mounted(place):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == place for line in mounts)


class PoolFiles(Holding):
    def setUp(self):
        assert os.geteuid() == 0, "pools on loop files are made by root only"
        super().setUp()
        self.place = os.path.join(self.member.dir, "storage-pools/fast")
        self.disk = os.path.join(self.member.dir, "disks/fast.img")

    def make_pool(self):
        return self.client().ask("POST", "/1.0/storage-pools", {"name": "fast", "driver": "btrfs",
                                                                "config": {"size": "200MiB"}})

    def one_on_it(self):
        self.assertEqual(self.make_pool().status, 201)
        self.launch("k1", devices=ROOT)
        self.write_file("k1")

    def reboot(self):
        self.power_off("k1")
        for point in reversed(mounts_below(self.member.dir)):
            subprocess.run(["umount", point], check=True)

    def test_a_pool_whose_note_is_lost_is_mounted_and_not_formatted(self):
        for how in ("removed", "damaged"):
            with self.subTest(how):
                if how == "removed":
                    self.one_on_it()
                self.reboot()
                note, = [p for p in glob.glob(os.path.join(self.member.dir, "made/pool-*"))
                         if b"fast" in content(p)]
                if how == "removed":
                    os.unlink(note)
                else:
                    with open(note, "r+b") as f:
                        f.truncate(10)
                self.cluster.restart(self.member)
                self.wait_running("k1")
                self.check_file("k1")

    def test_what_lies_where_a_pool_is_to_be_made_stays(self):
        os.makedirs(os.path.dirname(self.disk), exist_ok=True)
        with open(self.disk, "w") as f:
            f.write("of somebody else")
        refused = self.make_pool()
        self.assertEqual(refused.status, 500, refused)
        self.assertIn("move it away", refused.json["error"])
        self.assertEqual(content(self.disk), b"of somebody else")

    def test_a_pool_that_is_not_mounted_is_not_used(self):
        self.one_on_it()
        self.reboot()
        os.rename(self.disk, self.disk + ".away")
        self.cluster.restart(self.member)
        wait_for(lambda: [w for w in self.warnings("Storage pool unavailable") if w["status"] == "new"])
        c = self.client()
        made = c.ask("POST", "/1.0/instances", {"name": "k2", "devices": ROOT,
                                                "source": {"type": "image", "alias": "tiny"}})
        if made.status == 202:
            made = c.get(made.json["operation"] + "/wait?timeout=60")
        self.assertGreaterEqual(made.json.get("error_code") or made.status, 400, made)
        wait_for(lambda: self.warnings("Failed to autostart instance"))
        self.assertFalse(is_mounted(self.place))
        self.assertEqual([os.path.join(at, n) for at, _, names in os.walk(self.place) for n in names], [])
        self.assertFalse(os.path.exists(self.disk))
        os.rename(self.disk + ".away", self.disk)
        wait_for(lambda: is_mounted(self.place), 30)
        self.wait_running("k1", 90)
        self.check_file("k1")


if __name__ == "__main__":
    unittest.main()
