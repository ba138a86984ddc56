"""The stock client in projects: it waits for events of the project it asked in, and hangs for ever without them."""
import os
import subprocess
import unittest

from incus_test import Incus
from loopback import ROOT, Cluster


class InProjects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.incus = Incus(cls.cluster.folder, cls.cluster[0].dir)
        cls.image = os.path.join(cls.cluster.folder, "tiny.tar.gz")
        subprocess.run([os.path.join(ROOT, "tools/make-image"), cls.image], check=True)
        cls.incus("image", "import", cls.image, "--alias", "tiny")

    def life_in(self, project):
        """Each command has the client's minute, here and on the other member."""
        for member in ("n1", "n2"):
            name = f"c-{member}"
            self.incus("launch", "tiny", name, "--project", project, "--target", member)
            self.assertEqual(self.incus("exec", name, "--project", project, "--", "echo", "there"), "there\n")
            self.incus("stop", "-f", name, "--project", project)
            self.incus("start", name, "--project", project)
            self.incus("config", "set", name, "user.a=b", "--project", project)
            shown = self.incus.json("list", "--project", project, f"name={name}")
            self.assertEqual([(i["name"], i["status"], i["location"], i["project"]) for i in shown],
                             [(name, "Running", member, project)])
            refused = self.incus.run("project", "delete", project)
            self.assertIn("Only empty projects can be removed", refused.stderr)
            self.incus("delete", "-f", name, "--project", project)

    def test_with_images_and_profiles_of_the_default_project(self):
        self.incus("project", "create", "shared", "-c", "features.images=false", "-c", "features.profiles=false")
        self.incus("profile", "create", "web")
        self.incus("init", "tiny", "user", "--project", "shared", "--profile", "default", "--profile", "web")
        self.assertIn("Profile is currently in use", self.incus.run("profile", "delete", "web").stderr)
        self.assertIn("/1.0/instances/user?project=shared", self.incus("profile", "show", "web"))
        self.incus("profile", "rename", "web", "site")
        self.assertEqual(self.incus.json("list", "--project", "shared")[0]["profiles"], ["default", "site"])
        self.incus("delete", "user", "--project", "shared")
        self.incus("profile", "delete", "site")
        self.life_in("shared")
        self.incus("project", "delete", "shared")

    def test_with_everything_of_its_own(self):
        self.incus("project", "create", "own")
        missing = self.incus.run("init", "tiny", "c", "--project", "own")
        self.assertNotEqual(missing.returncode, 0)
        self.incus("image", "import", self.image, "--alias", "tiny", "--project", "own")
        self.incus("profile", "device", "add", "default", "root", "disk", "path=/", "pool=default", "--project", "own")
        self.life_in("own")
        refused = self.incus.run("project", "set", "own", "features.images=false")
        self.assertIn("cannot be disabled on non-empty projects", refused.stderr)
        self.incus("image", "delete", "tiny", "--project", "own")
        self.incus("project", "rename", "own", "mine")
        self.assertIn("mine", [p["name"] for p in self.incus.json("project", "list")])
        self.incus("project", "delete", "mine")


if __name__ == "__main__":
    unittest.main()
