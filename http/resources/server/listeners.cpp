#include "http/resources/server/listeners.hpp"

#include "storage/identity.hpp"

#include <sstream>

namespace muster::http {

addresses load_addresses(const std::string& file) {
  addresses a;
  auto content = storage::read_file(file);
  if (!content) return a;
  std::istringstream lines(*content);
  std::getline(lines, a.core);
  std::getline(lines, a.cluster);
  return a;
}

status store_addresses(const std::string& file, const addresses& what) {
  return storage::write_file_durably(file, what.core + "\n" + what.cluster + "\n");
}

status listeners::start(const std::string& given, const std::string& known) {
  is_fixed_ = !given.empty();
  auto wanted = is_fixed_ ? addresses{given, given} : load_addresses(with_.file);
  if (listeners_of(wanted).empty() && !known.empty()) wanted = {known, known};
  const std::lock_guard guard(lock_);
  {
    const std::lock_guard shown(now_lock_);
    now_ = wanted;
  }
  for (const auto& address : listeners_of(wanted)) {
    if (auto opened = with_.open(address); !opened) return opened;
    open_.insert(address);
  }
  return ok();
}

addresses listeners::now() const {
  const std::lock_guard guard(now_lock_);
  return now_;
}

status listeners::set(const addresses& wanted) {
  const std::lock_guard guard(lock_);
  if (wanted == now_) return ok();
  const auto list = listeners_of(wanted);
  const std::set<std::string> next(list.begin(), list.end());
  std::vector<std::string> opened;
  // One that covers another cannot be opened beside it.
  std::vector<std::string> closed;
  status done = ok();
  for (const auto& old : open_)
    if (!next.contains(old)) closed.push_back(old);
  for (const auto& address : closed) with_.close(address);
  for (const auto& address : next) {
    if (!done || open_.contains(address)) continue;
    done = with_.open(address);
    if (done) opened.push_back(address);
  }
  if (done) done = store_addresses(with_.file, wanted);
  if (!done) {
    for (const auto& address : opened) with_.close(address);
    for (const auto& address : closed) (void)with_.open(address).ok();
    return done;
  }
  open_ = next;
  {
    const std::lock_guard shown(now_lock_);
    now_ = wanted;
  }
  with_.told(dialled(wanted));
  return ok();
}

}  // namespace muster::http
