#include "actors/node/operations.hpp"

#include "schemas/basic/limits.hpp"
#include "schemas/basic/wall_clock.hpp"

#include <exception>
#include <thread>

namespace muster::node {

namespace {

constexpr std::chrono::minutes kept_after_end{5};  // for whoever asks by id
constexpr std::chrono::seconds listed_after_end{5};
constexpr std::size_t kept_max = 2000;

}  // namespace

operations::~operations() { stop(clock::now() + std::chrono::seconds(5)); }

void operations::change(const std::string& uuid, const std::function<void(operation&)>& f) {
  operation shown;
  decltype(one::waiters) waiters;
  {
    const std::lock_guard guard(lock_);
    auto at = all_.find(uuid);
    if (at == all_.end() || at->second.shown.has_ended()) return;
    f(at->second.shown);
    at->second.shown.updated_ms = wall_ms();
    if (at->second.shown.has_ended()) {
      at->second.ended = clock::now();
      waiters.swap(at->second.waiters);
    }
    shown = at->second.shown;
  }
  on_change_(shown);
  for (const auto& [id, then] : waiters) then(shown);
}

void operations::forget_old() {
  const auto now = clock::now();
  std::erase_if(all_, [&](const auto& item) {
    return item.second.shown.has_ended() &&
           (now - item.second.ended > kept_after_end || all_.size() > kept_max);
  });
}

void operations::tell_begun(operation what) const {
  what.now = op_status::pending;
  on_change_(what);
  what.now = op_status::running;
  on_change_(what);
}

void operations::open(operation what) {
  what.is_open = true;
  {
    const std::lock_guard guard(lock_);
    if (all_.contains(what.uuid)) return;
    all_[what.uuid] = {what, {}, {}, {}};
  }
  tell_begun(std::move(what));
}

void operations::end_open(const std::string& uuid) {
  for (const auto now : {op_status::cancelling, op_status::cancelled})
    change(uuid, [now](operation& o) { o.now = now; });
}

result<operation> operations::start(operation what, std::function<status(handle&)> work,
                                    std::function<void()> on_cancel) {
  what.created_ms = what.updated_ms = wall_ms();
  {
    const std::lock_guard guard(lock_);
    if (stopping_) return fail(errc::unavailable, "Incus is shutting down");
    if (running_of(what.is_exec) >=
        (what.is_exec ? limits::execs_max : limits::operations_waiting_max))
      return fail(errc::busy, "too many operations are running on this member; try again");
    forget_old();
    ++running_of(what.is_exec);
    all_[what.uuid] = {what, std::move(on_cancel), {}, {}};
  }
  tell_begun(what);
  try {
    std::thread([this, uuid = what.uuid, is_exec = what.is_exec, work = std::move(work)]() mutable {
      run(uuid, std::move(work));
      const std::lock_guard guard(lock_);
      --running_of(is_exec);
      changed_.notify_all();
    }).detach();
  } catch (const std::exception&) {  // too many threads on this server
    const std::lock_guard guard(lock_);
    --running_of(what.is_exec);
    all_.erase(what.uuid);
    return fail(errc::busy, "no thread can be had for the operation; try again");
  }
  return what;
}

void operations::run(const std::string& uuid, std::function<status(handle&)> work) {
  status done = ok();
  try {
    handle self(*this, uuid);
    done = work(self);
  } catch (const std::exception& e) {  // a library's; ours are results
    done = fail(errc::refused, std::string("Internal error: ") + e.what());
  }
  work = nullptr;  // what it holds goes before others hear of its end
  forget_how_to_stop(uuid);
  change(uuid, [&](operation& o) {
    if (done) {
      o.now = op_status::success;
    } else {
      o.now = o.now == op_status::cancelling ? op_status::cancelled : op_status::failure;
      o.error = done.error().detail;
      o.error_code = done.error().code;
    }
    o.may_cancel = false;
    o.private_json.clear();
  });
}

void operations::forget_how_to_stop(const std::string& uuid) {
  std::function<void()> gone;
  const std::lock_guard guard(lock_);
  if (const auto at = all_.find(uuid); at != all_.end()) gone.swap(at->second.on_cancel);
}

void operations::handle::set_metadata(std::string json) {
  all_.change(uuid_, [&](operation& o) { o.metadata_json = std::move(json); });
}

bool operations::handle::is_cancelled() const {
  const auto now = all_.get(uuid_);
  return !now || now->now == op_status::cancelling;
}

std::optional<operation> operations::get(const std::string& uuid) const {
  const std::lock_guard guard(lock_);
  const auto at = all_.find(uuid);
  if (at == all_.end()) return std::nullopt;
  return at->second.shown;
}

std::vector<operation> operations::list() const {
  const std::lock_guard guard(lock_);
  std::vector<operation> list;
  const auto now = clock::now();
  for (const auto& [uuid, o] : all_)
    if (!o.shown.has_ended() || now - o.ended < listed_after_end) list.push_back(o.shown);
  return list;
}

std::optional<std::uint64_t> operations::when_ended(const std::string& uuid,
                                                    std::function<void(const operation&)> then) {
  operation ended;
  {
    const std::lock_guard guard(lock_);
    const auto at = all_.find(uuid);
    if (at == all_.end()) return std::nullopt;
    if (!at->second.shown.has_ended()) {
      at->second.waiters[next_waiter_] = std::move(then);
      return next_waiter_++;
    }
    ended = at->second.shown;
  }
  then(ended);
  return 0;
}

void operations::forget(const std::string& uuid, std::uint64_t waiter) {
  const std::lock_guard guard(lock_);
  if (const auto at = all_.find(uuid); at != all_.end()) at->second.waiters.erase(waiter);
}

status operations::cancel(const std::string& uuid) {
  std::function<void()> stop_work;
  {
    const std::lock_guard guard(lock_);
    const auto at = all_.find(uuid);
    if (at == all_.end()) return fail(errc::not_found, "Operation not found");
    if (at->second.shown.has_ended())
      return fail(errc::bad_request, "Only running operations can be cancelled");
    if (!at->second.shown.may_cancel)
      return fail(errc::bad_request, "This operation can't be cancelled");
    stop_work = at->second.on_cancel;
  }
  change(uuid, [](operation& o) { o.now = op_status::cancelling; });
  if (stop_work) stop_work();
  return ok();
}

void operations::stop(clock::time_point deadline) {
  std::unique_lock guard(lock_);
  stopping_ = true;
  changed_.wait_until(guard, deadline, [&] { return running_ + execs_ == 0; });
}

}  // namespace muster::node
