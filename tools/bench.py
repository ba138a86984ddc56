"""Figures of three members on this machine: see `tools/dev bench --help`."""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loopback


def load(member, method, path, clients, seconds):
    subprocess.run([os.path.join(loopback.BIN, "muster-load"), member.socket, method, path,
                    str(clients), str(seconds)], check=True)


def resources(member):
    """(resident kB, CPU seconds, threads) of a member."""
    with open(f"/proc/{member.process.pid}/status") as f:
        status = dict(line.split(":\t", 1) for line in f)
    with open(f"/proc/{member.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return int(status["VmRSS"].split()[0]), cpu, int(status["Threads"])


def idle(cluster, seconds):
    before = [resources(m) for m in cluster.members]
    time.sleep(seconds)
    for m, (_, cpu, _) in zip(cluster.members, before):
        rss, now, threads = resources(m)
        print(f"idle {m.name}: RSS {rss / 1024:.1f} MiB, {100 * (now - cpu) / seconds:.2f} % of a core "
              f"over {seconds} s, {threads} threads", flush=True)


def main():
    options = argparse.ArgumentParser(prog="tools/dev bench")
    options.add_argument("-s", "--seconds", type=int, default=3, help="of each measurement")
    options.add_argument("--idle", type=int, default=15, help="seconds of idleness to measure; 0: none")
    options.add_argument("-c", "--clients", type=int, nargs="+", default=[1, 8, 32])
    wanted = options.parse_args()
    with loopback.Cluster(3) as cluster:
        cluster.wait_voters(3)
        leader = cluster.leader()
        follower = next(m for m in cluster.members if m is not leader)
        if wanted.idle:
            idle(cluster, wanted.idle)
        for where, member in (("leader", leader), ("follower", follower)):
            for clients in wanted.clients:
                for method, path in (("GET", "/1.0/cluster/members?recursion=1"), ("PATCH", "/1.0"),
                                     ("POST", "/1.0/profiles")):
                    print(f"{where:<8} ", end="", flush=True)
                    load(member, method, path, clients, wanted.seconds)
        if wanted.idle:
            idle(cluster, 5)


if __name__ == "__main__":
    main()
