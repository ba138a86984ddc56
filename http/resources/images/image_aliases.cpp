#include "http/resources/images/image_lookup.hpp"
#include "http/resources/resources.hpp"

namespace muster::http {

namespace {

std::string render_alias(const state_view& s, const image_alias& a) {
  const auto target = s.row<image>(a.head.project, a.target);
  json_writer w;
  w.begin_object().field("description", a.description);
  w.field("target", target ? target->fingerprint : "").field("name", a.name);
  return w.field("type", target ? target->type : "container").end_object().take();
}

std::string writable(const state_view& s, const image_alias& a) {
  const auto target = s.row<image>(a.head.project, a.target);
  json_writer w;
  w.begin_object().field("description", a.description);
  return w.field("target", target ? target->fingerprint : "").end_object().take();
}

response create_alias(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  image_alias alias;
  alias.name = body->text("name");
  alias.description = body->text("description");
  const auto target = body->text("target");
  if (auto good = body->good(); !good) return error(good.error());
  if (alias.name.empty() || target.empty()) return error(400, "name and target are required");
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  alias.head.project = api::project_of(*state->state, r, "images");
  const auto i = find_image(*state->state, alias.head.project, target);
  if (!i) return error(404, "Image not found");
  alias.target = i->head.id;
  auto done = a.submit(r, create_object{alias});
  return done ? created("/1.0/images/aliases/" + percent_encode(alias.name)) : error(done.error());
}

result<image_alias> merged(const state_view& s, image_alias alias, const json_object& body,
                           bool is_put) {
  const auto target = body.text("target");
  alias.description = body.text("description", is_put ? "" : alias.description);
  if (auto good = body.good(); !good) return good.error();
  if (target.empty() && is_put) return fail(errc::bad_request, "The target field is required");
  if (target.empty()) return alias;
  const auto i = find_image(s, alias.head.project, target);
  if (!i) return fail(errc::not_found, "Image not found");
  alias.target = i->head.id;
  return alias;
}

response change_alias(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (r.method != "DELETE" && !*body) return error(body->error());
  const auto how = [body](const request& q, const state_view& s) -> api::change {
    const auto alias = s.by_name<image_alias>(api::project_of(s, q, "images"), q.found.at("name"));
    if (!alias) return error(404, "Image alias not found");
    if (auto match = check_etag(q, [&] { return writable(s, *alias); }); !match)
      return error(match.error());
    const auto seen = alias->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*alias), seen}, empty_sync()};
    if (q.method == "POST") {
      const auto next = (*body)->text("name");
      if (next.empty()) return error(400, "No name provided");
      return {rename_object{key_of(*alias), next},
              created("/1.0/images/aliases/" + percent_encode(next))};
    }
    auto next = merged(s, *alias, **body, q.method == "PUT");
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), seen}, empty_sync()};
  };
  return a.changing(r, how, r.method != "POST");
}

/// An alias is seen by whom sees its image; a client of the project sees those without one, too.
bool sees(const image_viewer& who, const state_view& s, const image_alias& alias) {
  const auto target = s.row<image>(alias.head.project, alias.target);
  return target ? who.sees(*target) : who.is_client();
}

response list_aliases(api& a, const request& r, const state_view& s) {
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  const image_viewer who(a, r);
  for (const auto& alias : s.all<image_alias>(api::project_of(s, r, "images"))) {
    if (!sees(who, s, alias)) continue;
    urls.push_back(state::path_of(s, alias));
    objects.push_back(render_alias(s, alias));
  }
  return list_answer(r, urls, objects);
}

}  // namespace

void add_image_alias_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/images/aliases",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return list_aliases(a, r, s);
             }));
  routes.add("POST", "/1.0/images/aliases",
             [&a](const request& r, const captures&) { return create_alias(a, r); });
  routes.add("GET", "/1.0/images/aliases/{name...}",
             a.reading([&a](const request& r, const captures& c, const state_view& s) {
               const auto alias =
                   s.by_name<image_alias>(api::project_of(s, r, "images"), c.at("name"));
               if (!alias || !sees(image_viewer(a, r), s, *alias))
                 return error(404, "Image alias not found");
               auto answer = sync(render_alias(s, *alias));
               answer.headers["ETag"] = etag_of(writable(s, *alias));
               return answer;
             }));
  for (const char* method : {"PUT", "PATCH", "POST", "DELETE"})
    routes.add(method, "/1.0/images/aliases/{name...}",
               [&a](const request& r, const captures&) { return change_alias(a, r); });
}

}  // namespace muster::http
