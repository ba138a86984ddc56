"""Three members on loopback and what happens when their leader is killed: see `tools/dev demo`."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loopback

FOLDER = "/tmp/muster-demo"
CLIENT = os.path.join(loopback.ROOT, "build/demo/incus")


def reaper_of(folder):
    """A process of its own session that cleans up once this one is gone."""
    return subprocess.Popen([sys.executable, os.path.join(loopback.ROOT, "tools/reaper.py"), folder],
                            stdin=subprocess.PIPE, start_new_session=True)


def say(text):
    print(text, flush=True)


def show(through):
    c = through.unix()
    say("\n  MEMBER  ADDRESS            STATUS   ROLES")
    for m in c.get("/1.0/cluster/members?recursion=1").metadata:
        say(f"  {m['server_name']:<7} {m['url'][8:]:<18} {m['status']:<8} {', '.join(m['roles'])}")
    say("")


def launch(cluster, through, on):
    began = time.monotonic()
    through.done("POST", f"/1.0/instances?target={on.name}", {
        "name": "hello", "start": True, "source": {"type": "image", "alias": "tiny"}})
    took_ms = 1000 * (time.monotonic() - began)
    pid = through.get("/1.0/instances/hello/state").metadata["pid"]
    assert os.path.exists(f"/proc/{pid}"), "the container does not run"
    say(f"2. a container, hello, placed on {on.name}, the leader: it runs after {took_ms:.0f} ms as pid {pid}")
    return pid


def kill_leader(leader, others):
    """Gives how long the next write took."""
    c = others[0].unix()
    leader.kill()
    began = time.monotonic()
    answer = c.ask("POST", "/1.0/profiles", {"name": "written-after-the-kill"})
    took_ms = 1000 * (time.monotonic() - began)
    assert answer.status == 201, answer
    say(f"3. kill -9 of {leader.name}; the next write, sent to {others[0].name}, is committed after {took_ms:.0f} ms")


def tell(cluster):
    began = time.monotonic()
    for i in range(3):
        cluster.add(f"n{i + 1}")
    cluster.wait_voters(3)
    say(f"1. three members form a cluster after {time.monotonic() - began:.1f} s; each is one process, "
        f"musterd, with its data in {cluster.folder}/nN and its log in {cluster.folder}/nN.log")
    leader = cluster.leader()
    others = [m for m in cluster.members if m is not leader]
    through = others[0].unix(60)
    loopback.upload_image(through, cluster.folder)
    pid = launch(cluster, through, leader)
    kill_leader(leader, others)
    assert os.path.exists(f"/proc/{pid}"), "the container is gone"
    say(f"4. {cluster.leader(others).name} leads now; the container on {leader.name} goes on: "
        f"pid {pid} still runs")
    cluster.restart(leader)
    loopback.wait_for(lambda: all(m["status"] == "Online" for m in through.get(
        "/1.0/cluster/members?recursion=1").metadata), 40)
    now = leader.unix(30).get("/1.0/instances/hello/state").metadata["pid"]
    assert now == pid, (now, pid)
    say(f"5. {leader.name} was started again, has caught up and found its container: pid {now}, as before")
    show(cluster[0])


def get_client():
    """The stock client, where it can be had."""
    with open(os.devnull, "w") as nowhere:
        subprocess.run(["timeout", "120", os.path.join(loopback.ROOT, "tools/get-incus-client"),
                        os.path.dirname(CLIENT)], stdout=nowhere, stderr=nowhere, check=False)
    return CLIENT if os.access(CLIENT, os.X_OK) else shutil.which("incus")


def hints(cluster, client):
    b = os.path.relpath(loopback.BIN)
    incus = os.path.relpath(client) if client else "incus"
    say("Try, in another terminal of this folder:")
    if not client:
        say("  (the stock client could not be fetched: any incus 6.x client will do)")
    say(f"""  export INCUS_DIR={FOLDER}/n1
  {incus} cluster list
  {incus} list
  {incus} exec hello -- sh
  {incus} launch tiny another
  {b}/muster status
  {b}/muster probe {cluster[1].address}
On real servers: README.md, "On real servers". Ctrl-C ends everything and removes {FOLDER}.""")


def main():
    options = argparse.ArgumentParser(prog="tools/dev demo")
    options.add_argument("--once", action="store_true", help="end after the story instead of waiting for Ctrl-C")
    wanted = options.parse_args()
    if os.path.exists(FOLDER) and subprocess.run(
            ["pgrep", "-f", f"musterd --data-dir {FOLDER}/"], stdout=subprocess.DEVNULL).returncode == 0:
        sys.exit(f"another demo runs in {FOLDER}: end it first")
    if os.path.exists(FOLDER):
        loopback.remove_folder(FOLDER)  # of one whose machine went down
    client = get_client()
    cluster = loopback.Cluster(0, keep=True, folder=FOLDER)
    reaper = reaper_of(FOLDER)
    try:
        tell(cluster)
        hints(cluster, client)
        while not wanted.once:
            signal.pause()
    except KeyboardInterrupt:
        say("\ncleaning up")
    finally:
        reaper.stdin.close()
        reaper.wait()


if __name__ == "__main__":
    main()
