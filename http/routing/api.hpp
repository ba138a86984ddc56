#pragma once
#include "actors/link/pump.hpp"
#include "http/message/envelope.hpp"
#include "http/message/json_reader.hpp"
#include "http/message/json_writer.hpp"
#include "http/routing/endpoints.hpp"
#include "http/routing/router.hpp"
#include "http/routing/services.hpp"
#include "http/server/front.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

namespace muster::http {

class exec_sessions;
class operation_waits;

/// What a caller may do.
enum class access : unsigned char { none, metrics, restricted, full, member };

/// Who asks, as this member knows it.
struct caller {
  access may = access::none;
  std::vector<std::string> projects;  ///< restricted: all that it sees

  [[nodiscard]] bool sees(const std::string& project) const {
    return may == access::full || may == access::member ||
           std::find(projects.begin(), projects.end(), project) != projects.end();
  }
  /// Of URLs, those of projects that it sees.
  [[nodiscard]] std::vector<std::string> seen_of(std::vector<std::string> urls) const;
};

/// The /1.0 API: what its resources (http/resources/) share. Thread-safe after start.
class api {
public:
  explicit api(services with);
  ~api();

  /// Filled by the resources before the first request.
  router& routes() { return routes_; }

  response handle(request& r);
  /// What is answered on the head alone, before a body is read.
  [[nodiscard]] admission admit(request& r) const;
  /// Nobody that is trusted.
  [[nodiscard]] bool is_stranger(const peer_info& peer) const;
  /// Ends what is passed on to other members for this certificate.
  void cut_off(const std::string& fingerprint) { splices_.cut_off(fingerprint); }
  /// The tokens of the cluster as operations of this member: those that came and went.
  void follow_tokens();
  /// What another member tells of an operation of its own.
  void hear_operation(const std::string& event_json);
  upgrade_answer on_upgrade(const std::string& protocol, request& r);
  static bool is_upload(const std::string& method, const std::string& path);

  // Shared by the resource files.
  using state_handler = std::function<response(const request&, const captures&, const state_view&)>;
  /// A read: after a read index, or the local replica marked stale.
  handler reading(state_handler h);
  /// Whether the handler of a request never blocks.
  [[nodiscard]] bool is_quick(request& r) const;
  [[nodiscard]] caller caller_of(const request& r) const;
  [[nodiscard]] access access_of(const request& r) const { return caller_of(r).may; }
  static requestor requestor_of(const request& r);
  /// A member asks, or speaks for a client.
  [[nodiscard]] bool is_of_member(const request& r) const;
  /// Whether the same client asks, from whatever address.
  static bool is_of_same(const requestor& who, const request& r);
  /// Name in `?project=`, or the default one.
  static std::string project_asked(const request& r);
  /// The project of `?project=`; none if it does not exist. Objects of features a project does not
  /// have lie in the default one.
  static project_id project_of(const state_view& s, const request& r, std::string_view feature);
  result<outcome> submit(const request& r, command_body body);
  /// Empty sync answer or the error; comes later.
  response submitted(const request& r, command_body body);
  /// What a change comes to against one state: an answer at once, or a command and its answer.
  struct change {
    std::optional<response> answer;
    std::optional<command_body> body;
    response done;

    change(response r) : answer(std::move(r)) {}  // NOLINT: handlers return either
    change(command_body b, response d) : body(std::move(b)), done(std::move(d)) {}
  };
  using changer = std::function<change(const request&, const state_view&)>;
  /// Tries on the local replica first: a command that says what it expects to find is refused by
  /// apply if that was not so, and nothing is answered from a state that may be old. Then, once
  /// more after a read index. Comes later. @param trusts_local false: the command does not say what
  /// it expects, so the read index comes first.
  response changing(const request& r, changer how, bool trusts_local = true);
  /// The same from a slow route, for what decides who may what: every member that is online has it
  /// when it is answered. Blocks.
  response change_everywhere(const request& r, const changer& how);
  /// A task of this member, with the usual answer.
  response start_operation(node::operation what,
                           std::function<status(node::operations::handle&)> work,
                           std::function<void()> on_cancel = {});
  static std::map<std::string, std::string> forwarded_headers(const request& r);
  /// Passes the request on to a member and its answer back.
  response forward(const request& r, const member& to);
  /// This member leaves its cluster, if it is empty.
  response leave_cluster(const request& r);
  /// A new operation of this member.
  node::operation new_operation(std::string description, std::string project = {});
  node::node& server() { return node_; }
  images::fetcher& images() { return with_.images; }
  [[nodiscard]] const scheduler::scheduler_handle& scheduler() const { return with_.scheduler; }
  void when_files_dropped(std::function<void()> then) { with_.when_files_dropped(std::move(then)); }
  row_bell& rows() { return with_.rows; }
  listeners& addresses() { return with_.addresses; }
  void shut_down() { with_.shut_down(); }
  [[nodiscard]] bool is_ready() const { return with_.is_ready(); }
  instances::lxc_driver& driver() { return *with_.driver; }
  exec_sessions& execs() { return *execs_; }
  operation_waits& waits() { return *waits_; }
  /// Has this member's instances actor do something, and waits for it.
  status order(const request& r, instances::order what);
  /// The member to pass a request about this instance on to, or nothing if it lives here.
  std::optional<response> passed_to_owner(const request& r, const state_view& s,
                                          const instance& row);
  /// Members that can be reached now.
  [[nodiscard]] std::set<member_id> online() const { return node_.online(); }
  /// GETs this of all other members that are online, at the same time. Bodies of the answers with
  /// 200; who does not answer in time is left out.
  std::vector<std::string> ask_others(const state_view& s, const std::string& target,
                                      std::chrono::seconds within = std::chrono::seconds(1));
  [[nodiscard]] std::vector<member> others_online(const state_view& s) const;
  /// Waits until what was written here is in force on every other member that is online, so that
  /// who is asked next makes no difference. Blocks; rare changes only.
  void seen_everywhere();
  /// Waits until no role is on the move and every member that is online shows them so. Blocks.
  void roles_rest();
  /// On the leader: whether they rest, within a second.
  bool wait_for_roles(log_index index);
  [[nodiscard]] std::optional<member> local_member(member_id id) const;

private:
  static failure kept_changing();
  response try_change(std::shared_ptr<const request> r, changer how, bool is_current);
  response change_again(std::shared_ptr<const request> r, changer how);

  response dispatch(request& r);
  [[nodiscard]] std::optional<response> told_removed(const request& r) const;
  void take_identity(request& r) const;
  [[nodiscard]] string_map server_config_now() const {
    return node_.local_view()->only<server_config>().value_or(server_config{}).config;
  }
  [[nodiscard]] std::map<std::string, std::string> cross_site_headers(const request& r) const;
  response handle_known(request& r);
  void tell_of(const request& r) const;
  [[nodiscard]] bool is_foreign(const request& r, bool is_upgrade) const;
  [[nodiscard]] bool sees_home(const request& r, const caller& asks) const;
  [[nodiscard]] bool may_bounded(const request& r, const caller& asks) const;
  [[nodiscard]] bool may(const request& r, const caller& asks) const;
  [[nodiscard]] std::optional<response> refused(const request& r, const caller& asks) const;
  std::optional<response> forwarded_to_target(const request& r);

  upgrade_answer open_events(const request& r, const caller& who);
  upgrade_answer open_operation(const request& r);

  services with_;
  node::node& node_;
  std::unique_ptr<exec_sessions> execs_;
  link::pump splices_;  ///< WebSockets of operations on other members
  router routes_{endpoints()};
  std::unique_ptr<operation_waits> waits_;
  std::mutex tokens_lock_;  ///< one at a time compares tokens with operations
};

/// Leaves out what lies in projects that the caller does not see.
template <class T>
void drop_unseen(const state_view& s, const caller& who, std::vector<T>& rows) {
  std::map<std::uint64_t, bool> known;
  std::erase_if(rows, [&](const T& row) {
    const auto id = row.head.project.value;
    const auto at = known.find(id);
    if (at != known.end()) return !at->second;
    const auto p = s.row<project>({}, {id});
    return !(known[id] = p && who.sees(p->name));
  });
}

/// Objects as Incus shows them.
namespace render {
/// @param with_secrets for whoever began it.
std::string operation(const node::operation& o, bool with_secrets = false);
/// A token as an operation; its metadata, with the secret, is private.
node::operation operation_of(const token& t, const std::string& secret);
std::string token_operation(const token& t, const std::string& secret);
std::string event(const muster::event& e, const std::string& location);
std::string operation_event(const node::operation& o, const std::string& location);
/// `{space, inodes}` of this server's part of a storage pool.
void pool_space(json_writer& w, const std::string& data_dir, const object& pool);
std::string time(std::uint64_t ms);
/// Zero time for 0.
std::string time_or_zero(std::uint64_t ms);
}  // namespace render

/// JSON list of `items`; those the filter of the request refuses are left out.
result<std::string> filtered_list(const request& r, const std::vector<std::string>& items);
/// Recursion 0: a list of URLs; else the objects, filtered.
response list_answer(const request& r, const std::vector<std::string>& urls,
                     const std::vector<std::string>& objects);
/// `?recursion=` as a number.
int recursion_of(const request& r);

}  // namespace muster::http
