"""What a real Incus 6.0.4 cluster was asked and answered (golden/replay.json), asked again of this one.

Compared are status, envelope, texts of errors, names of keys two levels deep, where Location points, and
whether there is an ETag. Names, ids, fingerprints and addresses are those of this cluster."""
import base64
import json
import os
import re
import subprocess
import unittest

from apart import Apart, ApartMember
from clients import make_certificate, trust
from loopback import BIN, ROOT, WebSocket, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HASH = re.compile(r"\b[0-9a-f]{64}\b")
FACTS = ("status", "code", "type", "error", "text", "media", "metadata", "operation", "ended", "location", "etag")


def refused(status, error):
    return {"status": status, "type": "error", "error": error, "metadata": "null", "keys": [], "etag": None,
            "operation": None, "location": None, "ended": None}


DONE = {"status": 200, "type": "sync", "error": None, "metadata": "object"}
NOT_ASKED = None  # about an operation that there is not

PARTS = "PATCH of a member or a group with some fields only"
CALLERS = "wrong roles, config keys, failure domain of a member; names of groups that are taken"
NAMELESS = "a join token for an empty or impossible name"
WAIT = "the wait for an operation that failed"
TAKEN = "creating an instance whose name is taken"
UNKNOWN = "an unknown configuration key of an instance"
AWAY = "pools and networks while a member is away"
WORDS = "texts that tell of Incus's database or its language"
SUBJECT = "`Conflict`, `not authorized` and other texts without a subject"
AWAY_NOW = "requests that only a member that is offline can answer"
SHOWN = "an instance on a member that is offline"
RUNS = "renaming an instance that runs"
PART = "PATCH of a project with some fields only"
NAMED = "a join under another name than the token's"
AGAIN = "a server that is clustered is to begin a cluster"
NO_ARCHIVE = "an image that is no archive"
MEDIA = "media type of `GET /1.0/metrics`"
VOLATILE = "`volatile.*` of an instance"
VIEWS = "`/1.0/containers`, `/1.0/virtual-machines`"
BY_TOKEN = "a join with a token and no `cluster_certificate`"
PROGRESS = "progress in the metadata of a creation"
N5 = refused(503, 'Cluster member "n5" is offline')
NO_PEM = {"error": "Certificate must be base64 encoded PEM certificate"}
NO_GROUP = {"error": "Cluster group not found"}

# What is answered otherwise on purpose: the row of docs/differences.md, and what is answered.
DIFFERS = {
    "021": (PARTS, DONE),
    "022": (PARTS, refused(400, 'Invalid cluster configuration key "bogus"')),
    "027": (SUBJECT, {"error": 'The "database" role cannot be dropped at this time: voters are chosen by the cluster '
                               "(cluster.max_voters)"}),
    "028": (CALLERS, {"status": 400}),
    "030": (WORDS, {"error": 'Cluster group "nope" doesn\'t exist'}),
    "032": (WORDS, {"error": "bad JSON at line 1 column 2 (byte 1): The JSON document has an improper structure: "
                             "missing or superfluous commas, braces, missing keys, etc."}),
    "036": (NAMELESS, refused(400, "The name of a member is 1 to 64 characters, without white space or slashes")),
    "044": (NAMELESS, NOT_ASKED),
    "051": (WORDS, refused(409, 'Cluster group "gpu" already exists')),
    "054": (WORDS, refused(404, 'Cluster member "zz" not found')),
    "056": (WORDS, NO_GROUP),
    "063": (WORDS, refused(404, "Cluster group not found")),
    "064": (CALLERS, {"status": 409}),
    "068": (WORDS, NO_GROUP),
    "103": (CALLERS, {"status": 400}),
    "109": (WAIT, {"status": 500, "code": None}),
    "111": (NO_ARCHIVE, {"status": 400, "code": None}),
    "113": (WAIT, {"status": 500, "code": None}),
    "155": (WORDS, {"error": 'Failed creating project "proj": Failed adding database record: Project "proj" already exists'}),
    "160": (PART, DONE),
    "224": (WORDS, NO_PEM),
    "227": (MEDIA, {"media": "application/openmetrics-text; version=1.0.0; charset=utf-8"}),
    "311": (TAKEN, refused(409, 'Instance "c1" already exists')),
    "312": (TAKEN, NOT_ASKED),
    "318": (UNKNOWN, refused(400, "Unknown configuration key: bogus")),
    "319": (UNKNOWN, NOT_ASKED),
    "326": (VIEWS, {**DONE, "metadata": "list", "keys": ["/1.0/containers/*"]}),
    "343": (WAIT, {"status": 500, "code": None}),
    "345": (RUNS, refused(400, "Renaming of running instance not allowed")),
    "346": (RUNS, NOT_ASKED),
    "356": (WAIT, {"status": 400, "code": None}),
    "405": (WORDS, NO_PEM),
    "421": (BY_TOKEN, {"status": 202, "type": "async", "error": None, "metadata": "object", "like": "422",
                       "operation": "task: Joining cluster", "location": "/1.0/operations/*"}),
    "423": (WAIT, {"status": 403, "code": None}),
    "425": (SUBJECT, {"status": 400, "code": None, "error": "Invalid join token: it is not base64"}),
    "427": (NAMED, refused(400, 'The join token was made for a member named "n5", not "other"')),
    "436": (SUBJECT, {"error": 'Name "n1" already in use'}),
    "446": (AWAY_NOW, N5),
    "447": (AWAY_NOW, N5),
    "449": (SHOWN, {"more": ["config.image.os", "config.volatile.base_image", "config.volatile.uuid", "expanded_config",
                             "expanded_config.image.os", "expanded_config.volatile.base_image",
                             "expanded_config.volatile.uuid", "expanded_devices", "expanded_devices.root"]}),
    "450": (SHOWN, {**DONE, "etag": True, "like": "327"}),
    "451": (AWAY_NOW, N5),
    "452": (AWAY_NOW, N5),
    "453": (AWAY_NOW, N5),
    "457": (AWAY, DONE),
    "479": (SUBJECT, {"error": "not authorized"}),
    "602": (AGAIN, refused(400, "This server is already clustered")),
    "603": (AGAIN, NOT_ASKED),
    "607": (PARTS, DONE),
}
# Keys that 6.0.4 does not have, and the API extension that has them.
ADDS = {
    "cluster/groups config": "clustering_groups_config",
    "cluster/groups config.user.x": "clustering_groups_config",
    "cluster/groups used_by": "cluster_group_usedby",
}
# Keys that only 6.0.4 has, and the row of docs/differences.md.
LACKS = {f"instances {c}.volatile.{k}": VOLATILE for c in ("config", "expanded_config")
         for k in ("apply_template", "cloud-init.instance-id", "idmap.base", "idmap.current", "idmap.next", "last_state.idmap",
                   "last_state.power", "last_state.ready", "uuid.generation")}
LACKS |= {f"operations metadata.{k}": PROGRESS for k in ("create_instance_from_image_unpack_progress", "progress")}


# --- facts of an answer --------------------------------------------------------------------------------


def names(value, path=""):
    """Names of keys, two levels deep; of a list those of its first element, of URLs their collection."""
    if re.fullmatch(r"/1.0/operations(\?.*)?", path) and isinstance(value, dict):
        value = [x for part in value.values() for x in part][:1]  # by status, which is no name
        return sorted(value[0]) if value and isinstance(value[0], dict) else names(value)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str) and value.startswith("/"):
        return [value.rsplit("/", 1)[0] + "/*"]
    found = set()
    for key, below in value.items() if isinstance(value, dict) else ():
        found.add(key)
        if key == "properties":  # what an image says of itself
            continue
        inner = below[0] if isinstance(below, list) and below else below
        if isinstance(inner, dict):
            found |= {f"{key}{'[]' if isinstance(below, list) else ''}.{k}" for k in inner}
    return sorted(found)


def kind_of_event(event):
    return " ".join([event["type"], event["metadata"].get("class", "")]).strip()


def kind(value):
    return {dict: "object", list: "list", str: "text", type(None): "null", bool: "truth"}.get(type(value), "number")


def facts_of(answer, path, said):
    """In the form of the golden file; `said` takes away what is of this cluster only."""
    got = {"status": answer.status}
    media = answer.headers.get("Content-Type")
    if media != "application/json":
        got["media"] = media
    if "ETag" in answer.headers:
        got["etag"] = True
    if "Location" in answer.headers:
        got["location"] = said(answer.headers["Location"].split("?")[0])
    try:
        shown = answer.json
    except ValueError:
        shown = None
    if not isinstance(shown, dict) or "type" not in shown:
        got["text"] = "binary" if media == "application/octet-stream" else (answer.body.decode().splitlines() or [""])[-1]
        return got
    value = shown["metadata"]
    if shown["error_code"] not in (0, answer.status):
        got["code"] = shown["error_code"]
    got.update({"type": shown["type"], "envelope": sorted(shown), "metadata": kind(value), "keys": names(value, path)})
    if shown["type"] == "error":
        got["error"] = said(shown["error"])
    if isinstance(value, dict) and "may_cancel" in value:
        got["operation"] = f"{value['class']}: {value['description']}"
        if "/wait" in path:
            got["ended"] = value["status"]
    return got


# --- servers --------------------------------------------------------------------------------------------


class Alone(ApartMember):
    """A server that is told its address later, if at all."""

    def start(self, *more, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "musterd"), "--data-dir", self.dir, "--name", self.name],
                                            stdout=log, stderr=log)
        return self


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HERE, "golden/replay.json")) as f:
            cls.golden = json.load(f)
        assert os.geteuid() == 0, "network namespaces and bridges are made by root only"
        cls.cluster = Apart(3)
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.cluster.wait_voters(3)
        cls.servers = {m.name: m for m in cls.cluster.members}
        cls.values = {m.name: m.address for m in cls.cluster.members}
        image = os.path.join(cls.cluster.folder, "tiny.tar.gz")
        subprocess.run([os.path.join(ROOT, "tools/make-image"), image], check=True)
        with open(image, "rb") as f:
            cls.files = {"{tarball}": f.read(), "{garbage}": b"garbage"}
        cls.n1().done("PATCH", "/1.0", {"config": {"images.auto_update_interval": "0"}})

    @classmethod
    def n1(cls):
        return cls.servers["n1"].unix(60)

    @classmethod
    def alone(cls, name, label):
        """A new server that recordings name `label`."""
        m = Alone(cls.cluster.folder, name)
        cls.cluster.members.append(m)  # ended with them
        cls.servers[label] = m.start().wait_ready()
        cls.values[label] = m.address
        return m

    # --- what recordings need ---------------------------------------------------------------------------

    def before_023(self):
        self.n1().done("PATCH", "/1.0/cluster/members/n2", {"description": "", "config": {"user.rack": ""}})

    def before_211(self):
        """A warning: a pool that one member cannot make."""
        c = self.n1()
        for m in ("n1", "n2", "n3"):
            config = {"source": os.path.join(self.cluster.folder, "nothing")} if m == "n2" else {}
            c.done("POST", f"/1.0/storage-pools?target={m}", {"name": "half", "driver": "dir", "config": config})
        c.ask("POST", "/1.0/storage-pools", {"name": "half", "driver": "dir"})
        self.values["warning"] = c.get("/1.0/warnings").metadata[0].rsplit("/", 1)[1]

    def before_216(self):
        self.n1().done("DELETE", "/1.0/storage-pools/half")

    def before_217(self):
        pair = make_certificate(self.cluster.folder, "laptop")
        self.assertEqual(trust(self.servers["n1"], "laptop", pair).status, 201)
        self.values["certificate"] = self.n1().get("/1.0/certificates").metadata[0].rsplit("/", 1)[1]

    def before_401(self):
        m = self.alone("m4", "n4")
        m.unix().done("POST", "/1.0/storage-pools", {"name": "default", "driver": "dir"})

    def token(self):
        made = self.n1().ask("POST", "/1.0/cluster/members", {"server_name": "n5"}).metadata["metadata"]
        token = {"server_name": made["serverName"], "fingerprint": made["fingerprint"], "addresses": made["addresses"],
                 "secret": made["secret"], "expires_at": made["expiresAt"]}
        self.values["cluster certificate"] = self.n1().get("/1.0").metadata["environment"]["certificate"]
        for name, secret in (("token", made["secret"]), ("token:wrong", "0" * 64)):
            self.values[name] = base64.b64encode(json.dumps({**token, "secret": secret}).encode()).decode()

    def is_quiet(self, m):
        """Nothing goes on; it does not change over to another cluster either."""
        answer = m.unix().get("/1.0/operations")
        return answer.status == 200 and "running" not in answer.metadata

    def renew_n5(self):
        """A server of that name that is in no cluster, and a token for it."""
        old = self.servers.get("n5")
        if old:
            wait_for(lambda: self.is_quiet(old), 40)
            for name in ("n5", "other"):
                self.n1().ask("DELETE", f"/1.0/cluster/members/{name}?force=1")
            old.kill()
        self.alone(f"alone{len(self.cluster.members)}", "n5")
        self.token()

    before_420 = before_422 = before_426 = before_428 = renew_n5

    def before_444(self):
        self.servers["n5"].kill()
        wait_for(lambda: self.n1().get("/1.0/cluster/members/n5").metadata["status"] == "Offline", 40)

    def before_462(self):
        self.n1().ask("POST", "/1.0/cluster/members", {"server_name": "n9"})

    def before_468(self):
        self.servers["n4"] = self.cluster.add("n4")

    def before_469(self):
        def is_new():
            answer = self.servers["n4"].unix().get("/1.0/cluster")
            return answer.status == 200 and not answer.metadata["enabled"]
        wait_for(is_new, 40)

    def before_601(self):
        self.servers["n4"] = m = next(x for x in self.cluster.members if x.name == "m4")
        self.values["n4"] = m.address
        m.unix().done("PATCH", "/1.0", {"config": {"core.https_address": m.address}})
        m.unix().done("PUT", "/1.0/cluster", {"server_name": "m4", "enabled": True})

    # --- asking -------------------------------------------------------------------------------------------

    def filled(self, value):
        """With what stands in {braces} put in."""
        if isinstance(value, dict):
            return {k: self.filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.filled(v) for v in value]
        if isinstance(value, str):
            return re.sub(r"\{([a-z0-9: ]+)\}", lambda m: self.values.get(m[1], m[0]), value)
        return value

    def said(self, text):
        for name, value in self.values.items():
            if name.startswith("n"):
                text = text.replace(value, "{%s}" % name)
        return HASH.sub("*", UUID.sub("*", text))

    def body_of(self, r):
        body = r.get("body")
        if isinstance(body, str) and body in self.files:
            return self.files[body]
        if r["n"] == "333":  # the whole object, changed
            shown = self.n1().get("/1.0/instances/c2").metadata
            whole = {k: shown[k] for k in ("architecture", "config", "devices", "ephemeral", "profiles", "stateful")}
            return {**whole, **body, "config": {**shown["config"], **body["config"]}}
        return self.filled(body)

    def answer(self, r):
        m = self.servers[r["to"]]
        client = m.tls(timeout=90) if r.get("over") == "tls" else m.unix(90)
        method, path = self.filled(r["ask"]).split(" ", 1)
        headers = dict(r.get("headers", {}))
        if r.get("websocket"):
            headers.update({"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                            "Sec-WebSocket-Key": "A" * 22 + "=="})
        return client.ask(method, path, self.body_of(r), headers)

    def facts(self, r):
        if r["status"] == 101:
            return self.events(r)
        answer = self.answer(r)
        if answer.status == 202:
            self.values["op:" + r["n"]] = answer.metadata["id"]
        if r["n"] == "106":
            ended = self.n1().get(answer.json["operation"] + "/wait?timeout=60").metadata
            self.values["image"] = ended["metadata"]["fingerprint"]
            self.values["image:8"] = self.values["image"][:8]
        return facts_of(answer, r["ask"].split(" ", 1)[1], self.said)

    def events(self, r):
        """Names of keys of the first event of each kind, after something of each kind was done."""
        kinds = {k.split(": ")[0] for k in r["keys"]}
        socket = WebSocket.unix(self.servers["n1"].socket, r["ask"].split(" ", 1)[1], timeout=3)
        seen = {}
        try:
            other = self.servers["n2"].unix()
            other.done("POST", "/1.0/profiles", {"name": "evp"})
            other.done("DELETE", "/1.0/profiles/evp")
            self.n1().done("POST", "/1.0/instances?target=n2", {"name": "evi", "source": {"type": "image", "alias": "tiny"}})
            self.n1().done("DELETE", "/1.0/instances/evi")
            token = self.n1().ask("POST", "/1.0/cluster/members", {"server_name": "n9"})
            self.n1().done("DELETE", token.json["operation"])
            while set(seen) != kinds:
                op, text = socket.read_any()
                if op == 9:  # nothing has come for as long as a ping takes
                    continue
                event = json.loads(text)
                seen.setdefault(kind_of_event(event), names(event))
        except TimeoutError:
            pass
        finally:
            socket.close()
        return {"status": 101, "keys": sorted(f"{k}: {key}" for k, keys in seen.items() for key in keys)}

    # --- comparing ----------------------------------------------------------------------------------------

    def compare(self, r, wanted, got):
        """What differs, in words."""
        found = [f"{fact}: {wanted.get(fact)!r} was, {got.get(fact)!r} is" for fact in FACTS
                 if wanted.get(fact) != got.get(fact)]
        if "envelope" in got and got["envelope"] != self.golden["envelope"]:
            found.append(f"envelope: {got['envelope']}")
        if wanted.get("type") == got.get("type"):
            where = re.match(r"/1\.0/(cluster/\w+|\w*)|", r["ask"].split(" ", 1)[1])[1] or ""
            had, has = set(wanted.get("keys", ())), set(got.get("keys", ()))
            lacks = {k for k in had - has if not self.is_known(LACKS, where, k)}
            unknown = {k for k in has if "[]." in k and not any(h.startswith(k.split(".")[0]) for h in had)}  # none was there
            adds = {k for k in has - had - unknown if not r.get("cut") and not self.is_known(ADDS, where, k)}
            found += [f"lacks {sorted(lacks)}"] * bool(lacks) + [f"adds {sorted(adds)}"] * bool(adds)
        return found

    def is_known(self, table, where, key):
        self.seen.add(f"{where} {key}")
        return f"{where} {key}" in table

    def one(self, r):
        """What is wrong about one recording, in words."""
        before = getattr(self, "before_" + r["n"], None)
        if before:
            before()
        _, instead = DIFFERS.get(r["n"], ("", {}))
        if instead is NOT_ASKED:
            return []
        got = self.facts(r)
        if instead and not self.compare(r, r, got):
            return ["does not differ any more"]
        like = next(x["keys"] for x in self.recordings() if x["n"] == instead.get("like", r["n"]))
        return self.compare(r, {**r, "keys": like + instead.get("more", []), **instead}, got)

    def recordings(self):
        recordings = self.golden["recordings"]
        for n, r in recordings.items():
            keys = r.get("keys", [])
            yield {**r, "n": n, "keys": recordings[keys]["keys"] if isinstance(keys, str) else keys}

    def test_all_recordings(self):
        wrong, self.seen = [], set()
        for r in self.recordings():
            try:
                found = self.one(r)
            except Exception as e:  # the others are asked all the same
                found = [f"{type(e).__name__}: {e}"[:300]]
            wrong += [f"{r['n']} {r['ask']}: " + "; ".join(found)] * bool(found)
        wrong += [f"not needed any more: {k}" for k in {**ADDS, **LACKS} if k not in self.seen]
        self.assertFalse(wrong, "\n".join([f"{len(wrong)} of {len(self.golden['recordings'])} differ:"] + wrong))

    def test_nothing_is_left_out_in_silence(self):
        asked, left = set(self.golden["recordings"]), set(self.golden["left_out"])
        self.assertEqual((len(asked) + len(left), asked & left), (self.golden["count"], set()))
        self.assertEqual(set(DIFFERS) - asked, set())
        with open(os.path.join(ROOT, "docs/differences.md")) as f:
            rows = [line.split("|")[1] for line in f if line.startswith("| ")]
        named = [row for row, _ in DIFFERS.values()] + list(LACKS.values())
        self.assertEqual([n for n in named if not any(n in row for row in rows)], [])
        has = self.n1().get("/1.0").metadata["api_extensions"]
        self.assertEqual([e for e in ADDS.values() if e not in has], [])


if __name__ == "__main__":
    unittest.main()
