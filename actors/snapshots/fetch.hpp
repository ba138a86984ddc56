#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"

#include <functional>
#include <stop_token>
#include <string>

namespace muster::snapshots {

/// Another member's snapshot. Each call ends by itself.
struct source {
  /// Of a snapshot that holds this entry and all before it.
  std::function<result<std::string>(log_index at_least)> manifest;
  /// @errors errc::not_found if the other has dropped the snapshot.
  std::function<result<std::string>(const std::string& id, std::size_t n)> chunk;
};

/// Brings a snapshot that holds `at_least` into the incoming directory, whole and synced. Goes on
/// with what an earlier attempt has left there if the other still has that snapshot. Blocks; no
/// two at a time.
status fetch(const source& from, const std::string& data_dir, log_index at_least,
             const std::stop_token& stop, const std::function<void(const std::string&)>& log);

}  // namespace muster::snapshots
