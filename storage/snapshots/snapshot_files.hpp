#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <string>

namespace muster::storage {

/// DIR/state holds the state stores: DIR/state/N with the highest N counts. Requests may still read
/// an older one while a snapshot takes its place; it is removed then.
std::string state_root(const std::string& data_dir);
std::string state_directory(const std::string& data_dir);
/// Where a snapshot is received, what is to come of it, and where checkpoints are made to be sent.
std::string incoming_directory(const std::string& data_dir);
std::string incoming_manifest(const std::string& data_dir);
std::string outgoing_directory(const std::string& data_dir, std::uint64_t n);
/// The received snapshot, whole and synced, becomes the state: one rename.
status install_snapshot(const std::string& data_dir);
/// What was received so far is not wanted any more.
status drop_incoming(const std::string& data_dir);
/// At each start: makes DIR/state and removes checkpoints that were to be sent.
status prepare_state(const std::string& data_dir);
/// Removes states that another has taken the place of: once that one is open, and nobody reads in
/// them.
status drop_replaced(const std::string& data_dir);

}  // namespace muster::storage
