"""Three members, each with a network namespace, a small disk and a clock of its own. Lives in namespaces that
`run` has made: nothing here outlives that process."""
import os
import signal
import struct
import subprocess
import tempfile

import loopback
from loopback import wait_for

PORT = 8443
DISK_MIB = 512
CLOCK_LIBRARY = os.path.join(os.path.dirname(loopback.BIN), "lib/libchaos_clock.so")


def sh(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


class Server(loopback.Member):
    """A member on a network of its own."""

    def __init__(self, folder, number):
        super().__init__(folder, f"n{number}")
        self.ip, self.port = f"10.77.0.{number}", PORT
        self.space = f"chaos-{self.name}"
        self.ballast = os.path.join(self.dir, "ballast")
        self.clock_file = os.path.join(folder, self.name + ".clock")
        self.is_paused = False
        self.heals_until_strict = 0  # while its disk is full, and until it surely has seen that, it may stop
        with open(self.clock_file, "wb") as f:
            f.write(struct.pack("q", 0))
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # the clock comes first
        self.env = {"LD_PRELOAD": CLOCK_LIBRARY, "CHAOS_CLOCK": self.clock_file, "ASAN_OPTIONS": sanitizer}
        self.prefix = ["nsenter", f"--net=/run/netns/{self.space}"]
        os.mkdir(self.dir, 0o711)
        sh("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=711", "chaos", self.dir)
        self._make_network(number)

    @property
    def address(self):
        return f"{self.ip}:{self.port}"

    def _make_network(self, number):
        sh("ip", "netns", "add", self.space)
        sh("ip", "link", "add", f"v{number}", "master", "hub", "type", "veth",
           "peer", "name", "eth0", "netns", self.space)
        sh("ip", "link", "set", f"v{number}", "up")
        sh("ip", "-n", self.space, "addr", "add", f"{self.ip}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            sh("ip", "-n", self.space, "link", "set", device, "up")
        self._nft("table inet chaos {\n set deaf { type ipv4_addr; }\n"
                  " chain hear { type filter hook input priority 0; ip saddr @deaf drop; }\n"
                  " chain loss { type filter hook input priority 1; }\n}\n")

    def _nft(self, text):
        sh("ip", "netns", "exec", self.space, "nft", "-f", "-", text=text)

    # --- faults ---------------------------------------------------------------------------------------

    def hear_nothing_of(self, others):
        """Drops what comes from them; what goes to them still does."""
        self._nft(f"add element inet chaos deaf {{ {', '.join(o.ip for o in others)} }}")

    def lose(self, percent):
        """Drops so many of the packets that come."""
        self._nft(f"add rule inet chaos loss numgen random mod 100 < {percent} drop")

    def heal_network(self):
        self._nft("flush set inet chaos deaf\nflush chain inet chaos loss")

    def pause(self):
        if self.is_running():
            self.process.send_signal(signal.SIGSTOP)
            self.is_paused = True

    def go_on(self):
        if self.is_paused and self.is_running():
            self.process.send_signal(signal.SIGCONT)
        self.is_paused = False

    def fill_disk(self):
        """Not a byte is left."""
        self.heals_until_strict = 2
        with open(self.ballast, "wb") as f:
            try:
                while True:
                    f.write(bytes(1 << 20))
                    f.flush()
            except OSError:
                pass

    def empty_disk(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def set_clock(self, ahead_s):
        """By how much its wall clock differs from everybody's."""
        with open(self.clock_file, "r+b") as f:
            f.write(struct.pack("q", int(ahead_s * 1e9)))


class World(loopback.Cluster):
    def __init__(self, forgetful=False):
        self.folder = tempfile.mkdtemp(prefix="chaos.")
        os.chmod(self.folder, 0o711)
        self.env, self.keep, self.members = None, False, []
        self.stopped_by_themselves = 0
        sh("mount", "--make-rprivate", "/")
        os.makedirs("/run/netns", exist_ok=True)
        sh("mount", "-t", "tmpfs", "netns", "/run/netns")
        sh("ip", "link", "add", "hub", "type", "bridge")
        sh("ip", "link", "set", "hub", "up")
        for number in (1, 2, 3):
            m = Server(self.folder, number)
            if forgetful:
                m.env["MUSTER_TEST_STORAGE"] = "forgetful"
            self.members.append(m)
            if number == 1:
                m.start("--bootstrap", env=m.env).wait_ready()
                continue
            token = self.members[0].muster("token", m.name)
            assert token.returncode == 0, token.stderr
            m.start("--join", token.stdout.strip(), env=m.env).wait_ready()
            wait_for(lambda: m.log_text().count("serves"), 40)
        self.wait_voters(3)

    def heal(self):
        """Everything works again, and who had stopped runs."""
        for m in self.members:
            m.heal_network()
            m.go_on()
            m.empty_disk()
            m.set_clock(0)
        for m in self.members:
            m.heals_until_strict = max(0, m.heals_until_strict - 1)
            if not m.is_running():
                self.stopped_by_themselves += m.process.poll() != -signal.SIGKILL
                m.start(env=m.env)

    def unexpected_ends(self):
        """Members that have ended without anybody having ended them, or without a word."""
        ended = [m for m in self.members if m.process.poll() not in (None, -signal.SIGKILL)]
        return [m for m in ended if not (m.heals_until_strict and "this member stops: " in m.log_text())]

    def monitors(self):
        """How many containers run, by their monitors."""
        found = subprocess.run(["pgrep", "-c", "-f", f"lxc monitor.*{self.folder}"], capture_output=True,
                               text=True, check=False)
        return int(found.stdout or 0)
