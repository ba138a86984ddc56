#include "actors/instances/container.hpp"

#include <charconv>
#include <cstring>
#include <filesystem>

namespace muster::instances {

namespace {

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

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

namespace {

/// Words one after the other, each behind its length: any byte may stand in one.
class word_writer {
public:
  void put(std::initializer_list<std::string_view> words) {
    for (const auto& w : words) {
      const auto size = static_cast<std::uint32_t>(w.size());
      all_.append(reinterpret_cast<const char*>(&size), sizeof size).append(w);
    }
  }
  std::string take() { return std::move(all_); }

private:
  std::string all_;
};

class word_reader {
public:
  explicit word_reader(std::string_view all) : left_(all) {}
  [[nodiscard]] bool is_at_end() const { return left_.empty(); }
  [[nodiscard]] bool is_cut() const { return is_cut_; }
  std::string next() {
    std::uint32_t size = 0;
    if (left_.size() >= sizeof size) std::memcpy(&size, left_.data(), sizeof size);
    is_cut_ = is_cut_ || left_.size() < sizeof size || left_.size() - sizeof size < size;
    const std::string word(is_cut_ ? std::string_view{} : left_.substr(sizeof size, size));
    left_.remove_prefix(is_cut_ ? left_.size() : sizeof size + size);
    return word;
  }

private:
  std::string_view left_;
  bool is_cut_ = false;
};

void set_field(container& c, const std::string& key, const std::string& value) {
  if (key == "data_dir") c.data_dir = value;
  if (key == "id") c.id = {number_in(value)};
  if (key == "generation") c.generation = number_in(value);
  if (key == "cluster") c.cluster = value;
  if (key == "uuid") c.uuid = value;
  if (key == "host_name") c.host_name = value;
  if (key == "image") c.image = value;
}

}  // namespace

std::string encode(const helper_wish& w) {
  word_writer to;
  const auto& c = w.what;
  to.put({"field", "data_dir", c.data_dir});
  to.put({"field", "id", std::to_string(c.id.value)});
  to.put({"field", "cluster", c.cluster});
  to.put({"field", "uuid", c.uuid});
  to.put({"field", "generation", std::to_string(c.generation)});
  to.put({"field", "host_name", c.host_name});
  to.put({"field", "image", c.image});
  for (const auto& n : c.nics) to.put({"nic", n.name, n.type, n.link, n.hwaddr});
  for (const auto& [key, value] : c.config) to.put({"config", key, value});
  for (const auto& [key, value] : w.options) to.put({"option", key, value});
  for (const auto& [key, value] : w.environment) to.put({"environment", key, value});
  for (const auto& word : w.command) to.put({"command", word});
  return to.take();
}

result<helper_wish> decode_wish(std::string_view message) {
  helper_wish w;
  word_reader from(message);
  while (!from.is_at_end()) {
    const auto kind = from.next();
    auto first = from.next();
    if (kind == "command") {
      w.command.push_back(std::move(first));
      continue;
    }
    auto second = from.next();
    if (kind == "field") set_field(w.what, first, second);
    if (kind == "config") w.what.config[first] = std::move(second);
    if (kind == "option") w.options[first] = std::move(second);
    if (kind == "environment") w.environment[first] = std::move(second);
    if (kind != "nic") continue;
    auto link = from.next();
    w.what.nics.push_back({std::move(first), std::move(second), std::move(link), from.next()});
  }
  if (from.is_cut()) return fail(errc::corrupt, "the message to the container helper is cut");
  return w;
}

container from_arguments(const std::vector<std::string>& arguments) {
  container c;
  for (const auto& a : arguments)
    if (const auto equals = a.find('='); equals != std::string::npos)
      set_field(c, a.substr(0, equals), a.substr(equals + 1));
  return c;
}

}  // namespace muster::instances
