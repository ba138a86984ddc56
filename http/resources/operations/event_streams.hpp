#pragma once
#include "http/message/websocket.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace muster::http {

/// Who listens to /1.0/events on this member. Thread-safe.
class event_streams {
public:
  struct wish {
    std::set<std::string> types;  ///< logging, operation, lifecycle
    std::string project;
    bool all_projects = false;
    /// All whose events may be heard; then none of the server. None: there is no bound.
    std::optional<std::vector<std::string>> seen;
  };
  void add(const std::shared_ptr<websocket>& to, wish what);
  /// @param project empty: of the server, shown to all.
  void publish(const std::string& type, const std::string& project, const std::string& json);
  /// A line of the log. @param location name of this member
  void log(const std::string& level, const std::string& text,
           const std::map<std::string, std::string>& context, const std::string& location);
  [[nodiscard]] std::size_t listeners() const;
  /// Whether anybody listens to this type.
  [[nodiscard]] bool is_heard(const std::string& type) const;

private:
  struct listener {
    std::weak_ptr<websocket> socket;
    wish what;
  };
  mutable std::mutex lock_;
  std::map<websocket*, listener> all_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace muster::http
