#pragma once
#include "http/resources/server/addresses.hpp"

#include <functional>
#include <mutex>
#include <set>

namespace muster::http {

/// What is kept in `file`; nothing there: both empty.
addresses load_addresses(const std::string& file);
status store_addresses(const std::string& file, const addresses& what);

struct listeners_settings {
  std::string file;  ///< where the addresses are kept
  std::function<status(const std::string& address)> open;
  std::function<void(const std::string& address)> close;
  /// What is told to others has changed.
  std::function<void(const std::string& address)> told;
};

/// The addresses of this server. Given on the command line they are fixed; else they follow its
/// configuration and lie in a file of its own. Thread-safe.
class listeners {
public:
  explicit listeners(listeners_settings with) : with_(std::move(with)) {}
  /// @param given on the command line; empty: as in the file, else `known` of the state.
  status start(const std::string& given, const std::string& known);
  [[nodiscard]] addresses now() const;
  [[nodiscard]] bool is_fixed() const { return is_fixed_; }
  /// Opens what is new, keeps it, closes what is old. Nothing changes if something cannot be
  /// opened.
  status set(const addresses& wanted);

private:
  const listeners_settings with_;
  std::mutex lock_;              ///< one change at a time; held over names and disks
  mutable std::mutex now_lock_;  ///< the loop asks
  addresses now_;
  std::set<std::string> open_;
  bool is_fixed_ = false;
};

}  // namespace muster::http
