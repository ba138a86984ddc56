"""Advisories of Incus, LXD and runc from 2022 on, one test each: images, what they unpack to, what is written beside them."""
import bz2
import contextlib
import ctypes
import io
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import unittest

from clients import run_in
from loopback import Cluster, Member, upload_image, wait_for

ARCHITECTURE = os.uname().machine
META = f"architecture: {ARCHITECTURE}\ncreation_date: 1700000000\n"
OCTETS = {"Content-Type": "application/octet-stream"}
OS_DIRS = [("rootfs", "dir"), ("rootfs/etc", "dir")]


def add(tar, name, kind, what=b""):
    entry = tarfile.TarInfo(name)
    entry.mode = 0o755
    data = what.encode() if kind == "file" and isinstance(what, str) else what
    if kind == "dir":
        entry.type = tarfile.DIRTYPE
    elif kind in ("link", "hardlink"):
        entry.type = tarfile.SYMTYPE if kind == "link" else tarfile.LNKTYPE
        entry.linkname = what
    else:
        entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data) if kind == "file" else None)


def tar_of(*entries, meta=META, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        if meta is not None:
            add(tar, "metadata.yaml", "file", meta)
        for e in entries:
            add(tar, *e)
    return out.getvalue()


def planted(path, *entries):
    """An image that runs, with these entries in place of its own of the same name and of all below."""
    out = io.BytesIO()
    names = tuple(name for name, *_ in entries)
    with tarfile.open(path) as whole, tarfile.open(fileobj=out, mode="w:gz") as tar:
        for entry in whole:
            if entry.name not in names and not entry.name.startswith(tuple(n + "/" for n in names)):
                tar.addfile(entry, whole.extractfile(entry) if entry.isfile() else None)
        for e in entries:
            add(tar, *e)
    return out.getvalue()


def state_of(folder):
    """Everything below: kind, owner, size and time of each."""
    found = {}
    for at, folders, files in os.walk(folder):
        for path in [at] + [os.path.join(at, n) for n in folders + files]:
            s = os.lstat(path)
            found[path] = (s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns, s.st_rdev, s.st_nlink)
    return found


class Importing(unittest.TestCase):
    """One member; what is imported into it."""
    count = 1
    replicas = ""  # of images

    @classmethod
    def setUpClass(cls):
        assert os.geteuid() == 0, "containers of these tests are root's"
        cls.cluster = Cluster(cls.count)
        cls.member = cls.cluster[0]
        cls.client().done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": cls.replicas}})
        cls.image = upload_image(cls.client(), cls.cluster.folder)
        cls.tiny = os.path.join(cls.cluster.folder, "tiny.tar.gz")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    @classmethod
    def client(cls, at=0):
        return cls.cluster[at].unix(60)

    def setUp(self):
        self.pid = self.member.process.pid
        self.target = tempfile.mkdtemp(dir=self.cluster.folder)  # of the host, nobody's business

    def tearDown(self):
        self.assertTrue(self.member.is_running(), self.member.log_text()[-2000:])
        self.assertEqual(self.member.unix().get("/internal/ready").status, 200)

    def ended(self, started, c=None):
        """(metadata of the operation, error)"""
        if started.status != 202:
            return None, started.json["error"]
        ended = (c or self.client()).get(started.json["operation"].split("?")[0] + "/wait?timeout=60").json
        if ended["type"] == "error":
            return None, ended["error"]
        return ended["metadata"]["metadata"] or {}, ended["metadata"]["err"] or None

    def put(self, data, **headers):
        """(fingerprint, error) of an import"""
        done, error = self.ended(self.client().ask("POST", "/1.0/images", data, {**OCTETS, **headers}))
        return (None, error) if error else (done["fingerprint"], None)

    def taken(self, data):
        fingerprint, error = self.put(data)
        self.assertIsNone(error)
        return fingerprint

    def create(self, name, fingerprint, start=True, **more):
        """Its error, or None."""
        self.addCleanup(self.drop, name)
        return self.ended(self.client().ask("POST", "/1.0/instances", {
            "name": name, "start": start, "source": {"type": "image", "fingerprint": fingerprint}, **more}))[1]

    def drop(self, name):
        c = self.client()
        self.ended(c.ask("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True}))
        self.ended(c.ask("DELETE", f"/1.0/instances/{name}"))

    def run_in(self, name, *command):
        return run_in(self.client(), name, *command)[1]

    def directory(self, name):
        uuid = self.client().get(f"/1.0/instances/{name}").metadata["config"]["volatile.uuid"]
        places = [os.path.join(self.member.dir, "containers", d) for d in os.listdir(os.path.join(self.member.dir, "containers"))]
        for place in places:
            with contextlib.suppress(FileNotFoundError), open(os.path.join(place, "identity")) as f:
                if uuid in f.read():
                    return place
        raise AssertionError(f"{name} has no directory among {places}")

    def left(self):
        """Image files, and trees of them."""
        places = [os.path.join(self.member.dir, at) for at in ("images", "storage-pools/default/images")]
        return [sorted(os.listdir(p)) if os.path.isdir(p) else [] for p in places]


class Images(Importing):
    # --- links ---------------------------------------------------------------------------------------

    def split_image(self):
        """A tarball of metadata and one of a root, as a form."""
        parts = [("metadata", tar_of()), ("rootfs", tar_of(("rootfs", "link", "/"), meta=None))]
        body = b"".join(f'--b\r\nContent-Disposition: form-data; name="{n}"; filename="{n}"\r\n\r\n'.encode() + data + b"\r\n"
                        for n, data in parts)
        return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}

    def test_cve_2026_48749_rootfs_is_a_link(self):
        before = self.left()
        root = ("rootfs", "link", "/")
        for name, entries in {
                "only a link": [root], "with a slash": [("./rootfs/", "link", "/")], "relative": [("rootfs", "link", "../../../..")],
                "a directory, then a link": [("rootfs", "dir"), root], "content, then a link": [("rootfs/etc/x", "file", "x"), root],
                "a link, then content": [root, ("rootfs/etc/x", "file", "x")], "absolute": [("/rootfs", "link", "/")],
                "a hard link": [("rootfs", "hardlink", "metadata.yaml")], "a file": [("rootfs", "file", "x")],
                "only metadata": []}.items():
            with self.subTest(name):
                fingerprint, error = self.put(tar_of(*entries))
                self.assertIsNone(fingerprint)
                self.assertTrue(error)
                wait_for(lambda: self.left() == before)
        form, headers = self.split_image()
        self.assertIsNone(self.put(form, **headers)[0])
        wait_for(lambda: self.left() == before)

    def test_cve_2026_48750_exec_output_is_a_link(self):
        for at in ("exec-output", "logs", "rootfs/var/log", "logs/exec-output"):
            fingerprint = self.taken(planted(self.tiny, (at, "link", self.target)))
            self.assertIsNone(self.create("out", fingerprint))
            self.assertEqual(self.run_in("out", "echo", "hello"), "hello\n")
            self.assertEqual(os.listdir(self.target), [], at)
            self.drop("out")

    def test_ghsa_7fj9_links_where_the_server_writes(self):
        self.assertIsNone(self.create("plain", self.image))
        written = os.listdir(self.directory("plain"))
        self.assertTrue({"config", "identity", "run"} <= set(written), written)
        self.drop("plain")
        below = [n for n in (*written, "lxc.log", "console.log", "network/hosts", "backup.yaml", "templates/x") if n != "rootfs"]
        inside = ["rootfs/etc/" + n for n in ("hosts", "hostname", "resolv.conf", "mtab", "localtime")]
        links = [(n, "link", os.path.join(self.target, n.replace("/", "-"))) for n in below + inside]
        fingerprint = self.taken(planted(self.tiny, *links))
        for privileged in ("false", "true"):
            self.assertIsNone(self.create("evil", fingerprint, config={"security.privileged": privileged}))
            self.assertEqual(self.run_in("evil", "echo", "hello"), "hello\n")
            for action in ("restart", "stop", "start"):
                self.client().done("PUT", "/1.0/instances/evil/state", {"action": action, "force": True})
            place = self.directory("evil")
            self.assertEqual([n for n in os.listdir(place) if os.path.islink(os.path.join(place, n))], [])
            self.assertEqual(os.listdir(self.target), [])
            self.drop("evil")

    def test_runc_cve_2025_31133_52565_52881_links_for_dev_proc_and_sys(self):
        for name in ("null", "console", "ptmx", "pts", "self"):
            with open(os.path.join(self.target, name), "w") as f:
                f.write("of the host")
        before = state_of(self.target)
        for entries in ([("rootfs/dev", "link", self.target)], [("rootfs/proc", "link", self.target)],
                        [("rootfs/sys", "link", self.target)], [("rootfs/sys", "link", "../../../../../.." + self.target)],
                        [("rootfs/dev/" + n, "link", f"{self.target}/{n}") for n in ("null", "console", "ptmx", "pts")]):
            fingerprint = self.taken(planted(self.tiny, *entries))
            for privileged in ("false", "true"):
                with self.subTest(entries[0][0], to=entries[0][2], privileged=privileged):
                    self.create("linked", fingerprint, config={"security.privileged": privileged})
                    self.assertEqual(state_of(self.target), before)
                    self.drop("linked")
                    self.assertEqual(state_of(self.target), before)

    def test_runc_cve_2024_21626_descriptors_of_a_command(self):
        self.assertIsNone(self.create("few", self.image))
        # The shell has a folder open itself while it looks for names.
        shown = self.run_in("few", "sh", "-c", "for f in /proc/$$/fd/*; do [ -L $f ] && echo ${f##*/}; done; readlink /proc/$$/cwd")
        self.assertEqual(shown.split(), ["0", "1", "2", "/root"])
        self.assertEqual(self.run_in("few", "sh", "-c", "readlink /proc/1/fd/* | grep -v -e /dev/ -e pipe: -e 'socket:' || true"), "")

    # --- shapes --------------------------------------------------------------------------------------

    def test_cve_2026_40195_40197_40251_41647_metadata_of_each_shape(self):
        whole = {"architecture": ARCHITECTURE, "creation_date": "1700000000", "expiry_date": "1800000000",
                 "properties": "{os: x, release: '1'}", "templates": "{/etc/hostname: {when: [create], template: h.tpl}}"}
        odd = ["", "~", "x", "-1", "1.5", "1e400", "9" * 40, "[]", "[1, [2]]", "{}", "{a: {b: c}}", "{[a]: b}", "{~: ~}", "true", "'a\\nb'", '"a\\0b"',
               "!!binary x", "!<tag:x> 1", "*missing", "&a [*a]", "2026-01-01", "{os: [1]}", "{? {a: b} : c}", "|\n  a\n  b"]
        texts = ["", "[", "- a", "x", "--- a\n--- b", "\0", "\xff", "a: b: c", "%YAML 9.9\n---\na: b", META + META]
        for key in whole:
            texts.append("".join(f"{k}: {v}\n" for k, v in whole.items() if k != key))
            texts += ["".join(f"{k}: {value if k == key else v}\n" for k, v in whole.items()) for value in odd]
        for text in texts:
            c = self.client()
            started = c.ask("POST", "/1.0/images", tar_of(*OS_DIRS, meta=text), OCTETS)
            ended = c.get(started.json["operation"] + "/wait?timeout=30").json
            self.assertIn(ended.get("error_code", 0), (0, 400, 409), (text, ended))
            self.assertEqual(self.member.process.pid, self.pid)
        self.assertTrue(self.member.is_running(), text)

    def test_cve_2026_41684_archives_cut_at_each_block(self):
        whole = tar_of(*OS_DIRS, ("rootfs/etc/x", "file", "x" * 1500), mode="w:")
        for size in range(0, len(whole), 512):
            for end in (b"", b"\xff" * 100):
                fingerprint, error = self.put(whole[:size] + end)
                if size < 1536:  # what is cut behind a whole entry is an archive
                    self.assertTrue(error, size)
        self.assertIsNone(self.put(whole)[1])

    def peak(self, text):
        """How much more memory the server has ever needed for this metadata.yaml, and its answer."""
        about = f"/proc/{self.member.process.pid}/"

        def value(name):
            with open(about + "status") as f:
                return next(int(line.split()[1]) << 10 for line in f if line.startswith(name))

        data = tar_of(*OS_DIRS, meta=text)
        with open(about + "clear_refs", "w") as f:
            f.write("5")
        before = value("VmRSS")
        answer = self.put(data)
        return value("VmHWM") - before, answer

    def test_cve_2026_41648_yaml_of_any_size(self):
        big = "x" * (300 << 10)
        self.peak(META)  # what a first import needs anyway is there then
        for name, text in (
                ("more than a mebibyte", META + "a: " + "x" * (2 << 20)),
                ("aliases", META + "a: &a x\nproperties:\n" + "".join(f"  k{n}: *a\n" for n in range(10_000))),
                ("a large value many times", META + f"a: &a {big}\nproperties:\n" + "".join(f"  k{n}: *a\n" for n in range(400))),
                ("doubled and doubled", META + "a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)) +
                 "properties: {a: *a40}\n"),
                ("lists in lists", META + "a: " + "[" * 10_000), ("closed ones", META + "a: " + "[" * 10_000 + "]" * 10_000),
                ("maps in maps", META + "a: " + "{a: " * 10_000), ("lines", META + "a:\n" + "- " * 10_000 + "a\n"),
                ("many keys", META + "properties:\n" + "".join(f"  k{n}: v\n" for n in range(60_000)))):
            with self.subTest(name):
                more, (_, error) = self.peak(text)
                self.assertTrue(self.member.is_running())
                self.assertEqual((bool(error), more >> 20 <= 8), (True, True), f"error {error}, {more >> 20} MiB more")


class Copies(Importing):
    count = 3
    replicas = "1"

    def damage(self, at):
        path = os.path.join(self.cluster[at].dir, "images", self.image)
        with open(path, "r+b") as f:
            f.seek(1000)
            was = f.read(1)
            f.seek(1000)
            f.write(bytes([was[0] ^ 1]))

    def export(self, at):
        return self.client(at).get(f"/1.0/images/{self.image}/export")

    def has(self, at):
        return os.listdir(os.path.join(self.cluster[at].dir, "images")) if os.path.isdir(
            os.path.join(self.cluster[at].dir, "images")) else []

    def test_cve_2026_33542_changed_bytes_under_a_good_fingerprint(self):
        with open(self.tiny, "rb") as f:
            good = f.read()
        self.damage(0)
        refused = self.export(1)
        self.assertGreaterEqual(refused.status, 400, refused)
        self.assertIn("damaged", refused.json["error"])
        self.assertIn("damaged", self.ended(self.client().ask("POST", "/1.0/instances?target=n2", {
            "name": "bad", "source": {"type": "image", "fingerprint": self.image}}))[1])
        self.assertEqual(self.has(1), [])
        self.damage(0)  # it is good again
        self.client().done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "3"}})
        noted = lambda: self.client().get("/internal/images/status").metadata[0]["members"]
        wait_for(lambda: set(noted().values()) == {"there"})
        self.damage(0)
        os.unlink(os.path.join(self.cluster[2].dir, "images", self.image))
        self.assertEqual(self.export(2).body, good)  # from the other source
        wait_for(lambda: [self.export(at).body for at in range(3)] == [good] * 3)  # and n1 has its own again


def bomb(mebibytes):
    """An image of few bytes with a large file, no hole: the compressed form of a part is the form of each part."""
    head, tail = io.BytesIO(), bz2.compress(b"\0" * 1024)
    with tarfile.open(fileobj=head, mode="w:") as tar:
        add(tar, "metadata.yaml", "file", META)
        add(tar, "rootfs", "dir")
        entry = tarfile.TarInfo("rootfs/large")
        entry.size = mebibytes << 20
        tar.addfile(entry)
        head = head.getvalue()
    return bz2.compress(head) + bz2.compress(b"x" * (1 << 20)) * mebibytes + tail


class SmallDisk(Importing):
    """Its disk holds less than what comes."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="muster.")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m,mode=711", "tmpfs", folder], check=True)
        cls.cluster = Cluster(1, folder=folder)
        cls.member = cls.cluster[0]

    def used(self):
        disk = os.statvfs(self.member.dir)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize

    def others_go_on(self, name):
        self.assertEqual(self.client().ask("POST", "/1.0/profiles", {"name": name}).status, 201)

    def test_cve_2026_41685_an_upload_without_end(self):
        before = self.used()
        sent = subprocess.run(["sh", "-c", 'head -c 1G /dev/zero | curl -s --unix-socket "$0" -X POST -H Expect: -T - '
                               '-H "Content-Type: application/octet-stream" http://x/1.0/images', self.member.socket], capture_output=True)
        self.assertTrue(b"No space left" in sent.stdout or sent.returncode != 0, sent)
        wait_for(lambda: self.used() - before < 8 << 20)
        self.others_go_on("after-upload")

    def test_cve_2026_41685_a_bomb_is_unpacked_no_further_than_there_is_room(self):
        data = bomb(2048)
        self.assertLess(len(data), 1 << 20)
        fingerprint, error = self.put(data)
        if error:
            return  # refused at once is fine, too
        before = self.used()
        error = self.create("boom", fingerprint, start=False)
        self.assertIn("No space left", error)
        wait_for(lambda: self.used() - before < 8 << 20)
        self.others_go_on("after-bomb")

    def test_cve_2026_41685_few_bytes_are_not_read_for_minutes(self):
        """Nobody can keep a core busy with an upload that could never be unpacked here."""
        data = bomb(100 << 10)
        self.assertLess(len(data), 10 << 20)
        c = self.client()
        started = c.ask("POST", "/1.0/images", data, OCTETS)
        ended = c.get(started.json["operation"].split("?")[0] + "/wait?timeout=30").json
        self.assertEqual(ended["type"], "error", ended["metadata"])
        self.others_go_on("after-large")

    def test_cve_2026_41685_an_entry_says_more_than_comes(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:") as tar:
            add(tar, "metadata.yaml", "file", META)
            add(tar, "rootfs", "dir")
            entry = tarfile.TarInfo("rootfs/hole")
            entry.size = 100 << 30
            tar.addfile(entry)
            self.assertTrue(self.put(out.getvalue())[1])
        self.others_go_on("after-hole")


class PrivateTmp(unittest.TestCase):
    """The server in a mount namespace whose folder for temporary files nobody else uses."""

    def test_cve_2026_33711_no_file_in_tmp(self):
        tmp = tempfile.gettempdir()
        private = tempfile.mkdtemp()
        os.chmod(private, 0o1777)
        self.addCleanup(shutil.rmtree, private)
        with Cluster(0) as cluster:
            inner = os.path.join(private, os.path.relpath(cluster.folder, tmp))
            os.makedirs(inner)
            m = Member(cluster.folder, "n1")
            m.prefix = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && mount --rbind "$2" "$3" && : > "$3/witness" && '
                        'shift 3 && exec "$@"',
                        cluster.folder, inner, private, tmp]
            cluster.members.append(m)
            libc = ctypes.CDLL(None, use_errno=True)
            heard = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            self.addCleanup(os.close, heard)
            created_moved_or_opened = 0x100 | 0x80 | 0x20
            self.assertGreaterEqual(libc.inotify_add_watch(heard, private.encode(), created_moved_or_opened), 0)
            m.start("--bootstrap").wait_ready()
            c = m.unix(60)
            upload_image(c, cluster.folder)
            for privileged in ("false", "true"):
                c.done("POST", "/1.0/instances", {"name": "t", "start": True, "config": {"security.privileged": privileged},
                                                  "source": {"type": "image", "alias": "tiny"}})
                c.done("POST", "/1.0/instances/t/exec", {"command": ["true"], "record-output": True})
                c.done("PUT", "/1.0/instances/t/state", {"action": "stop", "force": True})
                c.done("DELETE", "/1.0/instances/t")
            c.done("DELETE", "/1.0/images/" + c.get("/1.0/images?recursion=1").metadata[0]["fingerprint"])
            names = set()
            with contextlib.suppress(BlockingIOError):
                data = os.read(heard, 1 << 20)
                while data:
                    length = struct.unpack("iIII", data[:16])[3]
                    names.add(data[16:16 + length].rstrip(b"\0").decode())
                    data = data[16 + length:]
            self.assertEqual(names - {""}, {"witness"})
            self.assertEqual(set(os.listdir(private)), {os.path.basename(inner), "witness"})


del Importing  # it has no tests of its own


if __name__ == "__main__":
    unittest.main()
