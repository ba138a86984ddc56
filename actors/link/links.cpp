#include "actors/link/links.hpp"

#include "actors/link/flat.hpp"
#include "actors/link/link_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

#include <future>
#include <map>
#include <mutex>

namespace muster::link {

struct links::impl {
  caf::actor_system& system;
  std::shared_ptr<std::promise<void>>
      unused;  ///< set when the last link or dialling thread has let go of `with`
  std::shared_ptr<const links_settings> with;
  mutable std::mutex lock;
  bool stopped = false;
  struct one {
    peer who;
    caf::actor actor;
    std::shared_ptr<link_board> board;
  };
  std::map<member_id, one> all;

  impl(caf::actor_system& s, links_settings w)
      : system(s),
        unused(std::make_shared<std::promise<void>>()),
        with(new links_settings(std::move(w)), [done = unused](const links_settings* p) {
          delete p;
          done->set_value();
        }) {}

  void set_peers(const std::vector<peer>& peers);
};

links::links(caf::actor_system& system, links_settings with)
    : impl_(std::make_unique<impl>(system, std::move(with))) {}

links::~links() { stop(); }

void links::impl::set_peers(const std::vector<peer>& peers) {
  std::map<member_id, one> next;
  for (const auto& p : peers) {
    auto old = all.extract(p.id);
    if (!old.empty() && old.mapped().who == p) {
      next.insert(std::move(old));
      continue;
    }
    if (!old.empty()) caf::anon_send_exit(old.mapped().actor, caf::exit_reason::user_shutdown);
    auto board = std::make_shared<link_board>();
    board->last_heard = std::chrono::steady_clock::now().time_since_epoch().count();
    board->closed = board->last_heard.load();
    auto actor = system.middleman().spawn_broker(link_actor, link_settings{p, with, board});
    next[p.id] = {p, std::move(actor), std::move(board)};
  }
  for (auto& [id, gone] : all) caf::anon_send_exit(gone.actor, caf::exit_reason::user_shutdown);
  all = std::move(next);
}

void links::set_peers(const std::vector<peer>& peers) {
  const std::lock_guard guard(impl_->lock);
  if (!impl_->stopped) impl_->set_peers(peers);
}

status links::accept(member_id from, std::shared_ptr<tls::stream> stream) {
  const std::lock_guard guard(impl_->lock);
  const auto at = impl_->all.find(from);
  if (at == impl_->all.end()) return fail(errc::not_found, "not a member of this cluster");
  caf::anon_send(at->second.actor, stream_accepted{std::move(stream)});
  return ok();
}

void links::dial_now(member_id to) {
  const std::lock_guard guard(impl_->lock);
  if (const auto at = impl_->all.find(to); at != impl_->all.end())
    caf::anon_send(at->second.actor, dial_at_once{});
}

bool links::send(member_id to, codec::link_body body) {
  const std::lock_guard guard(impl_->lock);
  const auto at = impl_->all.find(to);
  if (at == impl_->all.end() || !at->second.board->is_up.load(std::memory_order_acquire))
    return false;
  const auto* write = std::get_if<codec::submit>(&body);
  const auto bytes = write ? write->command.size_bytes() : 0;
  at->second.board->queued_bytes += bytes;
  caf::anon_send(at->second.actor,
                 body_to_send{std::make_shared<const codec::link_body>(std::move(body)), bytes});
  return true;
}

bool links::is_full(member_id to) const {
  const std::lock_guard guard(impl_->lock);
  const auto at = impl_->all.find(to);
  return at != impl_->all.end() &&
         at->second.board->queued_bytes.load() + at->second.board->unacknowledged_bytes.load() >=
             limits::link_window_bytes;
}

void links::send_to_all(const codec::link_body& body) {
  const auto shared = std::make_shared<const codec::link_body>(body);
  const std::lock_guard guard(impl_->lock);
  for (const auto& [id, one] : impl_->all)
    if (one.board->is_up.load(std::memory_order_acquire))
      caf::anon_send(one.actor, body_to_send{shared, 0});
}

std::vector<peer_health> links::health() const {
  const std::lock_guard guard(impl_->lock);
  std::vector<peer_health> all;
  for (const auto& [id, one] : impl_->all)
    all.push_back({id, one.board->is_up.load(),
                   std::chrono::steady_clock::time_point{
                       std::chrono::steady_clock::duration{one.board->last_heard.load()}},
                   std::chrono::steady_clock::time_point{
                       std::chrono::steady_clock::duration{one.board->closed.load()}},
                   one.board->level.load(), one.board->skew_ms.load()});
  return all;
}

void links::stop() {
  {
    const std::lock_guard guard(impl_->lock);
    if (std::exchange(impl_->stopped, true)) return;
    impl_->set_peers({});
    impl_->with.reset();
  }
  impl_->unused->get_future().wait();
}

}  // namespace muster::link
