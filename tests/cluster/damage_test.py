"""Damage in the raft store: in the middle it stops the member with a sentence; a torn end does not."""
import glob
import os
import subprocess
import unittest

from loopback import BIN, Cluster
from writers import profiles_on


SECTOR = 512


def written_log(member):
    """The file that is written to, and where its last record ends: zeros follow."""
    for path in sorted(glob.glob(os.path.join(member.dir, "raft", "*.log")), reverse=True):
        with open(path, "rb") as f:
            end = len(f.read().rstrip(b"\0"))
        if end:
            return path, end
    raise AssertionError("there is no log")


class Damage(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(1)
        self.member = self.cluster[0]
        client = self.member.unix()
        for n in range(50):
            client.done("POST", "/1.0/profiles", {"name": f"p{n}"})
        self.member.kill()

    def tearDown(self):
        self.cluster.__exit__(None, None, None)

    def test_a_flipped_byte_in_the_middle(self):
        path, end = written_log(self.member)
        with open(path, "r+b") as f:
            f.seek(end // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        self.member.start()
        self.assertNotEqual(self.member.process.wait(20), 0)
        self.assertIn("damaged", self.member.log_text())

    def test_a_torn_end(self):
        path, end = written_log(self.member)
        with open(path, "r+b") as f:
            f.seek((end - 1) // SECTOR * SECTOR)
            f.write(bytes(SECTOR))
        self.cluster.restart(self.member)
        self.assertGreaterEqual(len(profiles_on(self.member)), 49)

    def test_a_second_daemon_on_the_same_directory(self):
        self.cluster.restart(self.member)
        again = subprocess.run([os.path.join(BIN, "musterd"), "--data-dir", self.member.dir, "--name", "n1"],
                               capture_output=True, text=True, timeout=20)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("another musterd already runs", again.stderr)
        self.assertEqual(self.member.unix().get("/1.0").status, 200)

    def test_a_log_without_identity(self):
        os.remove(os.path.join(self.member.dir, "identity"))
        self.member.start()
        self.assertNotEqual(self.member.process.wait(20), 0)
        self.assertIn("without an identity", self.member.log_text())


if __name__ == "__main__":
    unittest.main()
