"""What tests of containers on real members share."""
import glob
import os
import subprocess
import unittest

from clients import run_in
from loopback import BIN, Cluster, upload_image, wait_for

# As the server finds it: a sanitizer cannot follow a container.
HELPER = [os.path.join(BIN, "musterd")]
if "MUSTER_TEST_HELPER" in os.environ:
    HELPER = ["env", "-u", "LD_LIBRARY_PATH", os.environ["MUSTER_TEST_HELPER"]]


def state(client, name):
    return client.get(f"/1.0/instances/{name}/state").metadata


def is_alive(pid):
    """A process that has ended and was not waited for is none."""
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read() != ""
    except (FileNotFoundError, ProcessLookupError):
        return False


def monitor_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def mounts_below(folder):
    with open("/proc/self/mounts") as mounts:
        return [line.split()[1] for line in mounts if line.split()[1].startswith(folder + "/")]


def inits_of(name, folder):
    """Inits of all containers with this host name and files below the folder, wherever they were started from."""
    found = []
    for comm in glob.glob("/proc/[0-9]*/stat"):
        pid = comm.split("/")[2]
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid"):
                continue
            with open(f"/proc/{pid}/status") as f:
                ids = next(line for line in f if line.startswith("NSpid:")).split()
            seen = subprocess.run(["nsenter", "--uts", "-t", pid, "hostname"], capture_output=True, text=True)
            if ids[-1] == "1" and seen.stdout.strip() == name and folder in content(f"/proc/{pid}/mountinfo"):
                found.append(int(pid))
        except (OSError, StopIteration):
            continue
    return found


def directory_of(member, which="i*"):
    """The only directory of a container on a member."""
    found = glob.glob(os.path.join(member.dir, "containers", which))
    assert len(found) == 1, found
    return found[0]


def content(path):
    with open(path) as f:
        return f.read()


class Holding(unittest.TestCase):
    """Members with a small image."""
    count = 1
    replicas = ""  # of images

    def setUp(self):
        self.cluster = Cluster(self.count)
        self.addCleanup(self.cluster.__exit__, None, None, None)
        if self.count > 2:
            self.cluster.wait_voters(3)
        self.client().done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": self.replicas}})
        self.image = upload_image(self.client(), self.cluster.folder)

    @property
    def member(self):
        return self.cluster[0]

    def client(self, at=0):
        return self.cluster[at].unix(60)

    def launch(self, name, target="n1", **more):
        self.client().done("POST", f"/1.0/instances?target={target}",
                           {"name": name, "start": True, "source": {"type": "image", "alias": "tiny"}, **more})
        return state(self.client(), name)["pid"]

    def change(self, name, action, **more):
        """Changes its state; gives the error, or None."""
        c = self.client()
        asked = c.ask("PUT", f"/1.0/instances/{name}/state", {"action": action, **more})
        assert asked.status == 202, asked
        ended = c.get(asked.json["operation"] + "/wait?timeout=60")
        return ended.json.get("error") or ended.metadata.get("err") or None

    def stop(self, name):
        self.assertIsNone(self.change(name, "stop", force=True))

    def run_in(self, name, *command):
        return run_in(self.client(), name, *command)[1]

    def write_file(self, name):
        self.run_in(name, "sh", "-c", f"echo of-{name} > /root/file")

    def check_file(self, name):
        self.assertEqual(self.run_in(name, "cat", "/root/file"), f"of-{name}\n")

    def status(self, name):
        return self.client().get(f"/1.0/instances/{name}").metadata["status"]

    def wait_running(self, name, deadline_s=40):
        wait_for(lambda: self.client().get(f"/1.0/instances/{name}").status == 200 and
                 self.status(name) == "Running" and state(self.client(), name)["pid"] > 0, deadline_s)
        return state(self.client(), name)["pid"]

    def warnings(self, kind):
        return [w for w in self.client().get("/1.0/warnings?recursion=1").metadata if w["type"] == kind]

    def helper(self, verb, name, data_dir=None):
        """Arguments of the helper process for an instance that has been created."""
        directory = directory_of(self.member)
        marks = dict(line.split(": ") for line in content(os.path.join(directory, "identity")).splitlines())
        return [*HELPER, "container-helper", verb,
                f"data_dir={data_dir or self.member.dir}", "id=" + os.path.basename(directory)[1:],
                "cluster=" + marks["cluster"], "uuid=" + marks["instance"], "generation=" + marks["generation"],
                "host_name=" + name, "image=" + self.image]

    def power_off(self, *names):
        """As when the host loses its power: the server and all containers end at once."""
        pids = [state(self.client(), name)["pid"] for name in names]
        self.member.kill()
        for pid in pids:
            os.kill(monitor_of(pid), 9)
        for pid in pids:
            wait_for(lambda pid=pid: not is_alive(pid))
