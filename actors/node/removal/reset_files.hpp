#pragma once
#include "schemas/basic/result.hpp"

#include <optional>
#include <string>

/// The files of a data directory when its server leaves a cluster. Each step can be repeated after
/// a crash.
namespace muster::node {

/// What a server is told that was taken out of its cluster.
struct removal_notice {
  std::string text;     ///< who took it out, and when
  bool forced = false;  ///< it may hold instances: it is reset by hand
};

status store_removed(const std::string& data_dir, const removal_notice& notice);
std::optional<removal_notice> load_removed(const std::string& data_dir);

/// How much goes: what makes it a member, or everything but the server's own certificate.
enum class aside : unsigned char { membership, everything };

/// Moves it into before-reset/, in place of an older one; what is mounted there is unmounted first.
/// The member must not be running. @errors errc::refused: a container runs from there
status put_aside(const std::string& data_dir, aside what);
/// Goes on where a crash has cut that short; nothing to do if none has.
status finish_put_aside(const std::string& data_dir);

}  // namespace muster::node
