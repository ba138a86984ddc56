#pragma once
#include "http/config/spread_keys.hpp"
#include "schemas/commands.hpp"

/// What requests about pools and networks come to. Pure: a state and a wish in, a command out.
namespace muster::http {

struct spread_wish {
  const spread_noun* noun = &pool_noun;
  std::string name;
  std::string kind;  ///< driver or type
  std::string description;
  string_map config;
  std::string target;  ///< member; empty: all
  member_id self;
  bool is_whole = true;  ///< PUT; false: PATCH
  bool has_description = true;
};

/// Defines it on one member, before it is created on all.
result<command_body> define_on_member(const state_view& s, const spread_wish& w);
/// Creates it, on all members.
result<command_body> create_on_all(const state_view& s, const spread_wish& w,
                                   const std::function<std::uint64_t()>& chance);
/// @param row what is there. Keys of one member change with a target, others without.
result<command_body> change_spread(const state_view& s, object row, spread_wish w,
                                   const std::function<std::uint64_t()>& chance);

std::optional<object> find_spread(const state_view& s, const spread_noun& n, std::string_view name);
bool is_clustered(const state_view& s);
/// Keys of all members, and those of `of`.
string_map shown_config(const object& row, std::optional<member_id> of);

}  // namespace muster::http
