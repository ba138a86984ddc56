#include "actors/images/fetcher.hpp"

#include "actors/host/background.hpp"
#include "actors/images/image_places.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/limits.hpp"
#include "storage/images/image_files.hpp"

#include <algorithm>

namespace muster::images {

namespace {

using clock = node::clock;
constexpr auto transfer_time_max = std::chrono::minutes(30);
constexpr auto silence_max = std::chrono::seconds(15);   ///< of a member that sends a file
constexpr auto begins_within = std::chrono::seconds(3);  ///< a transfer that was ordered
constexpr auto describe_time_max = std::chrono::minutes(2);
constexpr std::size_t transfers_max = 4;
constexpr std::size_t described_max = 16;
constexpr std::size_t chunks_text_max = 4u << 20;
constexpr int rounds_max = 2;  ///< how often each source is tried

}  // namespace

status fetcher::fetch(project_id project, const std::string& fingerprint) {
  const auto row = server_.local_view()->by_name<image>(project, fingerprint);
  if (row) return fetch_file(fingerprint, row->locations);
  return storage::has_image(data_dir_, fingerprint) ? ok()
                                                    : fail(errc::not_found, "Image not found");
}

status fetcher::fetch_file(const std::string& fingerprint, const std::vector<member_id>& sources) {
  const storage::incoming_mark mark(data_dir_, fingerprint);
  if (!storage::has_image(data_dir_, fingerprint))
    if (auto got = get(fingerprint, sources, clock::now() + transfer_time_max); !got) return got;
  return locate(fingerprint, true);
}

/// In the records of all projects that have it.
status fetcher::locate(const std::string& fingerprint, bool is_here) {
  const auto self = server_.self();
  for (const auto& row : server_.local_view()->all<image>()) {
    const bool is_noted =
        std::find(row.locations.begin(), row.locations.end(), self) != row.locations.end();
    if (row.fingerprint != fingerprint || is_noted == is_here) continue;
    auto told = server_.write(locate_image{key_of(row), self, is_here}, {}, "images",
                              clock::now() + limits::write_deadline);
    if (!told && told.error().code != errc::not_found) return told.error();
  }
  return ok();
}

status fetcher::note_missing(const std::string& fingerprint) {
  auto others = holders_of(fingerprint);
  const bool is_noted = others.erase(server_.self()) != 0;
  if (!is_noted || others.empty() || storage::has_image(data_dir_, fingerprint)) return ok();
  return locate(fingerprint, false);
}

/// Whoever comes second waits for the first.
status fetcher::get(const std::string& fingerprint, const std::vector<member_id>& sources,
                    clock::time_point deadline) {
  std::unique_lock guard(lock_);
  const auto late = fail(errc::timed_out, "the image did not come in time");
  if (const auto at = transfers_.find(fingerprint); at != transfers_.end()) {
    const auto other = at->second;
    return changed_.wait_until(guard, deadline, [&] { return other->is_over; }) ? other->how
                                                                                : status(late);
  }
  const auto mine = std::make_shared<transfer>();
  transfers_[fingerprint] = mine;
  if (!changed_.wait_until(guard, deadline, [&] { return running_ < transfers_max; })) {
    mine->how = late;
  } else {
    ++running_;
    guard.unlock();
    auto how = storage::has_image(data_dir_, fingerprint)
                   ? ok()
                   : get_from_any(fingerprint, sources, deadline);
    guard.lock();
    mine->how = std::move(how);
    --running_;
  }
  if (mine->file) mine->file->give_up();
  mine->is_over = true;
  transfers_.erase(fingerprint);
  changed_.notify_all();
  return mine->how;
}

std::set<member_id> fetcher::holders_of(const std::string& fingerprint) const {
  return images::holders_of(*server_.local_view(), fingerprint).value_or(std::set<member_id>{});
}

failure fetcher::nobody_has(const std::set<member_id>& holders) const {
  const auto names = names_of(*server_.local_view(), {holders.begin(), holders.end()});
  return fail(errc::unavailable,
              names.empty() ? "Image not available on any online member: no member has its file"
                            : "Image not available on any online member: its file is on " + names +
                                  ", which cannot be reached. Start one of them and try again");
}

/// The first that gives it; after one that fails another goes on where that one ended.
status fetcher::get_from_any(const std::string& fingerprint, std::vector<member_id> sources,
                             clock::time_point deadline) {
  const auto holders = holders_of(fingerprint);
  for (const auto id : holders)
    if (std::find(sources.begin(), sources.end(), id) == sources.end()) sources.push_back(id);
  std::erase(sources, server_.self());
  std::optional<failure> last;
  bool was_reached = false;
  for (int round = 0; round < rounds_max; ++round)
    for (const auto id : sources) {
      const auto from = server_.local_view()->row<member>({}, {id.value});
      if (!from) continue;
      auto done = get_from(*from, fingerprint, deadline);
      if (done) return done;
      last = done.error();
      was_reached = was_reached || done.error().code != errc::not_leader;
      if (clock::now() > deadline) break;
    }
  if (!last || !was_reached) return nobody_has(holders);
  return fail(last->code, "Failed to get the image: " + last->detail);
}

/// @errors errc::not_leader if the member cannot be reached
status fetcher::get_from(const member& from, const std::string& fingerprint,
                         clock::time_point deadline) {
  auto stream =
      server_.dial_member(from.address, from.fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) return fail(errc::not_leader, stream.error().detail);
  tls::http_request ask;
  ask.target = "/internal/images/" + fingerprint + "/chunks";
  auto cut = tls::ask(**stream, ask, {clock::now() + describe_time_max, chunks_text_max, {}});
  if (!cut) return cut.error();
  if (cut->status != 200) return fail(errc::unavailable, from.name + " has no such image file");
  auto chunks = storage::parse_chunks(cut->body);
  if (!chunks) return chunks.error();
  auto begun = storage::incoming_image::begin(data_dir_, fingerprint, *std::move(chunks));
  if (!begun) return begun.error();
  const auto file = *begun;
  {
    const std::lock_guard guard(lock_);
    if (const auto at = transfers_.find(fingerprint); at != transfers_.end()) {
      if (at->second->file) at->second->file->give_up();
      at->second->file = file;
    }
    changed_.notify_all();
  }
  const host::background quiet;
  if (file->here() < file->chunks().size_bytes) {
    ask.target = "/internal/images/" + fingerprint;
    ask.headers["Range"] = "bytes=" + std::to_string(file->here()) + "-";
    tls::http_options how;
    how.deadline = deadline;
    how.silence_max = silence_max;
    status taken = ok();
    how.take = [&](std::string_view part) {
      fault_point("image.part");
      taken = file->take(part);
      return taken;
    };
    auto answer = tls::ask(**stream, ask, how);
    if (!taken && taken.error().code == errc::corrupt) tell_damaged(from, fingerprint);
    if (!taken) return taken;
    if (!answer) return answer.error();
    if (answer->status != 206 && answer->status != 200)
      return fail(errc::unavailable, from.name + " does not give the image file");
  }
  auto kept = file->keep();
  if (!kept && kept.error().code == errc::corrupt) {
    tell_damaged(from, fingerprint);
    return fail(errc::unavailable, "the copy on " + from.name + " is damaged");
  }
  if (kept) know_chunks(fingerprint, file->chunks());
  return kept;
}

/// It reads its file and drops it if that is so.
void fetcher::tell_damaged(const member& where, const std::string& fingerprint) const {
  auto stream =
      server_.dial_member(where.address, where.fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) return;
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/images/" + fingerprint + "/check";
  (void)tls::ask(**stream, ask, {clock::now() + describe_time_max, 1u << 16, {}});
}

void fetcher::know_chunks(const std::string& fingerprint, const storage::image_chunks& how) {
  const std::lock_guard guard(lock_);
  if (described_.size() >= described_max) described_.erase(described_.begin());
  described_[fingerprint] = storage::to_text(how);
}

result<std::string> fetcher::chunks_of(const std::string& fingerprint) {
  if (!storage::has_image(data_dir_, fingerprint)) {
    // Whoever is to pass it on has been asked to get it at the same moment.
    std::unique_lock guard(lock_);
    const auto file_of = [&] {
      const auto at = transfers_.find(fingerprint);
      return at == transfers_.end() ? nullptr : at->second->file;
    };
    changed_.wait_for(guard, begins_within, [&] { return file_of() != nullptr; });
    if (const auto file = file_of()) return storage::to_text(file->chunks());
    if (!storage::has_image(data_dir_, fingerprint))
      return fail(errc::not_found, "no such image file");
  }
  {
    const std::lock_guard guard(lock_);
    if (const auto at = described_.find(fingerprint); at != described_.end()) return at->second;
  }
  auto cut = storage::describe_image(storage::image_path(data_dir_, fingerprint));
  if (!cut) return cut.error();
  know_chunks(fingerprint, *cut);
  return storage::to_text(*cut);
}

std::shared_ptr<storage::incoming_image> fetcher::coming(const std::string& fingerprint) const {
  const std::lock_guard guard(lock_);
  const auto at = transfers_.find(fingerprint);
  return at == transfers_.end() ? nullptr : at->second->file;
}

std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> fetcher::all_coming() const {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> all;
  const std::lock_guard guard(lock_);
  for (const auto& [fingerprint, t] : transfers_)
    if (t->file) all[fingerprint] = {t->file->here(), t->file->chunks().size_bytes};
  return all;
}

result<bool> fetcher::check(const std::string& fingerprint) {
  if (!storage::has_image(data_dir_, fingerprint)) return fail(errc::not_found, "no such file");
  {
    const std::lock_guard guard(lock_);
    described_.erase(fingerprint);
  }
  const auto path = storage::image_path(data_dir_, fingerprint);
  const auto read = storage::check_fingerprint(path, fingerprint);
  if (read) return true;
  if (read.error().code != errc::corrupt) return read.error();
  (void)server_.wait_readable().ok();  // others may have got theirs just now
  auto others = holders_of(fingerprint);
  others.erase(server_.self());
  if (others.empty()) return false;  // the last one: better than none
  if (auto told = locate(fingerprint, false); !told) return told.error();
  storage::remove_image(data_dir_, fingerprint, [] { return false; });
  return false;
}

}  // namespace muster::images
