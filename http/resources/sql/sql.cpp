#include "http/resources/resources.hpp"
#include "http/resources/sql/sql_query.hpp"
#include "schemas/basic/limits.hpp"

namespace muster::http {

namespace {

/// `incus admin sql` and nobody else: the tables hold everything.
bool is_admin(const request& r) { return r.peer.is_unix; }

response run(api& a, const request& r) {
  if (!is_admin(r)) return error(403, "not authorized");
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto database = body->text("database");
  const auto query = body->text("query");
  if (auto good = body->good(); !good) return error(good.error());
  if (database != "global" && database != "local") return error(400, "Invalid database");
  if (query.empty()) return error(400, "No query provided");
  auto read = a.server().read(node::freshness::usual);
  if (!read) return error(read.error());
  auto now = a.server().now();
  if (!now) return error(now.error());
  const sql_source from{*read->state, (*now)->board().raft.members, a.server().self()};
  auto done = run_sql(from, database == "local" ? sql_database::local : sql_database::global, query,
                      clock::now() + limits::sql_deadline);
  return done ? sync(*done) : error(done.error());
}

/// `.schema`, `.dump`
response show_schema(const request& r) {
  if (!is_admin(r)) return error(403, "not authorized");
  if (r.parameter("schema") != "1")
    return error(400, "The state is dumped table by table: SELECT * FROM ...; see .schema");
  json_writer w;
  return sync(w.begin_object().field("text", sql_schema()).end_object().take());
}

}  // namespace

void add_sql_routes(router& routes, api& a) {
  routes.add("POST", "/internal/sql",
             [&a](const request& r, const captures&) { return run(a, r); });
  routes.add("GET", "/internal/sql",
             [](const request& r, const captures&) { return show_schema(r); });
}

}  // namespace muster::http
