#pragma once
#include "actors/images/fetcher.hpp"
#include "actors/images/images_core.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <thread>

namespace muster::images {

/// Images, members or what is wanted of them have changed, or a copy has ended.
struct look_at_copies {};
/// Now and then.
struct look_at_copies_again {};

using replicator_handle =
    caf::typed_actor<caf::reacts_to<look_at_copies>, caf::reacts_to<look_at_copies_again>>;

struct replicator_settings {
  node::node* server = nullptr;
  std::function<void(const std::string&)> log;
  raft::stop_member stop;
};

/// Has image files copied to as many members as they should be on, and dropped where they are too
/// many, while this member leads. What it has begun it remembers until it ends; a new leader begins
/// anew, and members that are already getting a file get it once.
class replicator {
public:
  explicit replicator(replicator_settings with) : with_(std::move(with)) {}
  ~replicator();
  /// @param wake called from another thread when a copy has ended
  void look(const std::function<void()>& wake);

private:
  struct attempt {
    int failed = 0;
    node::clock::time_point again;
    std::string why;
  };
  using key = std::pair<std::string, member_id>;

  void begin(const copy& c, const std::function<void()>& wake);
  status carry_out(const copy& c);
  status ask(const member& who, const copy& c);
  std::vector<trim> rested(std::vector<trim> trims);
  void carry_out(const trim& t, const state_view& view);
  void warn(const std::vector<shortage>& all, const acting_member& me);
  [[nodiscard]] std::string why_short(const shortage& s, const state_view& view) const;
  void forget();

  replicator_settings with_;
  std::mutex lock_;  ///< for what follows, which threads of copies change
  under_way coming_;
  std::map<key, attempt> failed_;
  std::set<std::shared_ptr<tls::stream>> asked_;
  std::map<std::string, node::clock::time_point> short_since_;
  std::map<std::string, node::clock::time_point> surplus_since_;
  std::atomic<int> running_{0};
  std::atomic<bool> stopping_{false};
};

struct replicator_state {
  std::unique_ptr<replicator> copies;
  static inline const char* name = "image replicator";
};

/// Detached: it writes to the log, and waits for it.
replicator_handle::behavior_type image_replicator(
    replicator_handle::stateful_pointer<replicator_state> self, replicator_settings with);

/// What the key says, on a state.
int replicas_wanted(const state_view& s);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::look_at_copies)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::look_at_copies_again)
