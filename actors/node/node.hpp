#pragma once
#include "actors/link/tls/https_client.hpp"
#include "actors/link/tls/tls_stream.hpp"
#include "actors/node/join_token.hpp"
#include "actors/node/member_files.hpp"
#include "actors/node/operations.hpp"
#include "actors/node/removal/reset_files.hpp"
#include "actors/node/runtime.hpp"
#include "actors/node/trust.hpp"
#include "schemas/acting_member.hpp"

#include <map>
#include <set>
#include <shared_mutex>

namespace muster::node {

inline constexpr const char* version = "6.0.4";  ///< of the API that is spoken
inline constexpr const char* muster_version = "0.1.0";

/// As uname -m says.
std::string machine();

struct node_settings {
  std::string data_dir;
  std::string name;         ///< for a new member; else what the state says
  std::string address;      ///< host:port of HTTPS; empty: unix socket only
  std::uint32_t level = 1;  ///< of this build; see raise_level
  rocksdb::Env* env = nullptr;
  raft::stop_member stop_member;
  std::function<void(const std::string&)> log;
  // Hooks of the HTTP front; set before start.
  std::function<void(const std::vector<event>&)> show_events;
  std::function<void(const operation&)> show_operation;
  std::function<void(const std::string& json)> show_remote_operation;
  std::function<void(const row_changes&)> show_changes;
  /// A member runs, or a snapshot has taken its state's place: anything may be another.
  std::function<void()> show_replaced;
  std::function<void(const std::string& fingerprint)> cut_off;
};

/// How current a read must be: up to date, or else the local replica marked stale; up to date, or
/// else refused; the local replica at once.
enum class freshness : std::uint8_t { usual, strict, stale };

/// Key and certificate as members send them. @errors errc::bad_request
result<tls::pem_pair> unpack_pair(std::string_view bytes);

/// This server: what it is called, whom it trusts, the member that runs in it at present. Its
/// member changes once, when a standalone server joins a cluster. Thread-safe.
class node {
public:
  node(caf::actor_system& system, node_settings with);
  ~node();

  /// Resumes what the directory holds, finishes a join that a crash has cut short, else begins anew
  /// as a standalone server, or as a cluster of one.
  status start(bool bootstrap);
  /// Before a stop: leadership and role go to others; waits, at most limits::hand_over_deadline.
  void hand_over();
  void stop();

  // --- the cluster, for requests
  result<outcome> write(command_body body, const requestor& who, const std::string& trace,
                        clock::time_point deadline);
  /// As runtime::begin_write. @errors errc::unavailable while no member runs.
  void begin_write(command_body body, const requestor& who, const std::string& trace,
                   clock::time_point deadline, raft::write_answer answer) const;
  struct reading {
    std::unique_ptr<state_view> state;
    std::optional<std::uint64_t> stale_seconds;  ///< as `staleness`
  };
  /// Seconds since a quorum was heard; set if the local replica answers without one.
  using staleness = std::optional<std::uint64_t>;
  /// `ready` is called once, from any thread, when `local_view` is as fresh as wanted; must not
  /// block. @errors errc::no_quorum, errc::busy
  void begin_read(freshness wanted, std::function<void(result<staleness>)> ready) const;
  result<reading> read(freshness wanted) const;
  /// Waits until this member has applied all that was committed when it was asked.
  [[nodiscard]] status wait_readable() const;
  /// @errors errc::unavailable while no member runs (a join is under way).
  result<std::shared_ptr<runtime>> now() const;
  /// Why nothing may be served here: the state is wrong, or the cluster has gone on without this
  /// member. None: all is well.
  [[nodiscard]] std::optional<failure> barred() const;
  /// The local replica; nothing while no member runs.
  [[nodiscard]] std::unique_ptr<state_view> local_view() const;
  /// Members that can be reached now, this one among them.
  [[nodiscard]] std::set<member_id> online() const;
  /// None while no member runs, while this one is barred, and once its row is gone.
  [[nodiscard]] std::optional<acting_member> acting() const;

  // --- who this is
  [[nodiscard]] member_id self() const;
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool is_clustered() const;
  [[nodiscard]] const std::string& data_dir() const { return with_.data_dir; }
  [[nodiscard]] std::string address() const;
  /// Where it is found from now on.
  void set_address(const std::string& address);
  [[nodiscard]] tls::pem_pair own_pair() const { return own_; }
  /// What clients are shown: cluster.crt, or server.crt of a standalone server.
  [[nodiscard]] tls::pem_pair shown_pair() const;
  [[nodiscard]] std::shared_ptr<tls::server_contexts> contexts() const { return contexts_; }
  [[nodiscard]] std::optional<trusted> find_trusted(const std::string& fingerprint) const {
    return trust_.find(fingerprint);
  }
  operations& ops() { return operations_; }
  /// Since when a member is offline, ms since the epoch; none: it is online.
  [[nodiscard]] std::optional<std::uint64_t> silent_since_ms(member_id id,
                                                             const member_standing& noted) const;
  void tell_others(const std::string& operation_json);
  [[nodiscard]] codec::probe_report report() const;
  /// What is due each minute: old snapshots go, the leader drops tokens whose time has passed.
  void keep_house();

  // --- becoming a cluster
  status enable(const std::string& name, const requestor& who, const std::string& trace);
  /// Joins the cluster of the token; blocks until this server has applied its own membership.
  status join(const join_intent& intent);
  /// The other side: what a joiner may have. @param fingerprint of the joiner's certificate.
  result<codec::join_accepted> accept_join(const codec::join_request& asked,
                                           const std::string& certificate,
                                           const std::string& fingerprint,
                                           const std::string& address);
  /// Whether a token with this secret is known here, or after a read index. Nothing that a stranger
  /// makes up reaches the log. @errors errc::forbidden, errc::busy when too many were unknown.
  status expect_token(token_kind kind, const std::string& secret_hash);
  /// A member has said where it is now.
  status relocate(member_id who, const std::string& address, const requestor& by);
  /// A stream of another member has come in by an upgrade. @errors errc::forbidden
  status accept_link(const std::string& fingerprint, std::shared_ptr<tls::stream> stream);
  // --- what clients are shown
  /// Replaces the cluster certificate on all members, or on none. Blocks.
  /// @errors errc::unavailable with the member that is away or has refused.
  status replace_certificate(const tls::pem_pair& next, const std::set<member_id>& online,
                             const requestor& who, const std::string& trace);
  /// A pair that will count once the log says so.
  [[nodiscard]] status lay_ready(const tls::pem_pair& next) const;
  void drop_ready() const;
  [[nodiscard]] std::string packed_pair() const;

  // --- leaving it
  /// What the server of this certificate is told if it was taken out as member `id`: it may have
  /// joined again since.
  [[nodiscard]] std::optional<removal_notice> notice_for(const std::string& fingerprint,
                                                         member_id id) const;
  /// Whether it is no member and the log needs it no more.
  [[nodiscard]] bool is_out(member_id id) const;
  /// Tells a removed server, if it is there; else it asks when it is back.
  void tell_removed(const member& gone) const;
  /// This server was taken out. An empty one is made new at once, another by hand.
  void learn_removal(const removal_notice& notice);
  /// Set if this server was taken out and still holds what it had: nothing is served then.
  [[nodiscard]] std::optional<std::string> why_removed() const;
  /// Becomes a new empty server; the old state is kept aside. Blocks.
  void reset();

  /// TLS to another member, authenticated both ways.
  result<std::shared_ptr<tls::stream>> dial_member(const std::string& address,
                                                   const std::string& fingerprint,
                                                   clock::time_point deadline) const;

private:
  status load_certificates();
  [[nodiscard]] status check_reachable() const;
  status begin_new(bool bootstrap);
  status run_member();
  status ensure_bootstrapped(bool enabled);
  void refresh_trust();
  void when_changed(const row_changes& changes);
  void show_standing(bool is_condemned);
  void note_standing(member_id id, bool is_condemned) const;
  void finish_join_if_applied();
  void resume_join(const join_intent& intent);
  status ask_to_join(const join_intent& intent, const join_token& token);
  status take_over(const codec::join_accepted& accepted);
  [[nodiscard]] link::links_settings link_settings();
  void note_refusal(const link::peer& by);
  int knock(const link::peer& at);
  void look_for_own_removal();
  [[nodiscard]] result<tls::pem_pair> load_shown() const;
  [[nodiscard]] result<std::string> ask_certificate(const member& of, const char* method,
                                                    std::string body) const;
  status lay_ready_everywhere(const tls::pem_pair& next, const std::vector<member>& others);
  status commit_certificate(const tls::pem_pair& next, const requestor& who,
                            const std::string& trace);
  void await_shown(const tls::pem_pair& next, const std::vector<member>& others) const;
  void follow_certificate();
  void show_certificate(const tls::pem_pair& pair);
  void fetch_certificate(const std::string& certificate);
  [[nodiscard]] bool is_known_here() const;
  [[nodiscard]] status announce_to(const member& other) const;
  [[nodiscard]] status announce_to_any();
  void announce_address();
  void when_members_changed();
  void end_runtime();
  void note_epoch(const link::peer& of, const codec::hello& own, const codec::hello& theirs);
  status fetch_snapshot(const link::peer& leader, log_index offered,
                        const std::stop_token& stop) const;

  caf::actor_system& system_;
  node_settings with_;
  tls::pem_pair own_;
  tls::pem_pair shown_;
  std::shared_ptr<tls::server_contexts> contexts_;
  trust trust_;
  token_budget strangers_;
  operations operations_;
  mutable std::shared_mutex lock_;
  std::shared_ptr<runtime> runtime_;
  const clock::time_point started_ = clock::now();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_condemned_{false};
  std::atomic<bool> is_superseded_{false};  ///< by a recovery
  std::mutex join_lock_;
  std::mutex refused_lock_;
  std::map<member_id, int> refused_by_;  ///< how often
  mutable std::mutex removed_lock_;
  std::optional<removal_notice> removed_;
  std::atomic<bool> is_removed_{false};  ///< `removed_` is set: requests look at no lock
  std::thread resetting_;
  std::set<member_id> other_epochs_;  ///< members that were told of
  std::thread announcing_;
  std::atomic<bool> fetching_certificate_{false};
  std::mutex fetching_lock_;
  std::thread fetching_;
};

}  // namespace muster::node
