#include "http/resources/operations/event_streams.hpp"

#include <algorithm>
#include <vector>

namespace muster::http {

void event_streams::add(const std::shared_ptr<websocket>& to, wish what) {
  auto* key = to.get();
  to->on_close = [this, key] {
    const std::lock_guard guard(lock_);
    all_.erase(key);
  };
  const std::lock_guard guard(lock_);
  all_[key] = {to, std::move(what)};
}

void event_streams::publish(const std::string& type, const std::string& project,
                            const std::string& json) {
  std::vector<std::shared_ptr<websocket>> to;
  {
    const std::lock_guard guard(lock_);
    for (const auto& [key, l] : all_) {
      if (!l.what.types.contains(type)) continue;
      if (!l.what.all_projects && !project.empty() && project != l.what.project) continue;
      if (const auto& seen = l.what.seen;
          seen && std::find(seen->begin(), seen->end(), project) == seen->end())
        continue;
      if (auto socket = l.socket.lock()) to.push_back(std::move(socket));
    }
  }
  for (const auto& socket : to) socket->send(ws_op::text, json);
}

std::size_t event_streams::listeners() const {
  const std::lock_guard guard(lock_);
  return all_.size();
}

}  // namespace muster::http
