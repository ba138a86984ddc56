#pragma once
#include "schemas/row_changes.hpp"

#include <string>

/// Keys of the stores: one byte says what, the rest is big endian so that order of bytes is order
/// of numbers.
namespace muster::storage::keys {

/// table, project, id.
std::string row(const row_key& key);
/// table and project: what the rows of one table have in common.
constexpr std::size_t table_prefix_bytes = 9;
/// All rows of a table (of one project).
std::string row_prefix(table where, std::optional<project_id> project);
/// table with the high bit, project, name.
std::string name(const name_key& key);
/// Meta of the state: which entry it stands at.
std::string state_meta();
std::string entry(log_index index);
/// First byte of every entry key.
constexpr char entry_prefix = 'e';
std::string hard_state();
/// Where the log begins.
std::string log_start();

std::string big_endian(std::uint64_t number);
std::uint64_t read_big_endian(std::string_view bytes);

}  // namespace muster::storage::keys
