"""Images of other servers: what is shown without a certificate, by a secret, and how it comes to a cluster."""
import os
import ssl
import unittest

from clients import make_certificate, trust
from loopback import Cluster, upload_image, wait_for


def pem_of(member):
    return ssl.get_server_certificate(("127.0.0.1", member.port))


class ImageServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.far = Cluster(2)
        cls.near = Cluster(3)
        cls.near.wait_voters(3)
        cls.server = cls.far[0]
        cls.private = upload_image(cls.server.unix(60), cls.far.folder)
        cls.public = upload_image(cls.server.unix(60), cls.far.folder, "open", "2")
        cls.server.unix().done("PATCH", f"/1.0/images/{cls.public}", {"public": True})

    @classmethod
    def tearDownClass(cls):
        cls.near.__exit__(None, None, None)
        cls.far.__exit__(None, None, None)

    def source(self, **more):
        return {"type": "image", "mode": "pull", "protocol": "incus", "server": f"https://{self.server.address}",
                "certificate": pem_of(self.server), **more}

    def secret(self, fingerprint, at=None):
        return (at or self.server).unix().ask("POST", f"/1.0/images/{fingerprint}/secret", {}).json["metadata"]["metadata"]["secret"]

    def ended(self, client, answer):
        return client.get(answer.json["operation"] + "/wait?timeout=60").metadata

    def drop(self, *fingerprints):
        for f in fingerprints:
            self.near[0].unix(60).done("DELETE", f"/1.0/images/{f}")

    def test_who_shows_no_certificate_sees_what_is_public(self):
        nobody = self.far[1].tls()
        self.assertEqual(nobody.get("/1.0/images").metadata, [f"/1.0/images/{self.public}"])
        self.assertEqual([i["fingerprint"] for i in nobody.get("/1.0/images?recursion=1").metadata], [self.public])
        self.assertEqual(nobody.get("/1.0/images/aliases").metadata, ["/1.0/images/aliases/open"])
        self.assertEqual(nobody.get("/1.0/images/aliases/open").metadata["target"], self.public)
        self.assertEqual(nobody.get(f"/1.0/images/{self.public}").status, 200)
        with open(os.path.join(self.server.dir, "images", self.public), "rb") as f:
            self.assertEqual(nobody.get(f"/1.0/images/{self.public}/export").body, f.read())
        self.server.unix().ask("POST", "/1.0/projects", {"name": "hidden"})
        for path in ("/1.0/images", "/1.0/images/aliases", "/1.0/images/x", "/1.0/images/aliases/x"):
            there, not_there = (nobody.get(f"{path}?project={p}") for p in ("hidden", "missing"))
            self.assertEqual((there.status, there.body), (not_there.status, not_there.body), path)
        missing = nobody.get("/1.0/images/aliases/none")
        for path in ("aliases/tiny",):
            self.assertEqual(nobody.get(f"/1.0/images/{path}").body, missing.body)
        for end in ("", "/export"):
            hidden = nobody.get(f"/1.0/images/{self.private}{end}")
            none = nobody.get(f"/1.0/images/{'0' * 64}{end}")
            self.assertEqual((hidden.status, hidden.body.replace(self.private.encode(), b"")),
                             (none.status, none.body.replace(b"0" * 64, b"")))
        for method, path in (("POST", "/1.0/images"), ("DELETE", f"/1.0/images/{self.public}"), ("PATCH", f"/1.0/images/{self.public}"),
                             ("POST", f"/1.0/images/{self.public}/secret"), ("POST", "/1.0/images/aliases")):
            self.assertEqual(nobody.ask(method, path, {}).status, 403, (method, path))

    def test_a_secret_opens_one_image_on_every_member(self):
        secret = self.secret(self.private)
        nobody = self.far[1].tls()
        self.assertEqual(nobody.get(f"/1.0/images/{self.private}?secret={secret}").status, 200)
        self.assertEqual(nobody.get(f"/1.0/images/{self.private}/export?secret={secret}").status, 200)
        other = upload_image(self.server.unix(60), self.far.folder, "third", "3")
        until, signature = secret.split("-")
        for wrong in ("", "x", "-", secret[:-1], f"{int(until) + 1}-{signature}", f"1-{signature}", "9" * 40 + "-" + signature):
            self.assertEqual(nobody.get(f"/1.0/images/{self.private}/export?secret={wrong}").status, 404, wrong)
        self.assertEqual(nobody.get(f"/1.0/images/{other}/export?secret={secret}").status, 404)
        shown = self.server.unix().get("/1.0/operations?recursion=1&all-projects=true").body.decode()
        self.assertNotIn(signature, shown)

    def test_a_client_with_bounds_gets_secrets_in_its_project_only(self):
        self.server.unix().ask("POST", "/1.0/projects", {"name": "own"})
        pair = make_certificate(self.far.folder, "bounded")
        trust(self.server, "bounded", pair, restricted=True, projects=["own"])
        bounded = self.server.tls(*pair)
        self.assertEqual(bounded.ask("POST", f"/1.0/images/{self.private}/secret", {}).status, 403)
        self.assertEqual(bounded.ask("POST", f"/1.0/images/{self.private}/secret?project=own", {}).status, 404)

    def test_images_are_copied(self):
        c = self.near[1].unix(60)
        done = c.done("POST", "/1.0/images", {"source": self.source(alias="open"), "aliases": [{"name": "copied"}]})
        self.assertEqual(done["metadata"]["fingerprint"], self.public)
        shown = c.get(f"/1.0/images/{self.public}").metadata
        self.assertEqual((shown["cached"], shown["public"], shown["properties"]["release"]), (False, False, "2"))
        for m in self.near.members:
            self.assertTrue(os.path.exists(os.path.join(m.dir, "images", self.public)))
        c.done("POST", "/1.0/images", {"source": self.source(fingerprint="open"), "aliases": [{"name": "again"}], "public": True,
                                       "properties": {"release": "mine"}})
        again = c.get(f"/1.0/images/{self.public}").metadata
        self.assertEqual((again["public"], again["properties"]["release"]), (True, "mine"), "what is asked for holds for one that is there, too")
        self.assertEqual(sorted(a["name"] for a in c.get(f"/1.0/images/{self.public}").metadata["aliases"]), ["again", "copied"])
        c.done("POST", "/1.0/images", {"source": self.source(fingerprint=self.private, secret=self.secret(self.private))})
        self.drop(self.public)
        c.done("POST", "/1.0/images", {"source": self.source(alias="open"), "properties": {"release": "own"}})
        self.assertEqual(c.get(f"/1.0/images/{self.public}").metadata["properties"]["release"], "own")
        self.drop(self.public, self.private)

    def test_what_is_refused(self):
        c = self.near[0].unix(60)
        ask = lambda source: c.ask("POST", "/1.0/images", {"source": source}).json
        self.assertIn("couldn't be found", ask(self.source(alias="tiny"))["error"])
        self.assertIn("couldn't be found", ask(self.source(fingerprint=self.private, secret="1-x"))["error"])
        self.assertIn("certificate", ask({**self.source(alias="open"), "certificate": ""})["error"])
        self.assertIn("certificate", ask({**self.source(alias="open"), "certificate": pem_of(self.near[0])})["error"])
        self.assertIn("simplestreams", ask(self.source(alias="open", protocol="simplestreams"))["error"])
        self.assertIn("https://", ask({**self.source(alias="open"), "server": "http://127.0.0.1"})["error"])
        self.assertEqual(ask({**self.source(alias="open"), "server": "https://127.0.0.1:1"})["error_code"], 503)
        split = f"https://{self.server.address}\r\nX-Incus-forwarded-protocol: unix"
        self.assertIn("damaged", ask({**self.source(alias="open"), "server": split})["error"])
        self.assertEqual(c.get("/1.0/images").metadata, [])

    def test_instances_bring_their_image(self):
        c = self.near[0].unix(60)
        make = lambda name, target, **more: c.ask("POST", f"/1.0/instances?target={target}", {"name": name, "source": self.source(**more)})
        self.assertEqual(self.ended(c, make("c1", "n2", alias="open"))["status"], "Success")
        self.assertTrue(c.get(f"/1.0/images/{self.public}").metadata["cached"])
        self.assertEqual(self.ended(c, make("c2", "n3", fingerprint=self.public))["status"], "Success")
        for name in ("c1", "c2"):
            c.done("DELETE", f"/1.0/instances/{name}")
        self.drop(self.public)

    def test_a_file_that_nobody_can_give_comes_from_the_server_that_is_named(self):
        with Cluster(3) as c:
            unix = c[0].unix(60)
            unix.done("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": "1"}})
            c[2].unix(60).done("POST", "/1.0/images", {"source": self.source(alias="open")})
            wait_for(lambda: not os.path.exists(os.path.join(c[0].dir, "images", self.public)))
            c[2].kill()
            plain = {"name": "c1", "source": {"type": "image", "fingerprint": self.public}}
            refused = unix.ask("POST", "/1.0/instances?target=n1", plain).json["operation"]
            self.assertIn("its file is on n3", unix.get(refused + "/wait?timeout=60").json["error"])
            named = {"name": "c1", "source": self.source(fingerprint=self.public)}
            self.assertEqual(self.ended(unix, unix.ask("POST", "/1.0/instances?target=n1", named))["status"], "Success")
            c[2].start().wait_ready()


if __name__ == "__main__":
    unittest.main()
