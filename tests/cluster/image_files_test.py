"""Images on their way to a container: a damaged, unfinished or unused tree, a source that falls silent."""
import glob
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time
import unittest

from holding import Holding
from loopback import wait_for


class Trees(Holding):
    def trees(self):
        return sorted(os.listdir(os.path.join(self.member.dir, "storage-pools/default/images")))

    def create(self, name):
        """Gives the error, or None."""
        c = self.client()
        asked = c.ask("POST", "/1.0/instances", {"name": name, "source": {"type": "image", "alias": "tiny"}})
        assert asked.status == 202, asked
        ended = c.get(asked.json["operation"] + "/wait?timeout=60")
        return ended.json.get("error") or ended.metadata.get("err") or None

    def test_a_damaged_file_is_not_unpacked_and_leaves_nothing(self):
        file = os.path.join(self.member.dir, "images", self.image)
        with open(file, "r+b") as f:
            f.seek(os.path.getsize(file) - 9)
            was = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([was[0] ^ 1]))
        self.assertIn("is damaged: its fingerprint is", self.create("i1"))
        self.assertEqual(self.trees(), [])

    def test_an_unpack_that_fails_leaves_nothing(self):
        file = os.path.join(self.member.dir, "images", self.image)
        os.rename(file, file + ".away")
        os.mkdir(file)  # is read by nobody
        self.assertIsNotNone(self.create("i1"))
        self.assertEqual(self.trees(), [])
        os.rmdir(file)
        os.rename(file + ".away", file)
        self.assertIsNone(self.create("i2"))
        self.assertEqual(self.trees(), [self.image])

    def test_what_a_crash_has_left_and_what_nobody_uses_goes(self):
        self.launch("i1")
        self.write_file("i1")
        place = os.path.join(self.member.dir, "storage-pools/default/images")
        self.member.kill()
        os.makedirs(os.path.join(place, "." + "ab" * 32, "rootfs"))
        unused = os.path.join(place, "cd" * 32)
        os.makedirs(os.path.join(unused, "rootfs"))
        os.makedirs(os.path.join(place, "of-somebody-else"))
        self.cluster.restart(self.member)
        wait_for(lambda: self.trees() == [self.image, "of-somebody-else"])
        trash = os.path.join(self.member.dir, "storage-pools/default/trash")
        self.assertEqual(len(glob.glob(f"{trash}/{'cd' * 32}.*/rootfs")), 1)
        self.check_file("i1")

    def test_the_tree_of_a_deleted_image_stays_while_an_instance_uses_it(self):
        self.assertIsNone(self.create("i1"))
        c = self.client()
        c.done("DELETE", f"/1.0/images/{self.image}")
        wait_for(lambda: not os.path.exists(os.path.join(self.member.dir, "images", self.image)))
        self.assertEqual(self.trees(), [self.image])
        self.assertIsNone(self.change("i1", "start"))


def large_image(path, size_bytes):
    """Not compressed, so that sending it takes a while."""
    with tarfile.open(path, "w") as t:
        data = f"architecture: {os.uname().machine}\ncreation_date: 1700000000\n".encode()
        entry = tarfile.TarInfo("metadata.yaml")
        entry.size = len(data)
        t.addfile(entry, io.BytesIO(data))
        entry = tarfile.TarInfo("rootfs")
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        t.addfile(entry)
        entry = tarfile.TarInfo("rootfs/large")
        entry.size = size_bytes
        with open("/dev/zero", "rb") as zeros:
            t.addfile(entry, zeros)


class Sources(Holding):
    count = 3
    replicas = "1"

    def import_large(self):
        path = os.path.join(self.cluster.folder, "large.tar")
        large_image(path, 400 << 20)
        c = self.client()
        sent = subprocess.run(["curl", "-s", "--unix-socket", self.member.socket, "-X", "POST", "-H",
                               "Content-Type: application/octet-stream", "-T", path, "http://x/1.0/images"],
                              capture_output=True, check=True)
        operation = json.loads(sent.stdout)["operation"]
        return c.get(operation + "/wait?timeout=60").metadata["metadata"]["fingerprint"]

    def test_a_source_that_falls_silent_holds_nobody_else_and_is_given_up(self):
        self.launch("i1", "n2")  # its image lies on n2 from now on
        large = self.import_large()
        n2 = self.cluster[1]
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(n2.unix(120).get(f"/1.0/images/{large}/export")))
                  for _ in range(2)]
        for t in asking:
            t.start()
        uploads = os.path.join(n2.dir, "images/.coming.*")
        wait_for(lambda: [p for p in glob.glob(uploads) if os.path.getsize(p) > 0], 20, 0.001)
        os.kill(self.member.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            self.assertEqual(len(glob.glob(uploads)), 1)  # both wait for the same
            wait_for(lambda: [m for m in n2.unix().get("/1.0/cluster/members?recursion=1").metadata
                              if m["server_name"] == "n2" and m["status"] == "Online"], 30)
            c = n2.unix(60)
            c.done("POST", "/1.0/instances?target=n2", {"name": "i2", "source": {"type": "image", "alias": "tiny"}})
            self.assertEqual(len(glob.glob(uploads)), 1)  # it goes on, and i2 did not wait for it
            for t in asking:
                t.join(60)
            self.assertLess(time.monotonic() - began, 60)
            self.assertEqual([a.status >= 400 for a in answers], [True, True], answers)
            self.assertFalse(os.path.exists(os.path.join(n2.dir, "images", large)), "a part of it is none")
        finally:
            os.kill(self.member.process.pid, signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
