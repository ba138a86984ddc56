#include "http/resources/images/image_import.hpp"

#include "actors/host/background.hpp"
#include "actors/node/join_token.hpp"
#include "http/resources/images/image_copies.hpp"
#include "http/resources/images/image_pull.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/units.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "schemas/projects.hpp"

#include <atomic>
#include <semaphore>

namespace muster::http {

namespace {

constexpr auto inspection_wait_max = std::chrono::minutes(5);

/// `a=b&c=d` of a header; a key may come more than once. @errors errc::bad_request
result<std::vector<std::pair<std::string, std::string>>> pairs_of(const request& r,
                                                                  const std::string& header) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto text = r.header(header);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('&', at), text.size());
    const auto part = std::string_view(text).substr(at, end - at);
    const auto is = std::min(part.find('='), part.size());
    auto key = percent_decode(part.substr(0, is), true);
    auto value = percent_decode(part.substr(std::min(is + 1, part.size())), true);
    if (!key || !value) return fail(errc::bad_request, "The header " + header + " is damaged");
    if (!key->empty()) all.emplace_back(*std::move(key), *std::move(value));
    at = end + 1;
  }
  return all;
}

/// The values of `name` in such a header.
result<std::vector<std::string>> values_of(const request& r, const std::string& header,
                                           std::string_view name) {
  auto pairs = pairs_of(r, header);
  if (!pairs) return pairs.error();
  std::vector<std::string> all;
  for (auto& [key, value] : *pairs)
    if (key == name) all.push_back(std::move(value));
  return all;
}

result<image_wish> read_headers(const request& r) {
  image_wish w;
  w.fingerprint = r.header("x-incus-fingerprint");
  w.filename = r.header("x-incus-filename");
  w.is_public = units::is_true(r.header("x-incus-public"));
  auto properties = pairs_of(r, "x-incus-properties");
  auto aliases = values_of(r, "x-incus-aliases", "alias");
  auto profiles = values_of(r, "x-incus-profiles", "profile");
  if (!properties) return properties.error();
  if (!aliases) return aliases.error();
  if (!profiles) return profiles.error();
  for (auto& [key, value] : *properties) w.properties[key] = std::move(value);
  for (auto& name : *aliases) w.aliases.push_back({std::move(name), ""});
  w.profiles = *std::move(profiles);
  return w;
}

/// A few at once: each keeps a core busy.
result<storage::image_metadata> inspect(const std::string& path) {
  static std::counting_semaphore<2> places{2};
  if (!places.try_acquire_for(inspection_wait_max))
    return fail(errc::busy, "too many images are being read on this member; try again");
  struct place {
    ~place() { places.release(); }
  } const taken;
  const host::background quiet;
  return storage::inspect_image(path);
}

}  // namespace

status check_image_wish(const state_view& s, const request& r, image_wish& w) {
  w.project = api::project_of(s, r, "images");
  if (!w.project) return fail(errc::not_found, "Project not found");
  if (w.profiles.empty()) w.profiles = {"default"};
  for (const auto& alias : w.aliases)
    if (s.find(table::image_alias, w.project, alias.name))
      return fail(errc::conflict, "Alias \"" + alias.name + "\" already exists");
  for (const auto& name : w.profiles)
    if (!s.find(table::profile, api::project_of(s, r, "profiles"), name))
      return fail(errc::not_found, "Profile \"" + name + "\" not found");
  return ok();
}

result<image_wish> read_image_wish(const json_object& body) {
  image_wish w;
  w.filename = body.text("filename");
  w.is_public = body.flag("public");
  w.auto_update = body.flag("auto_update");
  w.profiles = body.list("profiles").value_or(std::vector<std::string>{});
  for (const auto& alias : body.objects("aliases").value_or(std::vector<json_object>{}))
    w.aliases.push_back({alias.text("name"), alias.text("description")});
  if (const auto sent = body.text("expires_at"); !sent.empty()) {
    const auto ms = node::ms_of_rfc3339(sent);
    if (!ms) return fail(errc::bad_request, "Invalid date \"" + sent + "\" in expires_at");
    w.expires_ms = *ms;
  }
  if (auto good = body.good(); !good) return good.error();
  return w;
}

status name_image(api& a, const request& r, const image_wish& w, object_id image_id) {
  for (const auto& wanted : w.aliases) {
    image_alias alias;
    alias.head.project = w.project;
    alias.name = wanted.name;
    alias.description = wanted.description;
    alias.target = image_id;
    if (auto done = a.submit(r, create_object{alias}); !done) return done.error();
  }
  return ok();
}

status add_image(api& a, const request& r, const image_wish& w, storage::image_upload& file,
                 node::operations::handle& h) {
  const auto& fingerprint = file.finish();
  if (!w.fingerprint.empty() && w.fingerprint != fingerprint)
    return fail(errc::refused,
                "fingerprints don't match, got " + fingerprint + " expected " + w.fingerprint);
  auto metadata = inspect(file.path());
  if (!metadata) return metadata.error();
  image i;
  i.head.project = w.project;
  i.fingerprint = fingerprint;
  i.filename = w.filename;
  i.architecture = metadata->architecture;
  i.size_bytes = file.size_bytes();
  i.is_public = w.is_public;
  i.auto_update = w.auto_update;
  i.cached = w.is_cached;
  i.properties = metadata->properties;
  for (const auto& [key, value] : w.properties) i.properties[key] = value;
  i.profiles = w.profiles;
  i.made_ms = w.made_ms != 0 ? w.made_ms : metadata->made_ms;
  i.expires_ms = w.expires_ms;
  i.locations = {a.server().self()};
  if (a.server().local_view()->by_name<image>(i.head.project, i.fingerprint))
    return fail(errc::refused, "Image with same fingerprint already exists");
  const auto cut = storage::describe_image(file.path());  // while the disk writes
  if (auto kept = file.keep(); !kept) return kept;  // a row never names a file that is not there
  if (cut) a.images().know_chunks(i.fingerprint, *cut);
  auto done = a.submit(r, create_object{i});
  if (!done) return done.error();
  if (auto named = name_image(a, r, w, done->id); !named) return named;
  await_copies(a, i.fingerprint, [&](const string_map& more) {
    json_writer to;
    to.begin_object().field("fingerprint", i.fingerprint);
    to.field("size", std::to_string(i.size_bytes));
    for (const auto& [key, value] : more) to.field(key, value);
    h.set_metadata(to.end_object().take());
  });
  return ok();
}

namespace {

response upload_image(api& a, const request& r) {
  auto now = a.server().read(node::freshness::usual);
  if (!now) return error(now.error());
  auto wish = read_headers(r);
  if (!wish) return error(wish.error());
  if (auto good = check_image_wish(*now->state, r, *wish); !good) return error(good.error());
  now->state.reset();
  auto begun = storage::image_upload::begin(a.server().data_dir());
  if (!begun) return error(begun.error());
  const std::shared_ptr<storage::image_upload> file = *std::move(begun);
  if (auto read = r.read_body([&](std::string_view part) { return file->take(part); }); !read)
    return error(read.error());
  auto kept = r;
  kept.read_body = nullptr;
  return a.start_operation(a.new_operation("Downloading image", api::project_asked(r)),
                           [&a, kept, file, w = *std::move(wish)](node::operations::handle& h) {
                             return add_image(a, kept, w, *file, h);
                           });
}

// --- images of instances

/// Of the request, the project, the server, in this order.
std::string compression_of(const state_view& s, project_id where, const json_object& body) {
  constexpr const char* key = "images.compression_algorithm";
  const auto in = [&](const string_map& config) {
    const auto at = config.find(key);
    return at == config.end() ? std::string{} : at->second;
  };
  auto name = body.text("compression_algorithm");
  if (name.empty())
    if (const auto p = s.row<project>({}, {where.value})) name = in(p->config);
  if (name.empty()) name = in(s.only<server_config>().value_or(server_config{}).config);
  return name.empty() ? "gzip" : name;
}

/// The file on its way from the instance; who asked may give it up.
struct publishing {
  std::shared_ptr<storage::image_upload> file;
  std::atomic<bool> is_given_up = false;
  status take(std::string_view part) {
    if (is_given_up) return fail(errc::refused, "the work was cancelled");
    return file->take(part);
  }
};

status publish(api& a, const request& r, const row_key& of, image_wish w,
               const std::shared_ptr<publishing>& coming,
               const std::shared_ptr<const instances::publish_wish>& how,
               node::operations::handle& h) {
  instances::order what{instances::verb::publish, of, false, 0, {}, {}, {}, {}};
  what.image = how;
  auto packed = a.order(r, std::move(what));
  coming->is_given_up = true;  // what has not come by now comes no more
  if (!packed && packed.error().code == errc::unknown_outcome)
    return fail(errc::timed_out, "the instance's files were not packed in time");
  if (!packed) return packed;
  w.made_ms = wall_ms();
  return add_image(a, r, w, *coming->file, h);
}

response publish_instance(api& a, const request& r, const json_object& body) {
  const auto source = body.object("source");
  const auto type = source.text("type");
  const auto name = source.text("name");
  auto wish = read_image_wish(body);
  if (!wish) return error(wish.error());
  if (type == "snapshot") return error(404, "Instance snapshot not found");
  if (name.empty()) return error(400, "No source provided");
  auto now = a.server().read(node::freshness::strict);
  if (!now) return error(now.error());
  const auto& s = *now->state;
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), name);
  if (!i) return error(404, "Instance not found");
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  if (auto good = check_image_wish(s, r, *wish); !good) return error(good.error());
  auto how = std::make_shared<instances::publish_wish>();
  how->compression = compression_of(s, wish->project, body);
  if (!storage::is_compression(how->compression))
    return error(400, "Invalid compression algorithm \"" + how->compression + "\"");
  how->metadata = {i->architecture, wall_ms() / 1000, body.map("properties"),
                   wish->expires_ms / 1000};
  auto begun = storage::image_upload::begin(a.server().data_dir());
  if (!begun) return error(begun.error());
  const auto coming = std::make_shared<publishing>();
  coming->file = *std::move(begun);
  how->take = [coming](std::string_view part) { return coming->take(part); };
  auto o = a.new_operation("Downloading image", project_name(s, i->head.project));
  o.resources["instances"] = {state::path_of(s, *i)};
  o.may_cancel = true;
  return a.start_operation(
      std::move(o),
      [&a, r, of = key_of(*i), w = *std::move(wish), coming, how](node::operations::handle& h) {
        return publish(a, r, of, w, coming, how, h);
      },
      [coming] { coming->is_given_up = true; });
}

/// A file in the body, or a description of what it is to be made of.
response create_image(api& a, const request& asked) {
  if (!asked.read_body) return error(400, "an image is expected in the body");
  if (!asked.header("content-type").starts_with("application/json")) return upload_image(a, asked);
  auto r = asked;
  r.read_body = nullptr;
  const auto take = [&](std::string_view part) -> status {
    if (r.body.size() + part.size() > bounds::body_bytes_max)
      return fail(errc::too_large, "the request is too large");
    r.body.append(part);
    return ok();
  };
  if (auto read = asked.read_body(take); !read) return error(read.error());
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto type = body->object("source").text("type");
  if (type == "image") return pull_image(a, r, *body);
  if (type == "container" || type == "instance" || type == "snapshot")
    return publish_instance(a, r, *body);
  return error(400,
               "Invalid images JSON: images are made of uploads, instances and images of "
               "other servers here, not of \"" +
                   type + "\"");
}

}  // namespace

void add_image_import_routes(router& routes, api& a) {
  routes.add("POST", "/1.0/images",
             [&a](const request& r, const captures&) { return create_image(a, r); });
}

}  // namespace muster::http
