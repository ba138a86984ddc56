#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

#include <map>
#include <string>
#include <vector>

/// What the driver and its helper process say to each other, and where the files of a container
/// lie.
namespace muster::instances {

/// A network interface of a container.
struct nic {
  std::string name;  ///< inside
  std::string type;  ///< of liblxc: veth, macvlan or phys
  std::string link;  ///< on this server
  std::string hwaddr;
  bool operator==(const nic&) const = default;
};

struct container {
  std::string data_dir;
  object_id id;
  std::string cluster;  ///< uuid; with the next two: whose files they are
  std::string uuid;     ///< of the instance
  std::uint64_t generation = 1;
  std::string host_name;
  std::string image;             ///< fingerprint
  string_map config;             ///< with profiles laid under it
  std::string pool = "default";  ///< for its creation; later its directory tells
  std::vector<nic> nics;
};

/// Name for liblxc and of the directory under DIR/containers.
std::string container_name(object_id id);
std::string containers_directory(const std::string& data_dir);
std::string container_directory(const std::string& data_dir, object_id id);
/// Where it lies in a pool other than the default one; the directory above links there.
std::string pool_directory(const std::string& data_dir, const std::string& pool, object_id id);
/// The pool that holds a container which is there.
std::string pool_of(const std::string& data_dir, object_id id);
/// Unpacked image that containers of a pool are laid over.
std::string unpacked_directory(const std::string& data_dir, const std::string& pool,
                               const std::string& image);

/// What a helper is to do with a container.
struct helper_wish {
  container what;
  std::map<std::string, std::string> options;
  string_map environment;            ///< of the command
  std::vector<std::string> command;  ///< to be run inside
  [[nodiscard]] std::string option(const std::string& name,
                                   const std::string& otherwise = {}) const {
    const auto at = options.find(name);
    return at == options.end() ? otherwise : at->second;
  }
};
/// As a message: arguments are seen by everybody, and bounded.
std::string encode(const helper_wish& w);
/// @errors errc::corrupt
result<helper_wish> decode_wish(std::string_view message);
/// Which container, as KEY=VALUE: for whoever calls the helper by hand.
container from_arguments(const std::vector<std::string>& arguments);

/// First argument that makes this binary a helper.
constexpr const char* helper_word = "container-helper";
/// Behind the verb: the wish comes as a message.
constexpr const char* helper_message_word = "by-message";

}  // namespace muster::instances
