#include "storage/rows/state_store.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <cstdio>

using namespace muster;

namespace {

bool set_key(const state_view& view, row_changes& changes, const char* key, const char* value) {
  auto row = view.only<server_config>();
  if (!row) return false;
  row->config[key] = value;
  changes.rows[key_of(*row)] = std::make_shared<const object>(*row);
  return true;
}

bool erase_instance(const state_view& view, row_changes& changes, const std::string& name) {
  for (const auto& row : view.all<instance>()) {
    if (row.name != name) continue;
    changes.rows[key_of(row)] = nullptr;
    changes.names[{table::instance, row.head.project, name}] = std::nullopt;
    return true;
  }
  return false;
}

}  // namespace

/// muster-change-row DATA-DIR KEY VALUE: sets a server key in the state of a member that is
/// stopped, behind the back of its log; DATA-DIR --erase-instance NAME takes an instance out of it.
int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto store = storage::state_store::open(storage::state_directory(argv[1]), nullptr);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().detail.c_str());
    return 1;
  }
  const auto view = (*store)->view();
  row_changes changes;
  const bool is_found = std::string(argv[2]) == "--erase-instance"
                            ? erase_instance(*view, changes, argv[3])
                            : set_key(*view, changes, argv[2], argv[3]);
  if (!is_found) return 1;
  return (*store)->write(changes, (*store)->meta()) && (*store)->flush() ? 0 : 1;
}
