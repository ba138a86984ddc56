#pragma once
#include "actors/link/links.hpp"
#include "schemas/codec/codec.hpp"
#include "schemas/records.hpp"
#include "storage/identity.hpp"

#include <optional>
#include <string>
#include <vector>

/// The files of a data directory that say who this member is, and the steps that change it. Each
/// step can be repeated after a crash.
namespace muster::node {

/// Whether a server runs in it: RocksDB holds a lock on its log meanwhile.
bool is_running(const std::string& data_dir);

/// Whether the directory holds a member; finishes a creation that a crash has cut short.
/// @errors errc::corrupt if identity and raft store are not both there.
result<std::optional<storage::identity>> find_identity(const std::string& data_dir);

/// A new log and who it belongs to. `voter`: the log begins with this member as only voter; else it
/// is empty and waits for a leader.
status create_member(const std::string& data_dir, const storage::identity& who, bool voter);

/// Raises the incarnation, durably. Once at each start, before anything is said to others.
result<storage::identity> begin_incarnation(const std::string& data_dir);

/// A join that was asked for and not yet finished: the token and what else is needed to ask again.
struct join_intent {
  std::string token;
  std::string name;
  std::string address;
  std::vector<member_key> config{};
};
status store_intent(const std::string& data_dir, const join_intent& intent);
std::optional<join_intent> load_intent(const std::string& data_dir);
status store_accepted(const std::string& data_dir, const codec::join_accepted& accepted);
std::optional<codec::join_accepted> load_accepted(const std::string& data_dir);
/// Puts the old state aside into before-join/ and takes the new identity. The member must not be
/// running.
status adopt_accepted(const std::string& data_dir, const codec::join_accepted& accepted);
/// The join is complete: what was kept for the way back goes.
void forget_join(const std::string& data_dir);
void forget_intent(const std::string& data_dir);

std::vector<link::peer> load_peers(const std::string& data_dir);

/// What `cluster edit` has said of a member that has moved; counts while its record says `from`.
struct edited_address {
  member_id id;
  std::string from;
  std::string to;
};
status store_edited(const std::string& data_dir, const std::vector<edited_address>& all);
std::vector<edited_address> load_edited(const std::string& data_dir);
/// Where to dial it.
const std::string& address_of(const member& m, const std::vector<edited_address>& edited);

}  // namespace muster::node
