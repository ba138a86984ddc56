#include "http/resources/operations/event_streams.hpp"

#include "actors/node/join_token.hpp"
#include "http/message/json_writer.hpp"
#include "schemas/basic/wall_clock.hpp"

#include <algorithm>
#include <vector>

namespace muster::http {

void event_streams::add(const std::shared_ptr<websocket>& to, wish what) {
  auto* key = to.get();
  to->on_close = [this, key] {
    const std::lock_guard guard(lock_);
    all_.erase(key);
    count_ = all_.size();
  };
  const std::lock_guard guard(lock_);
  all_[key] = {to, std::move(what)};
  count_ = all_.size();
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

void event_streams::log(const std::string& level, const std::string& text,
                        const std::map<std::string, std::string>& context,
                        const std::string& location) {
  if (!is_heard("logging")) return;
  json_writer w;
  w.begin_object().field("type", "logging").field("timestamp", node::rfc3339(wall_ms()));
  w.key("metadata").begin_object().field("message", text).field("level", level);
  w.field("context", context).end_object().field("location", location);
  publish("logging", {}, w.end_object().take());
}

std::size_t event_streams::listeners() const { return count_; }

bool event_streams::is_heard(const std::string& type) const {
  if (count_ == 0) return false;
  const std::lock_guard guard(lock_);
  return std::any_of(all_.begin(), all_.end(),
                     [&](const auto& one) { return one.second.what.types.contains(type); });
}

}  // namespace muster::http
