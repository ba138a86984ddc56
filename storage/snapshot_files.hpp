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

/// DIR/state holds the state stores: DIR/state/N with the highest N counts. Requests may still read
/// an older one while a snapshot takes its place; it is removed at the next start.
std::string state_root(const std::string& data_dir);
std::string state_directory(const std::string& data_dir);
/// Where a snapshot is received, and where checkpoints are made to be sent.
std::string incoming_directory(const std::string& data_dir);
std::string outgoing_directory(const std::string& data_dir, std::uint64_t n);
/// The received snapshot, whole and synced, becomes the state: one rename.
status install_snapshot(const std::string& data_dir);
/// At each start: makes DIR/state and removes what is not the state.
status prepare_state(const std::string& data_dir);

}  // namespace muster::storage
