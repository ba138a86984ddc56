"""Three members on loopback in a temporary folder, with a container: see `tools/dev demo`."""
import argparse
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loopback


def reaper_of(folder):
    """A process of its own session that cleans up once this one is gone."""
    return subprocess.Popen([sys.executable, os.path.join(loopback.ROOT, "tools/reaper.py"), folder],
                            stdin=subprocess.PIPE, start_new_session=True)


def show(cluster, through):
    c = through.unix()
    print("\n  MEMBER  ADDRESS            STATUS   ROLES")
    for m in c.get("/1.0/cluster/members?recursion=1").metadata:
        print(f"  {m['server_name']:<7} {m['url'][8:]:<18} {m['status']:<8} {', '.join(m['roles'])}")
    print("\n  INSTANCE  STATUS   ON")
    for i in c.get("/1.0/instances?recursion=1").metadata:
        print(f"  {i['name']:<9} {i['status']:<8} {i['location']}")
    print(flush=True)


def launch(cluster, folder):
    through = cluster[1].unix(60)
    loopback.upload_image(through, folder)
    for name in ("hello", "world"):
        began = time.monotonic()
        through.done("POST", "/1.0/instances", {"name": name, "start": True,
                                                "source": {"type": "image", "alias": "tiny"}})
        where = through.get(f"/1.0/instances/{name}").metadata["location"]
        print(f"asked {cluster[1].name} for container {name}: it runs on {where} "
              f"after {1000 * (time.monotonic() - began):.0f} ms", flush=True)


def kill_leader(cluster):
    leader = cluster.leader()
    others = [m for m in cluster.members if m is not leader]
    c = others[0].unix()
    c.done("POST", "/1.0/profiles", {"name": "before"})
    print(f"kill -9 of the leader, {leader.name} ...", flush=True)
    began = time.monotonic()
    leader.kill()
    answer = c.ask("POST", "/1.0/profiles", {"name": "after"})
    took_ms = 1000 * (time.monotonic() - began)
    print(f"  the next write, sent to {others[0].name}: {answer.status} after {took_ms:.0f} ms")
    print(f"  the new leader: {cluster.leader(others).name}")
    show(cluster, others[0])
    cluster.restart(leader)
    cluster.leader()
    print(f"{leader.name} was started again and follows", flush=True)


def hints(cluster):
    n1 = cluster[0]
    b = os.path.relpath(loopback.BIN)
    print(f"""Try, in another terminal:
  {b}/muster status --data-dir {n1.dir}
  {b}/muster probe {cluster[1].address} --data-dir {n1.dir}
  INCUS_DIR={n1.dir} incus list            (any incus 6.x client)
  INCUS_DIR={n1.dir} incus exec hello -- sh
  kill -9 $(cat {n1.dir}/incus.pid) ; INCUS_DIR={cluster[1].dir} incus cluster list
  curl --unix-socket {n1.socket} http://muster/1.0/cluster/members?recursion=1
Ctrl-C ends everything and cleans up.""", flush=True)


def main():
    options = argparse.ArgumentParser(prog="tools/dev demo")
    options.add_argument("--kill-leader", action="store_true", help="show a failover with its times")
    options.add_argument("--once", action="store_true", help="end after the tour instead of waiting for Ctrl-C")
    wanted = options.parse_args()
    began = time.monotonic()
    cluster = loopback.Cluster(0, keep=True)
    reaper = reaper_of(cluster.folder)
    try:
        for i in range(3):
            cluster.add(f"n{i + 1}")
        cluster.wait_voters(3)
        print(f"three members in {time.monotonic() - began:.1f} s, in {cluster.folder}")
        launch(cluster, cluster.folder)
        show(cluster, cluster[1])
        if wanted.kill_leader:
            kill_leader(cluster)
        hints(cluster)
        while not wanted.once:
            signal.pause()
    except KeyboardInterrupt:
        print("\ncleaning up")
    finally:
        reaper.stdin.close()
        reaper.wait()


if __name__ == "__main__":
    main()
