#include "storage/snapshot_files.hpp"
#include "storage/state_store.hpp"

#include <cstdio>

/// muster-change-row DATA-DIR KEY VALUE: sets a server key in the state of a member that is stopped,
/// behind the back of its log.
int main(int argc, char** argv) {
  using namespace muster;
  if (argc != 4) return 2;
  auto store = storage::state_store::open(storage::state_directory(argv[1]), nullptr);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().detail.c_str());
    return 1;
  }
  auto row = (*store)->view()->only<server_config>();
  if (!row) return 1;
  row->config[argv[2]] = argv[3];
  row_changes changes;
  changes.rows[key_of(*row)] = std::make_shared<const object>(*row);
  return (*store)->write(changes, (*store)->meta()) && (*store)->flush() ? 0 : 1;
}
