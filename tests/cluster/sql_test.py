"""`incus admin sql`: the state as tables, to be read."""
import os
import subprocess
import unittest

from loopback import ROOT
from on_three import OnThree

INCUS = os.environ.get("MUSTER_INCUS", os.path.join(ROOT, "build/incus-client/incus"))


class Sql(OnThree):
    def ask(self, query, database="global"):
        return self.cluster[1].unix().ask("POST", "/internal/sql", {"database": database, "query": query})

    def rows(self, query, database="global"):
        answer = self.ask(query, database)
        self.assertEqual(answer.status, 200, answer)
        return answer.metadata["Results"][-1]["rows"]

    def test_tables(self):
        self.assertEqual(self.rows("SELECT name, address FROM nodes ORDER BY id"),
                         [[m.name, m.address] for m in self.cluster.members])
        self.assertEqual(self.rows("SELECT n.name, s.state FROM storage_pools_nodes s JOIN nodes n ON n.id = s.node_id "
                                   "JOIN storage_pools p ON p.id = s.storage_pool_id WHERE p.name = 'default' ORDER BY 1"),
                         [["n1", 1], ["n2", 1], ["n3", 1]])
        self.assertEqual(self.rows("SELECT count(*) FROM raft_nodes WHERE role = 0", "local"), [[3]])
        self.assertEqual(self.rows("SELECT count(*) FROM certificates WHERE type = 2"), [[3]])
        self.cluster[0].unix().done("PATCH", "/1.0", {"config": {"user.a": "b"}})
        self.assertEqual(self.rows("SELECT value FROM config WHERE key = 'user.a'"), [["b"]])
        for table in ("images", "images_nodes", "projects", "profiles", "instances", "networks", "networks_nodes"):
            self.rows(f"SELECT * FROM {table}")
        both = self.ask("SELECT 1; SELECT 2.5, NULL").metadata["Results"]
        self.assertEqual([r["rows"] for r in both], [[[1]], [[2.5, None]]])

    def test_what_is_refused(self):
        for query in ("DELETE FROM nodes", "INSERT INTO nodes (id) VALUES (9)", "DROP TABLE nodes", "PRAGMA user_version = 3",
                      "ATTACH '/tmp/x' AS x", "SELECT load_extension('x')", "CREATE TABLE x (y)", "VACUUM INTO '/tmp/x'",
                      "SELECT 1; UPDATE nodes SET name = 'x'"):
            refused = self.ask(query)
            self.assertEqual(refused.status, 400, (query, refused))
        self.assertIn("never by SQL", self.ask("DELETE FROM nodes").json["error"])
        self.assertIn("no such table", self.ask("SELECT * FROM nowhere").json["error"])
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
        self.assertEqual(self.ask(endless + "count(*) FROM c").status, 504)
        self.assertEqual(self.ask(endless + "printf('%1000d', x) FROM c").status, 413)
        self.assertEqual(self.ask("SELECT 1").status, 200)

    def test_the_stock_client(self):
        env = {**os.environ, "INCUS_CONF": os.path.join(self.cluster.folder, "conf"), "INCUS_DIR": self.cluster[2].dir}

        def run(*arguments):
            return subprocess.run([INCUS, "admin", "sql", *arguments], env=env, capture_output=True, text=True, timeout=30)
        self.assertIn("| n2 ", run("global", "SELECT name, address FROM nodes").stdout)
        self.assertIn("CREATE TABLE nodes", run("global", ".schema").stdout)
        self.assertIn("never by SQL", run("global", "DELETE FROM nodes").stderr)


if __name__ == "__main__":
    unittest.main()
