#include "http/resources/sql/sql_query.hpp"

#include "http/message/json_writer.hpp"
#include "http/resources/sql/sql_tables.hpp"
#include "schemas/basic/limits.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <sqlite3.h>

namespace muster::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr int steps_between_looks = 1000;

struct close_database {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct finalize {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using statement = std::unique_ptr<sqlite3_stmt, finalize>;

int only_reading(void*, int action, const char*, const char* function, const char*, const char*) {
  if (action == SQLITE_FUNCTION)
    return function && std::string_view(function) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
  const bool reads = action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE;
  return reads ? SQLITE_OK : SQLITE_DENY;
}

int is_late(void* deadline) { return clock::now() > *static_cast<clock::time_point*>(deadline); }

failure refused(sqlite3* db, int code) {
  if (code == SQLITE_AUTH)
    return fail(errc::bad_request,
                "Only SELECT is possible: the state is changed through the API, never by SQL");
  if (code == SQLITE_INTERRUPT)
    return fail(errc::timed_out, "The query took too long and was ended");
  if (code == SQLITE_NOMEM || code == SQLITE_TOOBIG)
    return fail(errc::too_large, "The query needs more memory than it may have");
  return fail(errc::bad_request, std::string("Failed to execute query: ") + sqlite3_errmsg(db));
}

void write_cell(json_writer& w, sqlite3_stmt* s, int column) {
  switch (sqlite3_column_type(s, column)) {
    case SQLITE_NULL:
      w.null();
      return;
    case SQLITE_INTEGER:
      w.value(static_cast<std::int64_t>(sqlite3_column_int64(s, column)));
      return;
    case SQLITE_FLOAT: {
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", sqlite3_column_double(s, column));
      w.raw(text);
      return;
    }
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s, column));
      w.value(std::string_view(text ? text : "",
                               static_cast<std::size_t>(sqlite3_column_bytes(s, column))));
    }
  }
}

status write_result(json_writer& w, sqlite3* db, sqlite3_stmt* s) {
  const int columns = sqlite3_column_count(s);
  w.begin_object().field("type", "select").key("columns").begin_array();
  for (int i = 0; i < columns; ++i) w.value(sqlite3_column_name(s, i));
  w.end_array().key("rows").begin_array();
  int code = 0;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) {
    if (w.text().size() > limits::sql_answer_bytes_max)
      return fail(errc::too_large, "The answer is too long: ask for fewer rows");
    w.begin_array();
    for (int i = 0; i < columns; ++i) write_cell(w, s, i);
    w.end_array();
  }
  if (code != SQLITE_DONE) return refused(db, code);
  w.end_array().field("rows_affected", 0).end_object();
  return ok();
}

/// One query at a time: the bound of memory is that of the process.
class turns {
public:
  static std::unique_ptr<turns> wait(clock::time_point deadline) {
    std::unique_lock guard(lock_);
    if (!ended_.wait_until(guard, deadline, [] { return !is_taken_; })) return nullptr;
    is_taken_ = true;
    return std::make_unique<turns>();
  }
  ~turns() {
    const std::lock_guard guard(lock_);
    is_taken_ = false;
    ended_.notify_one();
  }

private:
  static inline std::mutex lock_;
  static inline std::condition_variable ended_;
  static inline bool is_taken_ = false;
};

}  // namespace

result<std::string> run_sql(const sql_source& from, sql_database which, const std::string& query,
                            clock::time_point deadline) {
  const auto turn = turns::wait(deadline);
  if (!turn) return fail(errc::busy, "another query is running; try again");
  sqlite3* opened = nullptr;
  sqlite3_hard_heap_limit64(limits::sql_memory_bytes_max);
  const int made = sqlite3_open(":memory:", &opened);
  const std::unique_ptr<sqlite3, close_database> db(opened);
  if (made != SQLITE_OK) return fail(errc::busy, "no memory for the tables of the state");
  if (!fill_tables(opened, from, which)) return refused(opened, SQLITE_NOMEM);
  sqlite3_set_authorizer(opened, only_reading, nullptr);
  sqlite3_progress_handler(opened, steps_between_looks, is_late, &deadline);
  json_writer w;
  w.begin_object().key("Results").begin_array();
  const char* rest = query.c_str();
  while (*rest) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v2(opened, rest, -1, &prepared, &rest);
    const statement s(prepared);
    if (code != SQLITE_OK) return refused(opened, code);
    if (!prepared) continue;  // only space or a comment was left
    if (!sqlite3_stmt_readonly(prepared)) return refused(opened, SQLITE_AUTH);
    if (auto written = write_result(w, opened, prepared); !written) return written.error();
  }
  return w.end_array().end_object().take();
}

}  // namespace muster::http
