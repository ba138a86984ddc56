#include "actors/state/rules/rules.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/text_rules.hpp"

namespace muster::state {

namespace {

status check_one_line(const char* what, const std::string& value) {
  if (value.size() <= limits::label_bytes_max && text_rules::is_line(value)) return ok();
  return fail(errc::bad_request, std::string("Invalid ") + what + ": it is one line of at most " +
                                     std::to_string(limits::label_bytes_max) + " bytes");
}

status check_description(const std::string& text) {
  if (text.size() <= limits::config_value_bytes_max && text_rules::is_text(text)) return ok();
  return fail(errc::bad_request, "The description is too long or has control characters");
}

template <class Row>
status check_row(const Row& row) {
  status all = ok();
  const auto take = [&](status one) {
    if (all) all = std::move(one);
  };
  if constexpr (requires { row.description; }) take(check_description(row.description));
  if constexpr (requires { row.config; }) take(text_rules::check_config(row.config));
  if constexpr (requires { row.devices; }) take(text_rules::check_devices(row.devices));
  if constexpr (requires { row.profiles; })
    for (const auto& name : row.profiles) take(check_one_line("profile name", name));
  if constexpr (std::is_same_v<Row, certificate>)
    take(check_one_line("name of a certificate", row.name));
  if constexpr (std::is_same_v<Row, token>) take(check_one_line("name of a token", row.name));
  if constexpr (std::is_same_v<Row, member>)
    take(check_one_line("failure domain", row.failure_domain));
  if constexpr (std::is_same_v<Row, image>) {
    take(check_one_line("file name of an image", row.filename));
    take(check_one_line("architecture", row.architecture));
    string_map properties;
    for (const auto& [key, value] : row.properties) properties["image." + key] = value;
    take(text_rules::check_config(properties));
  }
  if constexpr (requires { row.across; })
    for (const auto& [id, part] : row.across.parts) take(text_rules::check_config(part.config));
  return all;
}

}  // namespace

status check_texts(const object& row, bool is_new) {
  const auto& rules = rules_of(table_of(row));
  if (is_new && rules.check_name)
    if (auto good = rules.check_name(name_of(row)); !good) return good;
  return std::visit([](const auto& r) { return check_row(r); }, row);
}

}  // namespace muster::state
