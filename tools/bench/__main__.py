"""muster beside etcd on this machine: see `tools/dev bench --help`."""
import argparse
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import loopback
import faults
import table
from measure import load, measured, wait_quiet
from sides import Etcd, Limit, Muster

# What each side is asked: (protocol, method, path or key, body). %c: the client, %n: a number of its
# own for each request, %v: 256 bytes, %b: the same in base64 ("L2JlbmNo" and four digits are a key).
MUSTER = {
    "write": ("http", "PUT", "/1.0/profiles/b%c", '{"config":{"user.value":"%v"},"description":"","devices":{}}'),
    "create": ("http", "POST", "/1.0/profiles", '{"name":"n%n","config":{"user.value":"%v"}}'),
    "read": ("http", "GET", "/1.0/profiles/b%c", ""),
    "stale": ("http", "GET", "/1.0/profiles/b%c?consistency=stale", ""),
    "members": ("http", "GET", "/1.0/cluster/members?recursion=1", ""),
}
ETCD = {
    "write": ("grpc", "put", "/bench/%c", ""),
    "create": ("grpc", "put", "/create/%n", ""),
    "read": ("grpc", "get", "/bench/%c", ""),
    "stale": ("grpc", "sget", "/bench/%c", ""),
}
GATEWAY = {
    "write": ("http", "POST", "/v3/kv/put", '{"key":"L2JlbmNo%c","value":"%b"}'),
    "create": ("http", "POST", "/v3/kv/put", '{"key":"L2NyZWF0ZS8x%n","value":"%b"}'),
    "read": ("http", "POST", "/v3/kv/range", '{"key":"L2JlbmNo%c"}'),
    "stale": ("http", "POST", "/v3/kv/range", '{"key":"L2JlbmNo%c","serializable":true}'),
}
LIMIT = {"write": ("raw", "-", "-", "")}
# What is measured with which numbers of clients.
LOADS = [("write", (1, 8, 32, 128)), ("create", (1, 32, 128)), ("read", (1, 8, 32, 128)), ("stale", (32,)),
         ("members", (32,))]
FAULTS = ["idle", "failover", "steady", "records"]
CLIENTS_MAX = 128
RECORDS_FIRST = 500_000_000_000


class Bench:
    def __init__(self, wanted):
        self.wanted = wanted
        self.sides = []
        self.muster = self.etcd = self.etcd_plain = self.limit = None
        self.runs = {}  # (load, clients) → column → runs
        self.first = 0

    def begin(self, side):
        self.sides.append(side)
        return side

    def start(self):
        self.muster = self.begin(Muster())
        if "etcd" in self.wanted.sides:
            self.etcd = self.begin(Etcd(True))
            if self.wanted.plain:
                self.etcd_plain = self.begin(Etcd(False))
        self.limit = self.begin(Limit())

    def stop(self):
        for side in self.sides:
            side.stop()

    def columns(self):
        """column → (side, way, questions), in the order in which they are asked."""
        found = {"muster": (self.muster, "tls", MUSTER)}
        if self.etcd:
            found["etcd grpc"] = (self.etcd, "tls", ETCD)
            found["etcd json"] = (self.etcd, "tls", GATEWAY)
        if self.wanted.plain:
            found["muster unix"] = (self.muster, "plain", MUSTER)
        if self.etcd_plain:
            found["etcd grpc plain"] = (self.etcd_plain, "plain", ETCD)
            found["etcd json plain"] = (self.etcd_plain, "plain", GATEWAY)
        found["limit"] = (self.limit, "plain", LIMIT)
        return found

    def prepare(self):
        """What is read or changed must be there."""
        for side, way, questions in self.columns().values():
            target = side.targets()[way]
            if questions is LIMIT:
                continue
            make = questions["write"]
            if questions is MUSTER:
                make = ("http", "POST", "/1.0/profiles", '{"name":"b%c","config":{"user.value":"%v"}}')
                if way == "plain":
                    continue  # the same members
            load(target, make, CLIENTS_MAX, side.certificate, total=CLIENTS_MAX, warmup=0)

    def note(self, what, clients, column, said):
        self.runs.setdefault((what, clients), {}).setdefault(column, []).append(said)
        print(table.run_line(what, clients, column, said), flush=True)

    def wants(self, what):
        return not self.wanted.only or what in self.wanted.only

    def run_once(self, what, clients, column):
        side, way, questions = self.columns()[column]
        if what not in questions:
            return
        pids = side.pids()
        others = [p for s in self.sides for p in s.pids() if p not in pids]
        certificate = side.certificate if way == "tls" else None
        wait_quiet(pids + others, self.wanted.quiet_wait)
        # Numbers never come again: what was created with them is still there.
        self.first += 10_000_000
        said = measured(pids, others, side.targets()[way], questions[what], clients, certificate,
                        seconds=self.wanted.seconds, first=self.first)
        self.note(what, clients, column, said)

    def loads(self):
        self.prepare()
        for what, all_clients in LOADS:
            if not self.wants(what):
                continue
            for clients in self.wanted.clients or all_clients:
                for _ in range(self.wanted.rounds):
                    for column in self.columns():
                        self.run_once(what, clients, column)


    def columns_with_faults(self):
        return {c: (side, q) for c, (side, _, q) in self.columns().items() if c in ("muster", "etcd grpc")}

    def idle(self, what):
        for column, (side, _) in self.columns_with_faults().items():
            self.note(what, 0, column, faults.idle(side, self.wanted.idle_seconds))

    def failovers(self):
        """Clients that wait half a second for an answer; then such that wait for whatever they are told."""
        for name, patience, seconds, sig in (("killed", 0.5, 5, signal.SIGKILL), ("stopped", 0.5, 8, signal.SIGSTOP),
                                             ("killed, waiting", 30, 10, signal.SIGKILL)):
            for _ in range(self.wanted.kills):
                for column, (side, questions) in self.columns_with_faults().items():
                    self.note(f"leader {name}", 0, column,
                              faults.failover(side, questions["write"], patience, seconds, sig))

    def steady(self):
        for column, (side, questions) in self.columns_with_faults().items():
            self.note("overloaded", 32, column, faults.steady(side, questions, self.wanted.steady_seconds))

    def records(self):
        count = self.wanted.records
        for column, (side, questions) in self.columns_with_faults().items():
            self.note(f"load {count}", 0, column, faults.fill(side, questions["create"], count, RECORDS_FIRST))
            last = RECORDS_FIRST + count - 1
            for name, start in [("restart", side.start)] * 3 + [("rejoin", side.rejoin)] * self.wanted.rejoins:
                faults.settled(side)
                wait_quiet([p for s in self.sides for p in s.pids()], self.wanted.quiet_wait)
                self.note(f"{name} {count}", 0, column, faults.back_after(side, start, last))
            self.note(f"settled {count}", 0, column, faults.settled(side))
        self.idle(f"idle {count}")

    def run(self):
        if self.wants("idle"):
            self.idle("idle fresh")
        self.loads()
        if self.wants("failover"):
            self.failovers()
        if self.wants("steady"):
            self.steady()
        if self.wants("records") and self.wanted.records:
            self.records()


def arguments():
    options = argparse.ArgumentParser(prog="tools/dev bench", description=__doc__)
    options.add_argument("-r", "--rounds", type=int, default=5, help="runs of each figure, alternating between the sides")
    options.add_argument("-s", "--seconds", type=float, default=3, help="of each run")
    options.add_argument("-c", "--clients", type=int, nargs="+", help="instead of each row's own numbers")
    options.add_argument("--only", nargs="+", choices=[name for name, _ in LOADS] + FAULTS, help="these rows only")
    options.add_argument("--sides", nargs="+", choices=["muster", "etcd"], default=["muster", "etcd"])
    options.add_argument("--no-plain", dest="plain", action="store_false", help="without the columns without TLS")
    options.add_argument("--kills", type=int, default=5, help="of a leader, each way")
    options.add_argument("--records", type=int, default=100_000, help="created before restart and rejoin; 0: none")
    options.add_argument("--rejoins", type=int, default=3, help="with so many records")
    options.add_argument("--steady-seconds", type=float, default=30, help="of mixed load beside busy loops")
    options.add_argument("--quiet-wait", type=float, default=2, help="seconds to wait at most, before each run, for others to be quiet")
    options.add_argument("--idle-seconds", type=float, default=10)
    options.add_argument("--json", default=os.path.join(loopback.ROOT, "build/bench/latest.json"))
    return options.parse_args()


def commit():
    said = subprocess.run(["git", "-C", loopback.ROOT, "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
    return said.stdout.strip()


def report(bench, wanted):
    """What was measured, also if the rest was not."""
    found = {"commit": commit(), "cores": os.cpu_count(), "rounds": wanted.rounds, "seconds": wanted.seconds,
             "rows": table.rows(bench.runs)}
    os.makedirs(os.path.dirname(wanted.json), exist_ok=True)
    with open(wanted.json, "w") as f:
        json.dump(found, f, indent=1)
    print(table.text(found))


def main():
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    bench = Bench(wanted)
    try:
        bench.start()
        bench.run()
    finally:
        bench.stop()
        report(bench, wanted)


if __name__ == "__main__":
    main()
