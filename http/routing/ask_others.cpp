#include "http/routing/api.hpp"
#include "schemas/basic/limits.hpp"

#include <atomic>
#include <thread>

namespace muster::http {

namespace {

constexpr auto answer_within = std::chrono::seconds(1);
/// Roles move one by one, each with a catch-up and two changes of the configuration.
constexpr auto rest_deadline = std::chrono::seconds(15);
constexpr std::size_t bytes_max = 4u << 20;
constexpr std::size_t askers_max = 16;

/// What each answers with 200, in their order; none: it did not until the deadline.
std::vector<std::optional<std::string>> ask_each(node::node& n, const std::vector<member>& all,
                                                 const std::string& target,
                                                 clock::time_point deadline) {
  std::vector<std::optional<std::string>> said(all.size());
  std::atomic<std::size_t> next{0};
  const auto ask_some = [&] {
    for (auto i = next++; i < all.size(); i = next++) {
      auto stream = n.dial_member(all[i].address, all[i].fingerprint, deadline);
      if (!stream) continue;
      tls::http_request ask;
      ask.target = target;
      auto answer = tls::ask(**stream, ask, {deadline, bytes_max, {}});
      if (answer && answer->status == 200) said[i] = std::move(answer->body);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(askers_max, all.size()); ++i) threads.emplace_back(ask_some);
  threads.clear();
  return said;
}

}  // namespace

std::vector<member> api::others_online(const state_view& s) const {
  std::vector<member> others;
  const auto who = online();
  for (auto& m : s.all<member>())
    if (m.id() != node_.self() && who.contains(m.id())) others.push_back(std::move(m));
  return others;
}

std::vector<std::string> api::ask_others(const state_view& s, const std::string& target,
                                         std::chrono::seconds within) {
  std::vector<std::string> all;
  for (auto& one : ask_each(node_, others_online(s), target, clock::now() + within))
    if (one) all.push_back(*std::move(one));
  return all;
}

/// A read index taken after the write covers it.
void api::seen_everywhere() {
  const auto deadline = clock::now() + limits::seen_deadline;
  auto waiting = others_online(*node_.local_view());
  while (!waiting.empty() && clock::now() < deadline) {
    const auto said = ask_each(node_, waiting, "/internal/current",
                               std::min(deadline, clock::now() + answer_within));
    std::vector<member> silent;
    const auto who = online();
    for (std::size_t i = 0; i < waiting.size(); ++i)
      if (!said[i] && who.contains(waiting[i].id())) silent.push_back(std::move(waiting[i]));
    if (silent.size() == waiting.size()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    waiting = std::move(silent);
  }
}

response api::change_everywhere(const request& r, const changer& how) {
  for (;;) {
    auto state = node_.read(node::freshness::strict);
    if (!state) return error(state.error());
    auto wanted = how(r, *state->state);
    if (wanted.answer) return *std::move(wanted.answer);
    state->state.reset();
    auto done = submit(r, *std::move(wanted.body));
    if (!done && done.error().code == errc::changed && r.header("if-match").empty()) {
      if (clock::now() < r.arrived + limits::write_deadline / 2) continue;
      return error(kept_changing());
    }
    if (!done) return error(done.error());
    seen_everywhere();
    return std::move(wanted.done);
  }
}

/// The leader knows; it may change while it is asked.
void api::roles_rest() {
  const auto deadline = clock::now() + rest_deadline;
  const auto index = node_.local_view()->applied();
  while (clock::now() < deadline) {
    auto now = node_.now();
    if (!now || !(*now)->has_leader()) return;
    const auto leader = (*now)->board().raft.leader;
    if (leader == node_.self()) {
      if (wait_for_roles(index)) break;
    } else if (const auto m = node_.local_view()->row<member>({}, {leader.value})) {
      const auto said =
          ask_each(node_, {*m}, "/internal/roles-rest?index=" + std::to_string(index.value),
                   std::min(deadline, clock::now() + 2 * answer_within));
      if (said[0]) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  (void)node_.wait_readable().ok();  // this member shows them, too
  seen_everywhere();
}

bool api::wait_for_roles(log_index index) {
  auto now = node_.now();
  return now && (*now)->wait_for_roles(index, clock::now() + answer_within);
}

}  // namespace muster::http
