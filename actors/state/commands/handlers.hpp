#pragma once
#include "actors/state/transaction.hpp"
#include "schemas/commands.hpp"

/// One handler a command kind. Each checks everything first and writes only when it can finish.
namespace muster::state {

outcome handle(transaction& tx, const requestor& who, const bootstrap& b);
outcome handle(transaction& tx, const requestor& who, const enable_cluster& b);
outcome handle(transaction& tx, const requestor& who, const create_object& b);
outcome handle(transaction& tx, const requestor& who, const replace_object& b);
outcome handle(transaction& tx, const requestor& who, const erase_object& b);
outcome handle(transaction& tx, const requestor& who, const rename_object& b);
outcome handle(transaction& tx, const requestor& who, const set_config& b);
outcome handle(transaction& tx, const requestor& who, const claim_token& b);
outcome handle(transaction& tx, const requestor& who, const redeem_token& b);
outcome handle(transaction& tx, const requestor& who, const join_member& b);
outcome handle(transaction& tx, const requestor& who, const move_instance& b);
outcome handle(transaction& tx, const requestor& who, const want_instance& b);
outcome handle(transaction& tx, const requestor& who, const report_instance& b);
outcome handle(transaction& tx, const requestor& who, const locate_image& b);
outcome handle(transaction& tx, const requestor& who, const expire_tokens& b);
outcome handle(transaction& tx, const requestor& who, const note_member& b);
outcome handle(transaction& tx, const requestor& who, const note_health& b);
outcome handle(transaction& tx, const requestor& who, const note_roles& b);
outcome handle(transaction& tx, const requestor& who, const recover_cluster& b);
outcome handle(transaction& tx, const requestor& who, const raise_level& b);
outcome handle(transaction& tx, const requestor& who, const put_group& b);
outcome handle(transaction& tx, const requestor& who, const remove_member& b);
outcome handle(transaction& tx, const requestor& who, const relocate_member& b);
outcome handle(transaction& tx, const requestor& who, const set_cluster_certificate& b);
outcome handle(transaction& tx, const requestor& who, const report_part& b);
outcome handle(transaction& tx, const requestor& who, const raise_warning& b);
outcome handle(transaction& tx, const requestor& who, const settle_warning& b);

inline outcome refuse(errc code, std::string text) {
  return {false, {code, std::move(text)}, {}, {}};
}
inline outcome refuse(failure why) { return {false, std::move(why), {}, {}}; }
inline outcome done(object_id id = {}, std::string detail = {}) {
  return {true, {}, id, std::move(detail)};
}

}  // namespace muster::state
