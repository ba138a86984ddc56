#include "tests/simulation/scenario/scenario_file.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

/// muster-scenarios [--rewrite] DIRECTORY|FILE...: 0 if all come out as recorded.
int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  bool rewrite = false;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--rewrite") == 0) {
      rewrite = true;
    } else if (fs::is_directory(argv[i])) {
      for (const auto& file : fs::directory_iterator(argv[i]))
        if (file.path().extension() == ".txt") files.push_back(file.path().string());
    } else {
      files.emplace_back(argv[i]);
    }
  }
  std::sort(files.begin(), files.end());
  std::size_t bad = 0;
  for (const auto& file : files) {
    const auto differs = muster::simulation::run_scenario_file(file, rewrite);
    if (differs.empty()) continue;
    std::printf("%s", differs.c_str());
    ++bad;
  }
  std::printf("%zu scenarios, %zu differ or fail\n", files.size(), bad);
  return files.empty() || bad != 0 ? 1 : 0;
}
