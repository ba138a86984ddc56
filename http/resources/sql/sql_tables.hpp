#pragma once
#include "http/resources/sql/sql_query.hpp"

struct sqlite3;

namespace muster::http {

/// Makes all tables and fills them; false: they do not fit into the memory allowed.
bool fill_tables(sqlite3* db, const sql_source& from, sql_database which);

}  // namespace muster::http
