#pragma once
#include "schemas/raft_types.hpp"
#include "schemas/state_view.hpp"

#include <chrono>

/// The state as tables, for `incus admin sql`. Read only; nothing of it is kept.
namespace muster::http {

enum class sql_database : unsigned char { global, local };

/// What the tables are made of.
struct sql_source {
  const state_view& state;
  raft::configuration members;
  member_id self;
};

/// Every SELECT of `query`, as the client expects the answer.
/// @errors errc::bad_request for what is no SELECT or not understood, errc::too_large,
/// errc::timed_out.
result<std::string> run_sql(const sql_source& from, sql_database which, const std::string& query,
                            std::chrono::steady_clock::time_point deadline);

/// The statements that make the tables.
std::string sql_schema();

}  // namespace muster::http
