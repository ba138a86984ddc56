"""What others on the host, and a container itself, cannot read, run or fill."""
import glob
import os
import stat
import subprocess
import unittest

from holding import Holding, content, directory_of, state
from loopback import WebSocket, wait_for

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
PUBLIC = {"cluster.crt", "server.crt", "incus.pid"}
PASSAGES = ["", "containers", "storage-pools", "storage-pools/default", "storage-pools/default/containers"]


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Folders(Holding):
    def reachable(self):
        """What somebody else can enter, read or run below the data directory."""
        found = []
        for at, folders, files in os.walk(self.member.dir):
            paths = [os.path.join(at, name) for name in folders + files if not os.path.islink(os.path.join(at, name))]
            for test in ("-r", "-x"):
                script = f'for f in "$@"; do test {test} "$f" && echo "$f"; done; true'
                seen = subprocess.run(NOBODY + ["sh", "-c", script, "sh", *paths], capture_output=True, text=True)
                found += [(test, os.path.relpath(p, self.member.dir)) for p in seen.stdout.splitlines()]
        return sorted({(t, p) for t, p in found if (t, p) not in {("-x", name) for name in PASSAGES} | {("-r", name) for name in PUBLIC}})

    def test_nobody_else_reads_or_runs_anything_below_the_data_directory(self):
        os.chmod(self.cluster.folder, 0o711)
        self.launch("v1")
        self.write_file("v1")
        self.launch("p1", config={"security.privileged": "true"})
        self.assertEqual(self.reachable(), [])
        for folder in ("state", "raft", "images", "storage-pools/default/images"):
            self.assertEqual(mode_of(os.path.join(self.member.dir, folder)), 0o700, folder)
        owners = {os.stat(d).st_uid > 0 for d in glob.glob(os.path.join(self.member.dir, "containers/i*"))}
        self.assertEqual(owners, {True, False})  # its own root passes through to each
        self.check_file("v1")

    def test_folders_of_an_older_version_are_closed_at_the_start(self):
        os.chmod(self.cluster.folder, 0o711)
        pid = self.launch("v1")
        for folder in ("", "state", "raft", "images", "containers", "storage-pools", "storage-pools/default",
                       "storage-pools/default/images", os.path.relpath(directory_of(self.member), self.member.dir)):
            os.chmod(os.path.join(self.member.dir, folder), 0o755)
        self.member.kill()
        self.cluster.restart(self.member)
        wait_for(lambda: self.status("v1") == "Running")
        self.assertEqual(self.reachable(), [])
        self.assertEqual(state(self.client(), "v1")["pid"], pid)
        self.stop("v1")
        self.assertIsNone(self.change("v1", "start"))


class Consoles(Holding):
    def test_a_console_does_not_grow_without_bound(self):
        self.launch("v1")
        file = os.path.join(directory_of(self.member), "console.log")
        self.run_in("v1", "sh", "-c", "yes muster | head -c 4194304 > /dev/console")
        self.assertGreater(os.stat(file).st_size, 0)
        self.assertLess(os.stat(file).st_size, 512 << 10)


class Helpers(Holding):
    def helpers_of(self, pid):
        """Command lines of all that the server has started, and of what these did."""
        children = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                parent = int(content(path).rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(path.split("/")[2]))
        found, todo = [], list(children.get(pid, []))
        while todo:
            at = todo.pop()
            todo += children.get(at, [])
            try:
                found.append(content(f"/proc/{at}/cmdline"))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def test_no_secret_stands_in_a_list_of_processes(self):
        self.launch("v1", config={"environment.TOKEN": "secret-of-v1", "user.key": "secret-of-v1"})
        c = self.client()
        asked = c.ask("POST", "/1.0/instances/v1/exec",
                      {"command": ["sh", "-c", "echo $TOKEN $MORE; cat"], "wait-for-websocket": True,
                       "environment": {"MORE": "secret-of-the-exec"}, "interactive": False})
        o = asked.metadata
        sockets = {fd: WebSocket.unix(self.member.socket, f"/1.0/operations/{o['id']}/websocket?secret={secret}")
                   for fd, secret in o["metadata"]["fds"].items()}
        self.assertEqual(sockets["1"].read()[1], b"secret-of-v1 secret-of-the-exec\n")
        lines = self.helpers_of(self.member.process.pid)
        self.assertTrue([line for line in lines if "container-helper" in line], lines)
        self.assertEqual([line for line in lines if "secret" in line], [])
        sockets["0"].send("")
        self.assertEqual(c.get(f"/1.0/operations/{o['id']}/wait?timeout=30").metadata["metadata"]["return"], 0)
        for s in sockets.values():
            s.close()

    def test_large_values_do_not_keep_it_from_starting_and_stopping(self):
        c = self.client()
        value = "x" * (60 << 10)
        names = [f"large{n}" for n in range(5)]
        for n in names:  # more together than arguments may be
            config = {f"user.{n}-{k}": value for k in range(10)}
            self.assertEqual(c.ask("POST", "/1.0/profiles", {"name": n, "config": config}).status, 201)
        self.launch("v1", profiles=["default", *names], config={"user.key": "a = b, c"})
        self.write_file("v1")
        self.stop("v1")
        self.assertIsNone(self.change("v1", "start"))
        self.check_file("v1")

    def test_what_is_read_again_holds_no_value_of_a_user(self):
        self.launch("v1", config={"environment.TOKEN": "secret-of-v1"})
        directory = directory_of(self.member)
        self.assertNotIn("secret-of-v1", content(os.path.join(directory, "config")))
        init = state(self.client(), "v1")["pid"]
        self.assertIn("TOKEN=secret-of-v1", content(f"/proc/{init}/environ").split("\0"))


if __name__ == "__main__":
    unittest.main()
