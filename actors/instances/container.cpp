#include "actors/instances/container.hpp"

#include <filesystem>
#include <sstream>

namespace muster::instances {

namespace {
constexpr std::string_view config_mark = "config:";
}

std::string container_name(object_id id) { return "i" + std::to_string(id.value); }

std::string containers_directory(const std::string& data_dir) { return data_dir + "/containers"; }

std::string container_directory(const std::string& data_dir, object_id id) {
  return containers_directory(data_dir) + "/" + container_name(id);
}

std::string pool_directory(const std::string& data_dir, const std::string& pool, object_id id) {
  return data_dir + "/storage-pools/" + pool + "/containers/" + container_name(id);
}

std::string pool_of(const std::string& data_dir, object_id id) {
  std::error_code none;
  const auto to = std::filesystem::read_symlink(container_directory(data_dir, id), none);
  return none ? "default" : to.parent_path().parent_path().filename().string();
}

std::string unpacked_directory(const std::string& data_dir, const std::string& pool,
                               const std::string& image) {
  return data_dir + "/storage-pools/" + pool + "/images/" + image;
}

std::vector<std::string> to_arguments(const container& c) {
  std::vector<std::string> all{"data_dir=" + c.data_dir,
                               "id=" + std::to_string(c.id.value),
                               "cluster=" + c.cluster,
                               "uuid=" + c.uuid,
                               "generation=" + std::to_string(c.generation),
                               "host_name=" + c.host_name,
                               "image=" + c.image};
  for (const auto& n : c.nics)
    all.push_back("nic=" + n.name + " " + n.type + " " + n.link + " " + n.hwaddr);
  for (const auto& [key, value] : c.config)
    all.push_back(std::string(config_mark) + key + "=" + value);
  return all;
}

container from_arguments(const std::vector<std::string>& arguments) {
  container c;
  for (const auto& a : arguments) {
    const auto equals = a.find('=');
    if (equals == std::string::npos) continue;
    const auto key = a.substr(0, equals);
    const auto value = a.substr(equals + 1);
    if (key == "data_dir") c.data_dir = value;
    if (key == "id") c.id = {std::stoull(value)};
    if (key == "generation") c.generation = std::stoull(value);
    if (key == "cluster") c.cluster = value;
    if (key == "uuid") c.uuid = value;
    if (key == "host_name") c.host_name = value;
    if (key == "image") c.image = value;
    if (key == "nic") {
      nic n;
      std::istringstream(value) >> n.name >> n.type >> n.link >> n.hwaddr;
      c.nics.push_back(n);
    }
    if (key.starts_with(config_mark)) c.config[key.substr(config_mark.size())] = value;
  }
  return c;
}

}  // namespace muster::instances
