#pragma once
#include "schemas/state_view.hpp"

#include <string_view>

namespace muster::state {

failure taken_plain(std::string_view name);

/// What is special about one table. Null functions allow.
struct table_rules {
  std::string_view noun{};        ///< of lifecycle actions: "profile" in profile-created
  std::string_view collection{};  ///< URL part; empty: no path, no lifecycle events
  status (*may_create)(const state_view&, const object&) = nullptr;
  status (*may_erase)(const state_view&, const object&) = nullptr;
  status (*may_rename)(const state_view&, const object&, std::string_view) = nullptr;
  /// Text when the name is taken.
  failure (*taken)(std::string_view name) = taken_plain;
  /// Of new rows and of new names. Null: `may_create` looks, or there is no name.
  status (*check_name)(std::string_view name) = nullptr;
  status (*may_replace)(const state_view&, const object& old, const object& next) = nullptr;
  /// Puts back into `next` what users may not replace.
  void (*keep)(const object& old, object& next) = nullptr;
};

const table_rules& rules_of(table where);

/// The row's name (of new rows), keys, values and texts: see schemas/basic/text_rules.hpp.
status check_texts(const object& row, bool is_new);

/// 1–64 characters, no white space or `$?&+"'`*/`, alphanumeric at both ends.
bool is_valid_name(std::string_view name);
/// A host name label: letters, digits, hyphens; not all digits; starts with a letter or digit.
bool is_valid_instance_name(std::string_view name);

}  // namespace muster::state
