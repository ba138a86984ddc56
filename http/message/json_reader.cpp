#include "http/message/json_reader.hpp"

#include <simdjson.h>

namespace muster::http {

namespace dom = simdjson::dom;

namespace {
constexpr std::size_t depth_max = 64;
constexpr std::size_t body_bytes_max = 1u << 20;

/// Line and column of the first byte that cannot be JSON. simdjson tells that a body is wrong, not
/// where: a plain walk over brackets, strings and words finds the place.
class locator {
public:
  explicit locator(std::string_view text) : text_(text) {}
  std::size_t find() {
    skip();
    if (value(0)) skip();
    return at_;
  }

private:
  void skip() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool string() {
    if (!eat('"')) return false;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      at_ += text_[at_] == '\\' ? 2U : 1U;
    }
    return at_ < text_.size() && eat('"');
  }
  bool list(char end, bool keyed, std::size_t depth) {
    ++at_;
    if (eat(end)) return true;
    do {
      skip();
      if (keyed && (!string() || !eat(':'))) return false;
      if (!value(depth + 1)) return false;
    } while (eat(','));
    return eat(end);
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }
  bool value(std::size_t depth) {
    skip();
    if (at_ >= text_.size() || depth > depth_max) return false;
    switch (text_[at_]) {
      case '{':
        return list('}', true, depth);
      case '[':
        return list(']', false, depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        break;
    }
    const auto start = at_;
    while (at_ < text_.size() && std::string_view("+-0123456789.eE").find(text_[at_]) != text_.npos)
      ++at_;
    return at_ > start;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

failure bad_json(std::string_view text, const std::string& why) {
  const auto at = std::min(locator(text).find(), text.size());
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, at)) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n';
  }
  return fail(errc::bad_request, "bad JSON at line " + std::to_string(line) + " column " +
                                     std::to_string(column) + " (byte " + std::to_string(at) +
                                     "): " + why);
}

}  // namespace

struct json_object::impl {
  std::shared_ptr<dom::parser> parser;
  dom::object object;
  bool is_empty = false;
  std::shared_ptr<std::string> wrong = std::make_shared<std::string>();

  [[nodiscard]] std::optional<dom::element> at(std::string_view field) const {
    if (is_empty) return std::nullopt;
    dom::element e;
    if (object[field].get(e) != simdjson::SUCCESS || e.is_null()) return std::nullopt;
    return e;
  }
  void blame(std::string_view field, const char* type) const {
    if (wrong->empty()) *wrong = "field \"" + std::string(field) + "\" must be " + type;
  }
};

result<json_object> json_object::parse(std::string_view text) {
  if (text.size() > body_bytes_max) return fail(errc::too_large, "Request body is too large");
  auto i = std::make_shared<impl>();
  i->parser = std::make_shared<dom::parser>();
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return bad_json(text, "the body is empty");
  dom::element root;
  if (i->parser->allocate(text.size(), depth_max) != simdjson::SUCCESS)
    return fail(errc::busy, "no memory for the body");
  if (const auto e = i->parser->parse(text.data(), text.size()).get(root); e != simdjson::SUCCESS)
    return bad_json(text, simdjson::error_message(e));
  if (root.get(i->object) != simdjson::SUCCESS)
    return fail(errc::bad_request, "bad JSON at line 1 column 1 (byte 0): an object is expected");
  return json_object(std::move(i));
}

std::string json_object::text(std::string_view field, std::string_view otherwise) const {
  return maybe_text(field).value_or(std::string(otherwise));
}

std::optional<std::string> json_object::maybe_text(std::string_view field) const {
  const auto e = impl_->at(field);
  if (!e) return std::nullopt;
  std::string_view value;
  if (e->get(value) != simdjson::SUCCESS) {
    impl_->blame(field, "a string");
    return std::nullopt;
  }
  return std::string(value);
}

bool json_object::flag(std::string_view field, bool otherwise) const {
  const auto e = impl_->at(field);
  bool value = otherwise;
  if (e && e->get(value) != simdjson::SUCCESS) impl_->blame(field, "true or false");
  return value;
}

std::int64_t json_object::number(std::string_view field, std::int64_t otherwise) const {
  const auto e = impl_->at(field);
  std::int64_t value = otherwise;
  if (e && e->get(value) != simdjson::SUCCESS) impl_->blame(field, "a whole number");
  return value;
}

namespace {

std::optional<string_map> strings_of(const dom::element& e) {
  dom::object object;
  if (e.get(object) != simdjson::SUCCESS) return std::nullopt;
  string_map map;
  for (const auto [name, value] : object) {
    std::string_view text;
    if (value.is_null())
      map[std::string(name)] = "";
    else if (value.get(text) == simdjson::SUCCESS)
      map[std::string(name)] = text;
    else
      return std::nullopt;
  }
  return map;
}

}  // namespace

std::optional<string_map> json_object::map(std::string_view field) const {
  const auto e = impl_->at(field);
  if (!e) return std::nullopt;
  auto map = strings_of(*e);
  if (!map) impl_->blame(field, "an object of strings");
  return map;
}

std::optional<device_map> json_object::devices(std::string_view field) const {
  const auto e = impl_->at(field);
  if (!e) return std::nullopt;
  dom::object object;
  device_map all;
  bool good = e->get(object) == simdjson::SUCCESS;
  if (good)
    for (const auto [name, value] : object) {
      auto device = strings_of(value);
      good = good && device;
      if (device) all[std::string(name)] = *std::move(device);
    }
  if (good) return all;
  impl_->blame(field, "an object of devices");
  return std::nullopt;
}

std::optional<std::vector<std::string>> json_object::list(std::string_view field) const {
  const auto e = impl_->at(field);
  if (!e) return std::nullopt;
  dom::array array;
  std::vector<std::string> all;
  bool good = e->get(array) == simdjson::SUCCESS;
  if (good)
    for (const auto item : array) {
      std::string_view text;
      good = good && item.get(text) == simdjson::SUCCESS;
      all.emplace_back(text);
    }
  if (good) return all;
  impl_->blame(field, "a list of strings");
  return std::nullopt;
}

std::optional<std::vector<json_object>> json_object::objects(std::string_view field) const {
  const auto e = impl_->at(field);
  if (!e) return std::nullopt;
  dom::array array;
  std::vector<json_object> all;
  bool good = e->get(array) == simdjson::SUCCESS;
  if (good)
    for (const auto item : array) {
      auto part = std::make_shared<impl>(*impl_);
      good = good && item.get(part->object) == simdjson::SUCCESS;
      all.push_back(json_object(std::move(part)));
    }
  if (good) return all;
  impl_->blame(field, "a list of objects");
  return std::nullopt;
}

json_object json_object::object(std::string_view field) const {
  auto part = std::make_shared<impl>(*impl_);
  const auto e = impl_->at(field);
  part->is_empty = !e;
  if (e && e->get(part->object) != simdjson::SUCCESS) {
    impl_->blame(field, "an object");
    part->is_empty = true;
  }
  return json_object(std::move(part));
}

bool json_object::has(std::string_view field) const { return impl_->at(field).has_value(); }

std::vector<std::string> json_object::names() const {
  std::vector<std::string> all;
  if (!impl_->is_empty)
    for (const auto item : impl_->object) all.emplace_back(item.key);
  return all;
}

status json_object::good() const {
  if (impl_->wrong->empty()) return ok();
  return fail(errc::bad_request, *impl_->wrong);
}

std::optional<std::string> json_at(std::string_view json, std::string_view dotted) {
  static thread_local dom::parser parser;
  dom::element e;
  if (parser.parse(json.data(), json.size()).get(e) != simdjson::SUCCESS) return std::nullopt;
  // A key may itself hold dots (config.user.x): the longest key that fits wins.
  while (!dotted.empty()) {
    dom::object object;
    if (e.get(object) != simdjson::SUCCESS) return std::nullopt;
    auto end = dotted.size();
    dom::element next;
    while (object[dotted.substr(0, end)].get(next) != simdjson::SUCCESS) {
      end = end == 0 ? std::string_view::npos : dotted.rfind('.', end - 1);
      if (end == std::string_view::npos) return std::nullopt;
    }
    e = next;
    dotted = end == dotted.size() ? std::string_view{} : dotted.substr(end + 1);
  }
  std::string_view text;
  if (e.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(e);
}

}  // namespace muster::http
