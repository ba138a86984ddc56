#pragma once
#include "actors/images/images_core.hpp"
#include "actors/node/node.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <list>
#include <thread>

namespace muster::images {

/// Images or what is wanted of them have changed, or a copy has ended.
struct look_at_copies {};
/// Now and then.
struct look_at_copies_again {};

using replicator_handle =
    caf::typed_actor<caf::reacts_to<look_at_copies>, caf::reacts_to<look_at_copies_again>>;

struct replicator_settings {
  node::node* server = nullptr;
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
  /// A copy under way. Its thread asks the member that shall have it, and waits.
  struct order {
    copy what;
    std::mutex lock;
    std::shared_ptr<tls::stream> asked;  ///< shut down to end it early
    bool is_over = false;                ///< under the lock, as what follows
    bool stops = false;
    status how = ok();
    std::jthread works;  ///< last: ends first
  };
  struct attempt {
    int failed = 0;
    node::clock::time_point again;
    std::string why;
  };
  using key = std::pair<std::string, member_id>;

  void take_results();
  void begin(const copy& c, const std::function<void()>& wake);
  status carry_out(order& o);
  std::vector<trim> rested(std::vector<trim> trims);
  void carry_out(const trim& t, const state_view& view);
  std::map<std::string, std::string> said_of(const std::vector<shortage>& all,
                                             const state_view& view);
  void warn(const std::map<std::string, std::string>& said, const state_view& view);

  replicator_settings with_;
  std::list<order> orders_;
  std::map<key, attempt> failed_;
  std::map<std::string, node::clock::time_point> short_since_;    ///< by fingerprint
  std::map<std::string, node::clock::time_point> surplus_since_;  ///< by fingerprint
};

struct replicator_state {
  std::unique_ptr<replicator> copies;
  static inline const char* name = "image replicator";
};

/// Detached: it writes to the log, and waits for it.
replicator_handle::behavior_type image_replicator(
    replicator_handle::stateful_pointer<replicator_state> self, replicator_settings with);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::look_at_copies)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::look_at_copies_again)
