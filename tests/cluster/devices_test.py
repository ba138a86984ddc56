"""Real pools and networks of a server, and containers on them. Needs root, btrfs, bridges, nft and dnsmasq:
where one is missing the test fails and says so."""
import http.client
import os
import secrets
import signal
import subprocess
import unittest

from clients import run_in
from loopback import Cluster, Member, upload_image, wait_for


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def is_mounted(place):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == place for line in mounts)


def is_running(pid):
    """A process that has ended and was not waited for has no command line."""
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read() != ""
    except FileNotFoundError:
        return False


class Devices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert os.geteuid() == 0, "pools on loop files and bridges are made by root only"
        cls.cluster = Cluster(1)
        cls.member = cls.cluster[0]
        upload_image(cls.client(), cls.cluster.folder)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @classmethod
    def client(cls):
        return cls.member.unix(60)

    def launch(self, name, devices):
        self.client().done("POST", "/1.0/instances", {"name": name, "start": True, "devices": devices,
                                                      "source": {"type": "image", "alias": "tiny"}})
        self.addCleanup(self.delete, name)

    def delete(self, name):
        c = self.client()
        shown = c.get(f"/1.0/instances/{name}")
        if shown.status == 404:
            return
        if shown.metadata["status"] == "Running":
            c.done("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True})
        c.done("DELETE", f"/1.0/instances/{name}")

    def run_in(self, name, *command):
        return run_in(self.client(), name, *command)[1]

    def make(self, path, body):
        made = self.client().ask("POST", path, body)
        self.assertEqual(made.status, 201, made)
        self.addCleanup(self.client().ask, "DELETE", f"{path}/{body['name']}")

    def test_a_btrfs_pool_on_a_file_holds_containers_and_is_mounted_again(self):
        self.make("/1.0/storage-pools", {"name": "fast", "driver": "btrfs", "config": {"size": "200MiB"}})
        place = os.path.join(self.member.dir, "storage-pools/fast")
        disk = os.path.join(self.member.dir, "disks/fast.img")
        self.assertTrue(is_mounted(place))
        shown = self.client().get("/1.0/storage-pools/fast?target=n1").metadata["config"]
        self.assertEqual(shown, {"size": "200MiB", "source": disk})
        space = self.client().get("/1.0/storage-pools/fast/resources").metadata["space"]
        self.assertLess(space["total"], 210 << 20)
        self.launch("b1", {"root": {"type": "disk", "path": "/", "pool": "fast"}})
        self.run_in("b1", "sh", "-c", "echo kept > /root/mark")
        self.assertEqual(len(os.listdir(os.path.join(place, "containers"))), 1)
        used = self.client().ask("DELETE", "/1.0/storage-pools/fast")
        self.assertEqual((used.status, used.json["error"]), (400, "The storage pool is currently in use"))
        self.client().done("PUT", "/1.0/instances/b1/state", {"action": "stop", "force": True})
        self.member.kill()
        subprocess.run(["umount", place], check=True)
        self.cluster.restart(self.member)
        wait_for(lambda: is_mounted(place))
        self.client().done("PUT", "/1.0/instances/b1/state", {"action": "start"})
        self.assertEqual(self.run_in("b1", "cat", "/root/mark"), "kept\n")
        self.client().done("PATCH", "/1.0/storage-pools/fast?target=n1", {"config": {"size": "300MiB"}})
        self.assertEqual(os.path.getsize(disk), 300 << 20)
        grown = self.client().get("/1.0/storage-pools/fast/resources").metadata["space"]["total"]
        self.assertGreater(grown, space["total"])
        self.delete("b1")
        self.client().done("DELETE", "/1.0/storage-pools/fast")
        self.assertFalse(is_mounted(place) or os.path.exists(place) or os.path.exists(disk))

    def test_a_dir_pool_elsewhere_holds_containers(self):
        elsewhere = os.path.join(self.cluster.folder, "elsewhere")
        os.mkdir(elsewhere)
        os.chmod(elsewhere, 0o711)
        self.make("/1.0/storage-pools", {"name": "there", "driver": "dir", "config": {"source": elsewhere}})
        self.launch("d1", {"root": {"type": "disk", "path": "/", "pool": "there"}})
        self.assertEqual(sorted(os.listdir(elsewhere)), ["containers", "images"])
        self.delete("d1")
        self.assertEqual(os.listdir(os.path.join(elsewhere, "containers")), [])

    def test_what_cannot_be_made_leaves_nothing(self):
        c = self.client()
        small = c.ask("POST", "/1.0/storage-pools", {"name": "s", "driver": "btrfs", "config": {"size": "1MiB"}})
        self.assertEqual(small.status, 500)
        self.assertIn("too small", small.json["error"])
        self.assertEqual(c.get("/1.0/storage-pools/s").status, 404)
        self.assertFalse(os.path.exists(os.path.join(self.member.dir, "disks/s.img")))
        taken = c.ask("POST", "/1.0/networks", {"name": "lo", "type": "bridge"})
        self.assertIn('Network interface "lo" already exists', taken.json["error"])
        for body in ({"name": "z", "driver": "zfs"}, {"name": "z", "driver": "dir", "config": {"bogus": "1"}},
                     {"name": "a/b", "driver": "dir"}, {"name": "z", "driver": "dir", "config": {"source": "x"}}):
            self.assertEqual(c.ask("POST", "/1.0/storage-pools", body).status, 400, body)

    def test_a_bridge_gives_addresses_and_goes_without_a_trace(self):
        name = "mt" + secrets.token_hex(4)
        self.addCleanup(subprocess.run, ["ip", "link", "del", name], capture_output=True)
        self.make("/1.0/networks", {"name": name, "type": "bridge"})
        config = self.client().get(f"/1.0/networks/{name}").metadata["config"]
        gateway = config["ipv4.address"].split("/")[0]
        self.assertEqual((config["ipv4.nat"], config["ipv6.address"]), ("true", "none"))
        self.assertIn(config["ipv4.address"], output("ip", "addr", "show", "dev", name))
        self.assertIn("masquerade", output("nft", "list", "table", "ip", "muster_" + name))
        with open(os.path.join(self.member.dir, f"networks/{name}/dnsmasq.pid")) as f:
            dnsmasq = int(f.read())
        self.launch("e1", {"eth0": {"type": "nic", "network": name}})
        self.assertEqual(self.client().get(f"/1.0/networks/{name}").metadata["used_by"], ["/1.0/instances/e1"])
        self.assertIn("eth0", self.run_in("e1", "ip", "link"))
        lease = self.run_in("e1", "sh", "-c", "ip link set eth0 up; udhcpc -i eth0 -n -q -t 10 -s /bin/true 2>&1")
        self.assertIn("obtained", lease)
        self.assertIn(".".join(gateway.split(".")[:3]) + ".", lease)
        self.shows_state_and_leases(name, gateway)
        own = ".".join(gateway.split(".")[:3]) + ".99/24"
        self.assertIn(" 0% packet loss", self.run_in(
            "e1", "sh", "-c", f"ip addr add {own} dev eth0; ping -c 1 -W 5 {gateway}"))
        seen = self.client().get("/1.0/instances/e1/state").metadata["network"]["eth0"]["addresses"]
        self.assertIn({"family": "inet", "address": own.split("/")[0], "netmask": "24", "scope": "global"}, seen)
        address = self.run_in("e1", "cat", "/sys/class/net/eth0/address")
        self.client().done("PUT", "/1.0/instances/e1/state", {"action": "restart", "force": True})
        self.assertEqual(self.run_in("e1", "cat", "/sys/class/net/eth0/address"), address)
        self.client().done("PATCH", f"/1.0/networks/{name}", {"config": {"ipv4.address": "10.213.7.1/24"}})
        self.assertIn("10.213.7.1/24", output("ip", "addr", "show", "dev", name))
        self.assertNotIn(gateway, output("ip", "addr", "show", "dev", name))
        self.delete("e1")
        self.client().done("DELETE", f"/1.0/networks/{name}")
        self.assertEqual(output("ip", "link", "show", "dev", name), "")
        self.assertNotIn("muster_" + name, output("nft", "list", "tables"))
        self.assertFalse(is_running(dnsmasq))

    def shows_state_and_leases(self, name, gateway):
        inside = self.client().get("/1.0/instances/e1/state").metadata["network"]["eth0"]
        self.assertEqual((inside["hwaddr"], inside["mtu"], inside["state"], inside["type"]),
                         (self.run_in("e1", "cat", "/sys/class/net/eth0/address").strip(), 1500, "up", "broadcast"))
        shown = self.client().get(f"/1.0/networks/{name}/state").metadata
        self.assertIn({"family": "inet", "address": gateway, "netmask": "24", "scope": "global"}, shown["addresses"])
        self.assertEqual((shown["state"], shown["mtu"], len(shown["bridge"]["upper_devices"])), ("up", 1500, 1))
        with open(f"/sys/class/net/{name}/address") as f:
            self.assertEqual(shown["hwaddr"], f.read().strip())
        self.assertGreater(shown["counters"]["packets_received"], 0)
        leases = self.client().get(f"/1.0/networks/{name}/leases").metadata
        self.assertEqual([(x["address"], x["type"]) for x in leases][0], (gateway, "gateway"))
        self.assertEqual([(x["hwaddr"], x["type"], x["location"]) for x in leases][1:],
                         [(inside["hwaddr"], "dynamic", "n1")])

    def test_what_was_being_made_when_the_server_died_is_known(self):
        """Killed after the bridge and the file system were made and before it was noted: one is wanted when it is
        back, the other is not. Nothing else is there, whose making would come first."""
        name = "mt" + secrets.token_hex(4)
        self.addCleanup(subprocess.run, ["ip", "link", "del", name], capture_output=True)
        with Cluster(1) as cluster:
            member = cluster[0]
            member.unix().done("PUT", "/1.0/profiles/default", {"config": {}, "devices": {}, "description": ""})
            member.unix().done("DELETE", "/1.0/storage-pools/default")
            self.check_cut_short(cluster, member, "/1.0/networks", {"name": name, "type": "bridge"})
            wait_for(lambda: output("ip", "link", "show", "dev", name) != "")
            member.unix().done("DELETE", f"/1.0/networks/{name}")
            self.assertEqual(output("ip", "link", "show", "dev", name), "")
            self.check_cut_short(cluster, member, "/1.0/storage-pools",
                                 {"name": "cut", "driver": "btrfs", "config": {"size": "200MiB"}})
            place = os.path.join(member.dir, "storage-pools/cut")
            wait_for(lambda: is_mounted(place))
            member.unix().done("DELETE", "/1.0/storage-pools/cut")
            self.assertFalse(is_mounted(place) or os.path.exists(os.path.join(member.dir, "disks/cut.img")))
            self.assertEqual(os.listdir(os.path.join(member.dir, "made")), [])

    def check_cut_short(self, cluster, member, path, body):
        member.kill()
        member.start(env={"MUSTER_TEST_FAULT": "keeper.after_make"}).wait_ready()
        with self.assertRaises((OSError, http.client.HTTPException)):
            member.unix().ask("POST", path, body)
        member.process.wait(20)
        cluster.restart(member)
        wait_for(lambda: member.unix().get(f"{path}/{body['name']}").metadata["status"] == "Created")

    def test_macvlan_and_physical_go_out_by_their_parent(self):
        a, b = "mu" + secrets.token_hex(4), "mu" + secrets.token_hex(4)
        subprocess.run(["ip", "link", "add", a, "type", "veth", "peer", "name", b], check=True)
        self.addCleanup(subprocess.run, ["ip", "link", "del", a], capture_output=True)
        self.make("/1.0/networks", {"name": "mv", "type": "macvlan", "config": {"parent": a}})
        self.make("/1.0/networks", {"name": "ph", "type": "physical", "config": {"parent": b}})
        self.launch("m1", {"net0": {"type": "nic", "network": "mv"}, "net1": {"type": "nic", "network": "ph"}})
        self.assertIn("eth1", self.run_in("m1", "ip", "link"))
        self.assertEqual(output("ip", "link", "show", "dev", b), "")  # it is inside
        self.delete("m1")
        wait_for(lambda: b in output("ip", "link", "show", "dev", b))

    def test_an_ordinary_user_is_told_why(self):
        m = Member(self.cluster.folder, "plain")
        os.makedirs(m.dir)
        os.chown(m.dir, 65534, 65534)
        os.chmod(self.cluster.folder, 0o755)
        m.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        m.start().wait_ready()
        self.addCleanup(m.kill, signal.SIGKILL)
        c = m.unix(60)
        for path, body in (("/1.0/storage-pools", {"name": "p", "driver": "btrfs"}),
                           ("/1.0/networks", {"name": "mtx", "type": "bridge"})):
            refused = c.ask("POST", path, body)
            self.assertEqual(refused.status, 500)
            self.assertIn("needs root: this server runs as an ordinary user", refused.json["error"])
        self.assertEqual(c.ask("POST", "/1.0/storage-pools", {"name": "p", "driver": "dir"}).status, 201)


if __name__ == "__main__":
    unittest.main()
