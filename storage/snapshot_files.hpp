#pragma once
#include "schemas/raft_types.hpp"
#include "schemas/result.hpp"

#include <functional>
#include <memory>
#include <string>

namespace muster::storage {

/// A checkpoint as one stream of bytes: for each file its name, size and content, at the end the
/// SHA-256 of everything before.
class snapshot_sender {
public:
  /// Owns `directory` and removes it at the end.
  static result<std::unique_ptr<snapshot_sender>> open(const std::string& directory);
  ~snapshot_sender();
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// Up to `max` next bytes; empty at the end. @errors errc::corrupt if a file cannot be read.
  result<std::string> next(std::size_t max);

private:
  snapshot_sender();
  struct state;
  std::unique_ptr<state> state_;
};

/// Takes such a stream apart into `directory`, which it makes anew.
class snapshot_receiver {
public:
  static result<std::unique_ptr<snapshot_receiver>> open(const std::string& directory);
  ~snapshot_receiver();
  status take(std::string_view bytes);
  /// All bytes came and the checksum holds; every file is synced. @errors errc::corrupt
  status finish();

private:
  snapshot_receiver();
  struct state;
  std::unique_ptr<state> state_;
};

/// Puts `incoming` in the place of `state`. A marker file makes it go on after a crash:
/// call `finish_install` at each start before the state store is opened.
status install_snapshot(const std::string& data_dir);
/// True if an install that had begun was finished now.
result<bool> finish_install(const std::string& data_dir);
/// DIR/state and DIR/state.incoming.
std::string state_directory(const std::string& data_dir);
std::string incoming_directory(const std::string& data_dir);

}  // namespace muster::storage
