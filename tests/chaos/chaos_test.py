"""A minute of faults, and whether what judges it sees what is wrong."""
import os
import subprocess
import tempfile
import unittest

import loopback
from workload import NOTHING, History, next_past, outcome_of

HERE = os.path.dirname(os.path.abspath(__file__))


PROBE = """
set -e
mount --make-rprivate /
mkdir -p /run/netns
mount -t tmpfs netns /run/netns
ip netns add probe
ip link add hub type bridge
ip netns exec probe nft 'add table inet t; add chain inet t c { type filter hook input priority 0; };
                         add rule inet t c numgen random mod 100 < 5 drop'
"""


def why_not():
    """Why namespaces cannot be made here; None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", PROBE],
                          capture_output=True, text=True, check=False)
    return f"network namespaces cannot be made here: {done.stderr.strip()}" if done.returncode else None


class Chaos(unittest.TestCase):
    def test_a_minute_of_faults(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([os.path.join(HERE, "run"), "--minutes", "1", "--history", f"{folder}/history.jsonl"],
                                  capture_output=True, text=True, timeout=500, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])


class Judges(unittest.TestCase):
    """What decides about a run is wrong about nothing that is known."""

    def test_what_answers_mean(self):
        self.assertEqual(outcome_of("write", 200, "", False), "ok")
        self.assertEqual(outcome_of("read", 200, "", True), "fail")  # stale: says nothing about now
        self.assertEqual(outcome_of("write", 503, "no quorum", False), "fail")
        self.assertEqual(outcome_of("write", 503, "it may or may not have happened", False), "unknown")
        self.assertEqual(outcome_of("append", 504, "", False), "unknown")
        self.assertEqual(outcome_of("read", 504, "", False), "fail")
        self.assertEqual(outcome_of("append", None, "", False), "unknown")
        self.assertEqual(outcome_of("append", 412, "", False), "fail")

    def judged(self, *lines):
        """What muster-check says of a history in the form in which the clients keep it."""
        history = History()
        for op, value, result, outcome, start, end in lines:
            history.add(client=start, op=op, key="k", value=value, start_us=start, end_us=end, outcome=outcome, result=result)
        with tempfile.TemporaryDirectory() as folder:
            history.write(f"{folder}/h")
            return subprocess.run([os.path.join(loopback.BIN, "muster-check"), f"{folder}/h"], check=False,
                                  capture_output=True).returncode

    def test_registers(self):
        write, late = ("write", "1.1", "", "ok", 1, 5), ("write", "2.1", "", "unknown", 6, 9)
        self.assertEqual(self.judged(write, late, ("read", "", "1.1", "ok", 10, 11), ("read", "", "2.1", "ok", 12, 13)), 0)
        self.assertEqual(self.judged(write, late, ("read", "", "2.1", "ok", 10, 11), ("read", "", "1.1", "ok", 12, 13)), 1)
        self.assertEqual(self.judged(write, ("read", "", "", "ok", 10, 11)), 1)
        self.assertEqual(self.judged(write, ("write", "2.1", "", "fail", 6, 9), ("read", "", "2.1", "ok", 10, 11)), 1)

    def test_chains(self):
        a = next_past(NOTHING, "1.1")
        b = next_past(a, "2.1")
        first = ("append", "1.1", NOTHING, "ok", 1, 5)
        self.assertEqual(self.judged(first, ("append", "2.1", a, "unknown", 6, 9), ("read", "", b, "ok", 10, 11)), 0)
        self.assertEqual(self.judged(first, ("append", "2.1", NOTHING, "ok", 6, 9)), 1)
        self.assertEqual(self.judged(first, ("append", "2.1", a, "ok", 6, 9), ("read", "", a, "ok", 10, 11)), 1)
        self.assertEqual(self.judged(("append", "2.1", a, "ok", 6, 9)), 1)


if __name__ == "__main__":
    unittest.main()
