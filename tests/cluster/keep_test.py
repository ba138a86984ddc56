"""Containers and their files are kept: whatever is missing, cut short, spelled otherwise or killed."""
import fcntl
import glob
import os
import signal
import subprocess
import tarfile
import unittest

from holding import HELPER, Holding, content, directory_of, inits_of, is_alive, monitor_of, mounts_below
from loopback import BIN, Member, upload_image, wait_for

FAILED = "Failed to autostart instance"


def groups_of(member):
    tree = "muster/" + member.dir.replace("/", "-")
    return glob.glob(f"/sys/fs/cgroup/{tree}/i[0-9]*") + glob.glob(f"/sys/fs/cgroup/*/{tree}/i[0-9]*")


class RecordsAreMissing(Holding):
    def test_an_instance_without_a_record_is_left_alone_and_its_files_are_kept(self):
        pid = self.launch("k1")
        self.write_file("k1")
        self.member.kill(signal.SIGTERM)  # an orderly end leaves its state on the disk
        subprocess.run([os.path.join(BIN, "muster-change-row"), self.member.dir, "--erase-instance", "k1"], check=True)
        self.cluster.restart(self.member)
        wait_for(lambda: "has no record: it is left alone" in self.member.log_text() or not is_alive(pid))
        self.assertTrue(is_alive(pid))
        # After a minute it goes, and its files lie in the trash.
        wait_for(lambda: glob.glob(os.path.join(self.member.dir, "trash/i*")), 100)
        self.assertFalse(is_alive(pid))
        kept, = glob.glob(os.path.join(self.member.dir, "trash/i*[0-9]/upper/root/file"))
        self.assertEqual(content(kept), "of-k1\n")

    def test_a_deleted_instance_leaves_no_mount_group_or_lock_and_its_files_in_the_trash(self):
        self.launch("k1")
        self.write_file("k1")
        self.stop("k1")
        name = os.path.basename(directory_of(self.member))
        self.client().done("DELETE", "/1.0/instances/k1")
        self.assertEqual(os.listdir(os.path.join(self.member.dir, "containers")), [])
        trash = os.path.join(self.member.dir, "trash")
        self.assertEqual(content(glob.glob(f"{trash}/{name}.*/upper/root/file")[0]), "of-k1\n")
        self.assertTrue(glob.glob(f"{trash}/{name}.logs.*"))
        self.assertFalse(os.path.exists(os.path.join(self.member.dir, "logs", name)))
        self.assertFalse(os.path.exists(f"/run/lxc/lock{self.member.dir}/containers/.{name}"))
        self.assertEqual((groups_of(self.member), mounts_below(self.member.dir)), ([], []))
        # What has lain there for an hour goes.
        old, = [n for n in os.listdir(trash) if ".logs." not in n]
        stem, came = old.rsplit(".", 1)
        os.rename(os.path.join(trash, old), os.path.join(trash, f"{stem}.{int(came) - 3600}"))
        subprocess.run([*HELPER, "container-helper", "sweep", f"data_dir={self.member.dir}"],
                       check=True)
        self.assertEqual([n for n in os.listdir(trash) if ".logs." not in n], [])
        self.assertEqual(len(os.listdir(trash)), 1)


class WhoseFiles(Holding):
    count = 2

    def test_files_of_an_older_owner_are_not_started_and_no_empty_one_is(self):
        self.launch("k1", "n1")
        self.write_file("k1")
        self.stop("k1")
        c = self.client()
        self.assertEqual(c.ask("POST", "/internal/instances/k1/owner?target=n2").status, 200)
        wait_for(lambda: self.client(1).get("/1.0/instances/k1").metadata["location"] == "n2")
        self.assertIn("its files are not on this member", self.change("k1", "start"))
        self.assertEqual(glob.glob(os.path.join(self.cluster[1].dir, "containers/i*/upper")), [])
        self.assertEqual(c.ask("POST", "/internal/instances/k1/owner?target=n1").status, 200)
        wait_for(lambda: self.client().get("/1.0/instances/k1").metadata["location"] == "n1")
        self.assertIn("its files are not on this member", self.change("k1", "start"))
        self.assertEqual(content(os.path.join(directory_of(self.member), "upper/root/file")), "of-k1\n")


class Starting(Holding):
    def test_an_overlay_that_cannot_be_mounted_is_an_error_and_hides_nothing(self):
        self.launch("k1")
        self.write_file("k1")
        self.stop("k1")
        directory = directory_of(self.member)
        self.assertIn("layout: overlay", content(os.path.join(directory, "identity")))
        work = os.path.join(directory, "work")
        os.rename(work, work + ".off")
        with open(work, "w"):
            pass
        self.assertIn("cannot be mounted: overlay: ", self.change("k1", "start"))
        self.assertEqual(self.status("k1"), "Stopped")
        self.assertEqual(os.listdir(os.path.join(directory, "rootfs")), [])
        os.unlink(work)
        os.rename(work + ".off", work)
        self.assertIsNone(self.change("k1", "start"))
        self.check_file("k1")

    def test_a_wanted_instance_that_does_not_start_is_tried_again_and_warned_of(self):
        """As after a power cut with the pool's files missing for a while; an ephemeral one does not go for it."""
        for name in ("k1", "e1"):
            self.launch(name, ephemeral=name == "e1")
            self.write_file(name)
        self.power_off("k1", "e1")
        files = [os.path.join(self.member.dir, "images", self.image),
                 os.path.join(self.member.dir, "storage-pools/default/images", self.image)]
        for path in files:
            os.rename(path, path + ".away")
        self.cluster.restart(self.member)
        wait_for(lambda: {w["entity_url"] for w in self.warnings(FAILED)} ==
                 {"/1.0/instances/k1", "/1.0/instances/e1"}, 40)
        for name in ("k1", "e1"):
            self.assertEqual(self.status(name), "Stopped")
        wait_for(lambda: min(w["count"] for w in self.warnings(FAILED)) >= 2)
        for path in files:
            os.rename(path + ".away", path)
        for name in ("k1", "e1"):
            self.wait_running(name, 60)
            self.check_file(name)
        wait_for(lambda: {w["status"] for w in self.warnings(FAILED)} == {"resolved"})

    def test_where_no_overlay_can_be_mounted_the_image_is_copied_once(self):
        folder = self.cluster.folder
        for part in ("lower", "upper", "work", "over"):
            os.mkdir(os.path.join(folder, part))
            os.chmod(os.path.join(folder, part), 0o711)
        over = os.path.join(folder, "over")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder}/lower,upperdir={folder}/upper,"
                        f"workdir={folder}/work", over], check=True)
        self.cluster.members.append(Member(over, "m1").start("--bootstrap").wait_ready())
        self.cluster.members.reverse()
        upload_image(self.client(), folder)
        self.launch("k1", "m1", config={"security.privileged": "true"})
        self.assertIn("layout: copy", content(os.path.join(directory_of(self.member), "identity")))
        self.write_file("k1")
        self.stop("k1")
        self.assertIsNone(self.change("k1", "start"))
        self.check_file("k1")
        self.stop("k1")
        made = self.client().done("POST", "/1.0/images", {"source": {"type": "instance", "name": "k1"}})["metadata"]["fingerprint"]
        with tarfile.open(os.path.join(self.member.dir, "images", made)) as tar:
            self.assertEqual(tar.extractfile("rootfs/root/file").read(), b"of-k1\n")
        rootfs = os.path.join(directory_of(self.member), "rootfs")
        os.rename(rootfs, rootfs + ".off")
        self.assertIn("its files are not on this member", self.change("k1", "start"))
        self.assertFalse(os.path.exists(rootfs))

    def test_a_parent_that_does_not_care_for_its_children_hides_no_failure(self):
        self.member.kill()
        self.member.prefix = ["env", "--ignore-signal=CHLD"]
        self.cluster.restart(self.member)
        nic = {"type": "nic", "nictype": "bridged", "parent": "mtnone0"}
        c = self.client()
        c.done("POST", "/1.0/instances", {"name": "k1", "devices": {"eth0": nic},
                                          "source": {"type": "image", "alias": "tiny"}})
        self.assertIn("Failed to start the container", self.change("k1", "start"))

    def test_a_container_that_runs_unwanted_is_stopped(self):
        """As after a start that timed out: it runs, and the wish is that it does not."""
        self.launch("k1")
        self.stop("k1")
        subprocess.run(self.helper("start", "k1"), check=True, stdin=subprocess.DEVNULL)
        pid, = inits_of("k1", self.cluster.folder)
        wait_for(lambda: not is_alive(pid))
        self.assertEqual(self.status("k1"), "Stopped")

    def test_a_second_helper_waits_for_the_first_and_never_starts_it_twice(self):
        self.launch("k1")
        self.write_file("k1")
        self.stop("k1")
        self.member.kill()
        with open(os.path.join(directory_of(self.member), "lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            helper = subprocess.Popen(self.helper("start", "k1"), stdin=subprocess.DEVNULL)
            wait_for(lambda: [line for line in content("/proc/locks").splitlines()
                              if "->" in line and f" {helper.pid} " in line])
            self.assertEqual(inits_of("k1", self.cluster.folder), [])
        self.assertEqual(helper.wait(20), 0)
        pid, = inits_of("k1", self.cluster.folder)
        for spelling in (self.member.dir, self.member.dir + "/", self.member.dir + "/."):
            again = subprocess.run(self.helper("start", "k1", spelling), stdin=subprocess.DEVNULL,
                                   capture_output=True, text=True)
            self.assertEqual(again.returncode, 1, again)
            self.assertIn("already running", again.stderr)
        self.assertEqual(inits_of("k1", self.cluster.folder), [pid])


class Ends(Holding):
    def test_a_container_whose_monitor_was_killed_starts_again(self):
        pid = self.launch("k1")
        self.write_file("k1")
        os.kill(monitor_of(pid), 9)
        wait_for(lambda: self.status("k1") == "Stopped")
        wait_for(lambda: not is_alive(pid) and not groups_of(self.member) and not mounts_below(self.member.dir))
        self.assertIsNone(self.change("k1", "start"))
        self.check_file("k1")

    def test_an_init_that_has_outlived_its_monitor_is_ended(self):
        self.launch("k1")
        self.stop("k1")
        left = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
        gone = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
        marks = [f"{p.pid} {content(f'/proc/{p.pid}/stat').split()[21]}" for p in (left, gone)]
        gone.kill()
        gone.wait()
        boot = content("/proc/sys/kernel/random/boot_id").strip()
        path = os.path.join(directory_of(self.member), "run")
        with open(path + ".new", "w") as f:
            f.write(f"boot: {boot}\ninit: {marks[0]}\nmonitor: {marks[1]}\n")
        os.rename(path + ".new", path)
        self.assertEqual(left.wait(20), -9)
        wait_for(lambda: not os.path.exists(path))
        self.assertIsNone(self.change("k1", "start"))

    def test_a_container_whose_start_failed_starts_later(self):
        self.launch("k1")
        self.write_file("k1")
        self.stop("k1")
        c = self.client()
        nic = {"type": "nic", "nictype": "bridged", "parent": "mtnone0"}
        c.done("PATCH", "/1.0/instances/k1", {"devices": {"eth0": nic}})
        self.assertIsNotNone(self.change("k1", "start"))
        self.assertEqual((groups_of(self.member), mounts_below(self.member.dir)), ([], []))
        whole = c.get("/1.0/instances/k1").metadata
        whole["devices"].pop("eth0")
        c.done("PUT", "/1.0/instances/k1", whole)
        self.assertIsNone(self.change("k1", "start"))
        self.check_file("k1")

    def test_groups_made_inside_a_container_do_not_keep_it_from_starting(self):
        pid = self.launch("k1")
        self.stop("k1")
        for group in glob.glob("/sys/fs/cgroup/*/muster"):
            os.makedirs(os.path.join(group, self.member.dir.replace("/", "-"),
                                     os.path.basename(directory_of(self.member)), "container/system.slice"), exist_ok=True)
        self.assertIsNone(self.change("k1", "start"))
        self.assertFalse(is_alive(pid))

    def test_what_ended_by_itself_is_tidied_up(self):
        pid = self.launch("k1")
        os.kill(pid, 9)
        wait_for(lambda: self.status("k1") == "Stopped")
        wait_for(lambda: not groups_of(self.member) and not mounts_below(self.member.dir))


class OfARemovedMember(Holding):
    count = 3

    def test_containers_of_a_living_member_removed_by_force_go_on_until_they_are_stopped(self):
        pid = self.launch("k1", "n2")
        self.write_file("k1")
        n2 = self.cluster[1]
        file = os.path.join(directory_of(n2), "upper/root/file")
        self.assertEqual(self.client().ask("DELETE", "/1.0/cluster/members/n2?force=1").status, 200)
        wait_for(lambda: n2.unix().get("/1.0").status == 503)
        wait_for(lambda: "containers here are left alone" in n2.log_text() or not is_alive(pid))
        self.assertTrue(is_alive(pid))
        n2.kill()
        self.cluster.restart(n2)
        wait_for(lambda: "removed" in n2.muster("status").stdout)
        self.assertTrue(is_alive(pid))
        self.assertEqual(content(file), "of-k1\n")
        self.assertTrue(os.path.exists(os.path.join(n2.dir, "images", self.image)))
        n2.kill()
        self.reset_names_what_runs(n2, pid)

    def reset_names_what_runs(self, n2, pid):
        name = os.path.basename(directory_of(n2))
        refused = n2.muster("reset", "--yes")
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn(f"{name} (process {pid})", refused.stderr)
        self.assertTrue(is_alive(pid))
        done = n2.muster("reset", "--yes", "--stop-containers", timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertFalse(is_alive(pid))
        self.assertEqual(mounts_below(n2.dir), [])
        self.assertEqual(content(os.path.join(n2.dir, "before-reset/containers", name, "upper/root/file")), "of-k1\n")
        self.cluster.restart(n2)
        wait_for(lambda: not n2.unix().get("/1.0/cluster").metadata["enabled"])


if __name__ == "__main__":
    unittest.main()
