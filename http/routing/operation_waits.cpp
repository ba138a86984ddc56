#include "http/routing/operation_waits.hpp"

#include "http/message/envelope.hpp"
#include "http/message/json_reader.hpp"

namespace muster::http {

namespace {

constexpr std::size_t looking_max = 4;
constexpr std::size_t looks_waiting_max = 4096;
constexpr auto look_period = std::chrono::seconds(5);
constexpr std::int64_t first_end_code = 200;

/// Anything but an operation that still runs.
bool is_over(const response& r) {
  if (r.status != 200) return true;
  auto body = json_object::parse(r.body);
  return !body || body->text("type") == "error" ||
         body->object("metadata").number("status_code") >= first_end_code;
}

}  // namespace

struct operation_waits::waiter {
  std::string uuid;
  std::shared_ptr<const request> asked;
  deliver give;
  bool is_looking = false;
  bool looks_again = false;
  bool is_over = false;
  response last = error(504, "no answer in time; look before you repeat it");
};

operation_waits::operation_waits(look how)
    : how_(std::move(how)),
      pool_(0, looking_max, looks_waiting_max),
      now_and_then_([this](const std::stop_token& stop) {
        std::unique_lock guard(lock_);
        while (!stop.stop_requested()) {
          wake_.wait_for(guard, stop, look_period, [] { return false; });
          for (const auto& [uuid, w] : all_) post(w);
        }
      }) {}

operation_waits::~operation_waits() {
  now_and_then_.request_stop();
  pool_.stop();
}

std::shared_ptr<operation_waits::waiter> operation_waits::add(const std::string& uuid,
                                                              std::shared_ptr<const request> r) {
  auto w = std::make_shared<waiter>();
  w->uuid = uuid;
  w->asked = std::move(r);
  return w;
}

void operation_waits::begin(const std::shared_ptr<waiter>& w, deliver give) {
  const std::lock_guard guard(lock_);
  w->give = std::move(give);
  all_.emplace(w->uuid, w);
  post(w);
}

response operation_waits::last(const std::shared_ptr<waiter>& w) const {
  const std::lock_guard guard(lock_);
  return w->last;
}

void operation_waits::forget(const std::shared_ptr<waiter>& w) {
  const std::lock_guard guard(lock_);
  w->is_over = true;
  const auto [from, to] = all_.equal_range(w->uuid);
  for (auto at = from; at != to; ++at)
    if (at->second == w) {
      all_.erase(at);
      return;
    }
}

void operation_waits::hear_end(const std::string& uuid) {
  const std::lock_guard guard(lock_);
  const auto [from, to] = all_.equal_range(uuid);
  for (auto at = from; at != to; ++at) post(at->second);
}

/// With the lock held.
void operation_waits::post(const std::shared_ptr<waiter>& w) {
  if (w->is_looking) {
    w->looks_again = true;
    return;
  }
  w->is_looking = pool_.post([this, w] { look_at(w); });
}

void operation_waits::look_at(const std::shared_ptr<waiter>& w) {
  auto seen = how_(*w->asked);
  const bool over = is_over(seen);
  deliver give;
  {
    const std::lock_guard guard(lock_);
    w->is_looking = false;
    w->last = seen;
    if (w->is_over) return;
    if (over)
      give = w->give;
    else if (std::exchange(w->looks_again, false))
      post(w);
  }
  if (!give) return;
  forget(w);
  give([seen = std::move(seen)] { return seen; });
}

}  // namespace muster::http
