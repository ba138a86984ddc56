"""The house keeps its order: arrows, sizes, who may include what."""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RANK = {"schemas": 0, "storage": 1, "actors": 2, "http": 3, "tools": 4}
LINES_MAX, FUNCTION_LINES_MAX, FOLDER_FILES_MAX = 600, 70, 15


def sources():
    for top in RANK:
        for at, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".cpp", ".hpp")):
                    path = os.path.join(at, name)
                    with open(path) as f:
                        yield os.path.relpath(path, ROOT), f.read()


def wrong_include(path, text):
    """An include that points back up the house, or a library used outside its room; None if all is well."""
    rank = RANK[path.split("/")[0]]
    for included in re.findall(r'#include [<"]([^">]+)[">]', text):
        top = included.split("/")[0]
        if top in RANK and RANK[top] > rank:
            return f"{path} includes {included}"
        if top == "rocksdb" and not path.startswith("storage/"):
            return f"{path} includes {included}: only storage/ knows RocksDB"
        if included == "httplib.h" and not path.startswith(("http/", "actors/link/")):
            return f"{path} includes httplib"
        core = path.endswith(("_core.cpp", "_core.hpp"))
        if core and (top in ("caf", "capnp", "openssl", "storage", "http") or included in ("thread", "random", "chrono", "fstream")):
            return f"{path} is a core and includes {included}"
    return None


def long_functions(text):
    """Functions whose body is longer than allowed: (first line, lines)."""
    found, start = [], None
    for number, line in enumerate(text.split("\n"), 1):
        if start is None and re.match(r"^\S.*\{$", line) and not re.match(r"^(namespace|class|struct|enum|union|extern)\b", line):
            start = number
        elif start is not None and line.startswith("}"):
            if number - start > FUNCTION_LINES_MAX:
                found.append((start, number - start))
            start = None
    return found


class House(unittest.TestCase):
    def test_arrows_point_one_way(self):
        wrong = [w for w in (wrong_include(p, t) for p, t in sources()) if w]
        self.assertEqual(wrong, [])

    def test_files_and_functions_are_short(self):
        sizes = {p: t.count("\n") for p, t in sources()}
        self.assertEqual([p for p, n in sizes.items() if n > LINES_MAX], [])
        self.assertLessEqual(sorted(sizes.values())[len(sizes) // 2], 200)
        self.assertEqual([(p, f) for p, t in sources() for f in long_functions(t)], [])

    def test_folders_are_small(self):
        for at, _, names in os.walk(os.path.join(ROOT, "actors")):
            count = len([n for n in names if n.endswith((".cpp", ".hpp"))])
            self.assertLessEqual(count, FOLDER_FILES_MAX, at)

    def test_the_checks_see_what_is_wrong(self):
        self.assertTrue(wrong_include("storage/x.cpp", '#include "actors/raft/log.hpp"'))
        self.assertTrue(wrong_include("http/x.cpp", "#include <rocksdb/db.h>"))
        self.assertTrue(wrong_include("actors/roles/roles_core.cpp", "#include <chrono>"))
        self.assertIsNone(wrong_include("http/x.cpp", '#include "actors/raft/log.hpp"'))
        self.assertTrue(long_functions("void f() {\n" + "  x;\n" * 80 + "}\n"))


if __name__ == "__main__":
    unittest.main()
