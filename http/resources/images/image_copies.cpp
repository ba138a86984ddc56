#include "http/resources/images/image_copies.hpp"

#include "actors/images/images_core.hpp"
#include "actors/images/replicator.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/units.hpp"
#include "storage/images/image_files.hpp"

#include <algorithm>
#include <future>

/// Where the files of images lie, and how they come there.
namespace muster::http {

namespace {

constexpr auto copies_time_max = std::chrono::minutes(10);
constexpr auto look_period = std::chrono::milliseconds(200);
constexpr auto stalled_after = std::chrono::seconds(20);
constexpr auto dropped_within = std::chrono::seconds(5);

struct copies {
  std::size_t wanted = 0;
  std::size_t here = 0;
};

/// Of members that are online.
copies count_copies(api& a, const state_view& s, const std::string& fingerprint) {
  const auto online = a.online();
  std::set<member_id> holders;
  bool is_known = false;
  for (const auto& row : s.all<image>()) {
    if (row.fingerprint != fingerprint) continue;
    is_known = true;
    for (const auto id : row.locations)
      if (online.contains(id)) holders.insert(id);
  }
  const auto members = s.all<member>();
  const auto up = static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [&](const member& m) { return online.contains(m.id()); }));
  const auto wanted = images::copies_wanted(images::replicas_wanted(s), members.size());
  return {is_known ? std::min(wanted, up) : 0, holders.size()};
}

/// What comes to this member: fingerprint → [bytes here, bytes in all].
std::string coming_json(api& a) {
  json_writer w;
  w.begin_object();
  for (const auto& [fingerprint, bytes] : a.images().all_coming()) {
    w.key(fingerprint).begin_object();
    w.field("member", a.server().name());
    w.field("here", bytes.first).field("size", bytes.second).end_object();
  }
  return w.end_object().take();
}

using coming_files = std::map<std::string, std::map<std::string, std::uint64_t>>;

/// Fingerprint → member → percent, of all members that are online.
coming_files all_coming(api& a, const state_view& s) {
  auto answers = a.ask_others(s, "/internal/images/coming");
  answers.push_back(coming_json(a));
  coming_files all;
  for (const auto& text : answers) {
    auto body = json_object::parse(text);
    if (!body) continue;
    for (const auto& fingerprint : body->names()) {
      const auto one = body->object(fingerprint);
      const auto size = std::max<std::int64_t>(1, one.number("size"));
      all[fingerprint][one.text("member")] =
          static_cast<std::uint64_t>(one.number("here") * 100 / size);
    }
  }
  return all;
}

response show_copies(api& a, const state_view& s) {
  const auto coming = all_coming(a, s);
  const auto online = a.online();
  const auto members = s.all<member>();
  std::map<std::string, std::set<member_id>> holders;
  for (const auto& row : s.all<image>())
    holders[row.fingerprint].insert(row.locations.begin(), row.locations.end());
  json_writer w;
  w.begin_array();
  for (const auto& [fingerprint, at] : holders) {
    const auto count = count_copies(a, s, fingerprint);
    w.begin_object().field("fingerprint", fingerprint).field("wanted", count.wanted);
    w.field("here", count.here).key("members").begin_object();
    for (const auto& m : members) {
      std::string state = at.contains(m.id()) ? "there" : "-";
      if (at.contains(m.id()) && !online.contains(m.id())) state = "away";
      if (const auto f = coming.find(fingerprint); f != coming.end())
        if (const auto p = f->second.find(m.name); p != f->second.end())
          state = std::to_string(p->second) + "%";
      w.field(m.name, state);
    }
    w.end_object().end_object();
  }
  return sync(w.end_array().take());
}

std::vector<member_id> sources_in(const request& r) {
  std::vector<member_id> all;
  for (const auto& word : units::list(r.parameter("from")))
    if (const auto id = units::number(word)) all.push_back({*id});
  return all;
}

bool is_fingerprint(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

response text_answer(int status, std::string text) {
  response out;
  out.status = status;
  out.content_type = "application/octet-stream";
  out.body = std::move(text);
  return out;
}

/// An order of the leader; answered when the file is here.
response fetch_here(api& a, const request& r, const std::string& fingerprint) {
  auto done = a.images().fetch_file(fingerprint, sources_in(r));
  return done ? text_answer(200, {}) : text_answer(503, done.error().detail);
}

response show_chunks(api& a, const std::string& fingerprint) {
  auto text = a.images().chunks_of(fingerprint);
  return text ? text_answer(200, *std::move(text)) : text_answer(404, text.error().detail);
}

response check_here(api& a, const std::string& fingerprint) {
  auto good = a.images().check(fingerprint);
  if (!good) return error(good.error());
  return text_answer(200, *good ? "good" : "damaged");
}

/// Answered when all that was to be dropped here is.
response await_own_drops(api& a) {
  const auto promise = std::make_shared<std::promise<void>>();
  auto done = promise->get_future();
  a.when_files_dropped([promise] { promise->set_value(); });
  return done.wait_for(dropped_within) == std::future_status::ready
             ? text_answer(200, {})
             : text_answer(503, "files are still being dropped");
}

}  // namespace

void await_copies(api& a, const std::string& fingerprint, node::operations::handle& h) {
  const auto deadline = clock::now() + copies_time_max;
  auto moved = clock::now();
  std::string last;
  while (!h.is_cancelled() && clock::now() < deadline && clock::now() - moved < stalled_after) {
    const auto now = count_copies(a, *a.server().local_view(), fingerprint);
    if (now.here >= now.wanted) return;
    a.rows().wait_until(clock::now() + look_period, [&] {
      const auto later = count_copies(a, *a.server().local_view(), fingerprint);
      return later.here >= later.wanted;
    });
    json_writer w;
    w.begin_object();
    for (const auto& [print, of] : all_coming(a, *a.server().local_view()))
      if (print == fingerprint)
        for (const auto& [name, percent] : of) w.field(name, std::to_string(percent) + "%");
    auto text = w.field("copies", now.here).end_object().take();
    if (text == last) continue;
    moved = clock::now();
    last = text;
  }
}

void await_dropped(api& a) {
  a.seen_everywhere();
  (void)await_own_drops(a);
  (void)a.ask_others(*a.server().local_view(), "/internal/images/dropped");
}

void add_image_copy_routes(router& routes, api& a) {
  routes.add("GET", "/internal/images/coming",
             [&a](const request&, const captures&) { return text_answer(200, coming_json(a)); });
  routes.add("GET", "/internal/images/dropped",
             [&a](const request&, const captures&) { return await_own_drops(a); });
  routes.add("GET", "/internal/images/status",
             a.reading([&a](const request&, const captures&, const state_view& s) {
               return show_copies(a, s);
             }));
  using function = response (*)(api&, const std::string&);
  const auto add = [&](const char* method, const char* path, function f) {
    routes.add(method, path, [&a, f](const request&, const captures& c) {
      const auto& fingerprint = c.at("fingerprint");
      return is_fingerprint(fingerprint) ? f(a, fingerprint) : error(404, "Image not found");
    });
  };
  add("GET", "/internal/images/{fingerprint}/chunks", show_chunks);
  add("POST", "/internal/images/{fingerprint}/check", check_here);
  routes.add("POST", "/internal/images/{fingerprint}/fetch",
             [&a](const request& r, const captures& c) {
               const auto& fingerprint = c.at("fingerprint");
               return is_fingerprint(fingerprint) ? fetch_here(a, r, fingerprint)
                                                  : error(404, "Image not found");
             });
}

}  // namespace muster::http
