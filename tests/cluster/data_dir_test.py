"""A data directory that is reached by other names, moved, or put aside, with containers in it."""
import os
import signal
import subprocess
import unittest

from holding import Holding, content, directory_of, inits_of, is_alive, mounts_below
from loopback import BIN, upload_image, wait_for


class DataDir(Holding):
    def as_it_is(self):
        """Starts the server by the name that is set; waits until it has looked at its containers."""
        self.member.start().wait_ready()
        return self.wait_running("k1")

    def stop_server(self):
        self.member.kill(signal.SIGTERM)

    def refusal(self, data_dir):
        """Of a server that does not start."""
        ended = subprocess.run([os.path.join(BIN, "musterd"), "--data-dir", data_dir], capture_output=True, text=True,
                               timeout=20)
        self.assertEqual(ended.returncode, 1, ended)
        return ended.stderr

    def test_other_spellings_find_the_container_that_runs(self):
        pid = self.launch("k1")
        self.write_file("k1")
        real = self.member.dir
        link = os.path.join(self.cluster.folder, "link")
        os.symlink(real, link)
        for spelling in (real + "/", link, os.path.join(self.cluster.folder, ".", "n1"), link + "/../n1"):
            with self.subTest(spelling):
                self.stop_server()
                self.member.dir = spelling
                self.assertEqual(self.as_it_is(), pid)
                self.check_file("k1")
                self.assertEqual(inits_of("k1", self.cluster.folder), [pid])

    def test_another_network_namespace_does_not_start_it_twice(self):
        pid = self.launch("k1")
        self.stop_server()
        self.member.prefix = ["unshare", "--net", "--"]
        self.assertEqual(self.as_it_is_elsewhere(pid), pid)
        self.assertEqual(inits_of("k1", self.cluster.folder), [pid])
        self.assertIn("already running", self.change("k1", "start"))
        self.assertIn("cannot be reached from here", self.change("k1", "stop", force=True))
        self.assertTrue(is_alive(pid))

    def as_it_is_elsewhere(self, pid):
        self.member.start().wait_ready()
        marks = os.path.join(directory_of(self.member), "run")
        wait_for(lambda: self.status("k1") == "Running")
        wait_for(lambda: self.change("k1", "start") is not None)
        return int(content(marks).split("init: ")[1].split()[0])

    def test_another_real_name_is_refused_while_containers_run_and_taken_when_none_does(self):
        pid = self.launch("k1")
        self.write_file("k1")
        self.stop_server()
        real, other = self.member.dir, os.path.join(self.cluster.folder, "other")
        os.mkdir(other)
        subprocess.run(["mount", "--bind", real, other], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", other], capture_output=True)
        said = self.refusal(other)
        self.assertIn(f"start this server with --data-dir {real}", said)
        self.assertIn(f"process {pid}", said)
        self.assertEqual(inits_of("k1", self.cluster.folder), [pid])
        subprocess.run(["umount", other], check=True)
        self.assertEqual(self.as_it_is(), pid)
        self.stop("k1")
        self.stop_server()
        os.rmdir(other)
        os.rename(real, other)  # really moved
        self.member.dir = other
        self.member.start().wait_ready()
        self.assertIsNone(self.change("k1", "start"))
        self.check_file("k1")

    def test_a_reset_moves_nothing_away_below_a_container(self):
        pid = self.launch("k1")
        self.write_file("k1")
        name = os.path.basename(directory_of(self.member))
        self.stop_server()
        refused = self.member.muster("reset", "--yes")
        self.assertIn(f"{name} (process {pid})", refused.stderr)
        self.assertEqual(refused.returncode, 1)
        self.assertTrue(is_alive(pid))
        self.assertTrue(os.path.exists(os.path.join(self.member.dir, "identity")))
        self.assertEqual(self.as_it_is(), pid)
        self.stop_server()
        done = self.member.muster("reset", "--yes", "--stop-containers", timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertFalse(is_alive(pid))
        self.assertEqual(mounts_below(self.member.dir), [])
        kept = os.path.join(self.member.dir, "before-reset/containers", name, "upper/root/file")
        self.assertEqual(content(kept), "of-k1\n")

    def test_ids_that_begin_again_adopt_nothing(self):
        """A pool elsewhere outlives the reset, with a container of the old cluster in it."""
        elsewhere = os.path.join(self.cluster.folder, "elsewhere")
        os.mkdir(elsewhere)
        os.chmod(elsewhere, 0o711)
        pool = {"name": "there", "driver": "dir", "config": {"source": elsewhere}}
        self.client().done("POST", "/1.0/storage-pools", pool)
        root = {"root": {"type": "disk", "path": "/", "pool": "there"}}
        self.launch("k1", devices=root)
        self.write_file("k1")
        self.member.kill()
        self.assertEqual(self.member.muster("reset", "--yes", "--stop-containers", timeout=60).returncode, 0)
        self.member.start().wait_ready()
        upload_image(self.client(), self.cluster.folder)
        self.client().done("POST", "/1.0/storage-pools", pool)
        name = self.client().get("/1.0").metadata["environment"]["server_name"]
        self.launch("k2", name, devices=root)
        self.assertEqual(self.run_in("k2", "sh", "-c", "cat /root/file || echo none"), "none\n")
        names = os.listdir(os.path.join(elsewhere, "containers"))
        files = [os.path.join(elsewhere, "containers", n, "upper/root/file") for n in names]
        self.assertEqual([content(f) for f in files if os.path.exists(f)], ["of-k1\n"])


if __name__ == "__main__":
    unittest.main()
