"""A follower that was away for longer than the log is kept gets the state itself, in chunks. Cut short anywhere, the
transfer goes on if whoever sent still has that snapshot, and begins anew from another."""
import contextlib
import ctypes
import glob
import os
import signal
import socket
import subprocess
import unittest

from loopback import BIN, Cluster, wait_for

VALUE = "v" * 60_000  # about a chunk for 17 profiles
PROFILES = 1200       # more than two flushes: the log is cut
CHUNK = 3             # where transfers are halted


def load(member, method, path, body, *more):
    subprocess.run([os.path.join(BIN, "muster-load"), method, path, "--to", f"unix:{member.socket}", "--body", body,
                    *more], check=True, stdout=subprocess.DEVNULL)


def fill(member):
    load(member, "POST", "/1.0/profiles", '{"name":"p%n","config":{"user.value":"' + VALUE + '"}}',
         "--clients", "8", "--total", str(PROFILES), "--warmup", "0")
    wait_for(lambda: member.status()["first"] > 100)


def write_much(member):
    """For a second, entries that leave no trace in the size of the state."""
    load(member, "PATCH", "/1.0", '{"config":{"user.load":"%n"}}', "--clients", "32", "--seconds", "1")


def state_of_process(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def cut_connections(member, port):
    """Ends every connection of a member to a port of this machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(member.process.pid)
    cut = 0
    for path in glob.glob(f"/proc/{member.process.pid}/fd/*"):
        with contextlib.suppress(OSError):
            if not os.readlink(path).startswith("socket:"):
                continue
            copy = libc.syscall(438, pidfd, int(os.path.basename(path)), 0)  # pidfd_getfd
            with socket.socket(fileno=copy) as s:
                if s.family == socket.AF_INET and s.getpeername()[1] == port:
                    s.shutdown(socket.SHUT_RDWR)
                    cut += 1
    os.close(pidfd)
    return cut


class Snapshot(unittest.TestCase):
    def same_state(self, a, b):
        wanted, found = (m.unix().get("/1.0/profiles?recursion=1&consistency=strict") for m in (a, b))
        self.assertEqual(found.status, 200)
        self.assertEqual(found.metadata, wanted.metadata)

    def caught_up(self, member, leader):
        commit = leader.status()["commit"]
        wait_for(lambda: member.status()["applied"] >= commit, 60)
        self.same_state(member, leader)

    @contextlib.contextmanager
    def halted(self):
        """A cluster whose third member has stopped itself within its transfer: (cluster, leader, member)."""
        with Cluster(3) as c:
            c.wait_voters(3)
            leader = c.leader()
            away = next(m for m in c.members if m is not leader)
            away.kill()
            fill(leader)
            away.start(env={"MUSTER_TEST_STOP": f"snapshot.chunk_kept:{CHUNK}"})
            wait_for(lambda: state_of_process(away.process.pid) == "T", 30)
            yield c, leader, away

    def test_a_follower_catches_up_by_snapshot(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            leader = c.leader()
            away = next(m for m in c.members if m is not leader)
            leader.unix().done("POST", "/1.0/profiles", {"name": "before"})
            away.kill()
            while leader.status()["first"] < 100:  # many small entries cut the log, too
                write_much(leader)
            leader.unix().done("POST", "/1.0/profiles", {"name": "after"})
            for _ in range(2):  # the second start is from the installed state
                c.restart(away)
                self.caught_up(away, leader)
                self.assertEqual(away.unix().get("/1.0").metadata["config"]["user.load"],
                                 leader.unix().get("/1.0").metadata["config"]["user.load"])
                away.kill()

    def test_the_receiver_is_killed(self):
        with self.halted() as (c, leader, away):
            away.kill()
            c.restart(away)
            self.caught_up(away, leader)
            said = away.status()["snapshots"]
            self.assertEqual((said["begun"], said["continued"]), (0, 1), away.log_text())
            self.assertIn(f"a snapshot goes on: {CHUNK} of", away.log_text())
            self.assertEqual(said["chunks_taken"] + CHUNK, leader.status()["snapshots"]["chunks_sent"])
            self.assertEqual(leader.status()["snapshots"]["made"], 1)

    def test_the_connection_is_cut(self):
        with self.halted() as (_, leader, away):
            self.assertGreaterEqual(cut_connections(away, leader.port), 1)
            away.process.send_signal(signal.SIGCONT)
            self.caught_up(away, leader)
            said = away.status()["snapshots"]
            self.assertEqual(said["begun"], 1, away.log_text())
            self.assertGreater(said["chunks_taken"], CHUNK)
            self.assertLessEqual(leader.status()["snapshots"]["chunks_sent"], said["chunks_taken"] + 1)
            self.assertEqual(leader.status()["snapshots"]["made"], 1)

    def test_the_sender_is_killed(self):
        """Another leads, and has a snapshot of its own."""
        with self.halted() as (c, leader, away):
            leader.kill()
            away.process.send_signal(signal.SIGCONT)
            other = next(m for m in c.members if m not in (leader, away))
            wait_for(lambda: other.status()["role"] == "leader", 30)
            self.caught_up(away, other)
            said = away.status()["snapshots"]
            self.assertEqual((said["begun"], said["continued"]), (2, 0), away.log_text())
            self.assertIn("the snapshot did not come", away.log_text())
            self.assertEqual(other.status()["snapshots"]["made"], 1)
            c.restart(leader)
            self.caught_up(leader, other)
            self.assertEqual(glob.glob(os.path.join(leader.dir, "state", "outgoing*")), [])

    def test_the_sender_halts(self):
        """Nobody closes its connections: deadlines end what waits for it."""
        with self.halted() as (c, leader, away):
            leader.process.send_signal(signal.SIGSTOP)
            away.process.send_signal(signal.SIGCONT)
            other = next(m for m in c.members if m not in (leader, away))
            wait_for(lambda: other.status()["role"] == "leader", 30)
            wait_for(lambda: away.status()["snapshots"]["begun"] == 2, 30)
            self.caught_up(away, other)
            leader.process.send_signal(signal.SIGCONT)
            self.caught_up(leader, other)

    def test_the_log_is_kept_while_a_snapshot_is_sent(self):
        """Else whoever has installed it would need the next one at once."""
        with self.halted() as (_, leader, away):
            commit = leader.status()["commit"]
            while leader.status()["commit"] < commit + 45_000:  # twice what is kept without need
                write_much(leader)
            self.assertLess(leader.status()["first"], commit)
            away.process.send_signal(signal.SIGCONT)
            self.caught_up(away, leader)
            self.assertEqual(leader.status()["snapshots"]["made"], 1)


if __name__ == "__main__":
    unittest.main()
