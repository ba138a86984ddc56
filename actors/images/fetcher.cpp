#include "actors/images/fetcher.hpp"

#include "schemas/basic/limits.hpp"
#include "storage/images/image_files.hpp"

#include <algorithm>

namespace muster::images {

namespace {

using clock = node::clock;
constexpr auto transfer_time_max = std::chrono::minutes(30);
constexpr auto silence_max = std::chrono::seconds(30);  ///< of a member that sends a file
constexpr std::size_t transfers_max = 4;

}  // namespace

status fetcher::fetch(project_id project, const std::string& fingerprint) {
  const auto view = server_.local_view();
  const auto row = view->by_name<image>(project, fingerprint);
  const bool is_here = storage::has_image(data_dir_, fingerprint);
  if (!row) return is_here ? ok() : status(fail(errc::not_found, "Image not found"));
  const auto deadline = clock::now() + transfer_time_max;
  if (!is_here)
    if (auto got = get(*row, *view, deadline); !got) return got;
  const auto self = server_.self();
  if (std::find(row->locations.begin(), row->locations.end(), self) != row->locations.end())
    return ok();
  auto told = server_.write(locate_image{key_of(*row), self, true}, {}, "images",
                            clock::now() + limits::write_deadline);
  return told ? ok() : status(told.error());
}

/// Whoever comes second waits for the first.
status fetcher::get(const image& row, const state_view& view, clock::time_point deadline) {
  std::unique_lock guard(lock_);
  const auto late = fail(errc::timed_out, "the image did not come in time");
  if (const auto at = transfers_.find(row.fingerprint); at != transfers_.end()) {
    const auto other = at->second;
    return changed_.wait_until(guard, deadline, [&] { return other->is_over; }) ? other->how
                                                                                : status(late);
  }
  const auto mine = std::make_shared<transfer>();
  transfers_[row.fingerprint] = mine;
  if (!changed_.wait_until(guard, deadline, [&] { return running_ < transfers_max; })) {
    mine->how = late;
  } else {
    ++running_;
    guard.unlock();
    auto how =
        storage::has_image(data_dir_, row.fingerprint) ? ok() : download_any(row, view, deadline);
    guard.lock();
    mine->how = std::move(how);
    --running_;
  }
  mine->is_over = true;
  transfers_.erase(row.fingerprint);
  changed_.notify_all();
  return mine->how;
}

status fetcher::download_any(const image& row, const state_view& view, clock::time_point deadline) {
  failure last = fail(errc::unavailable, "no member that is online has the image");
  for (const auto id : row.locations) {
    const auto from = view.row<member>({}, {id.value});
    if (!from || id == server_.self()) continue;
    auto done = download(*from, row, deadline);
    if (done) return done;
    last = done.error();
  }
  return fail(last.code, "Failed to get the image: " + last.detail);
}

status fetcher::download(const member& from, const image& what, clock::time_point deadline) {
  auto stream =
      server_.dial_member(from.address, from.fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) return stream.error();
  auto upload = storage::image_upload::begin(data_dir_);
  if (!upload) return upload.error();
  tls::http_request ask;
  ask.target = "/internal/images/" + what.fingerprint;
  tls::http_options how;
  how.deadline = deadline;
  how.silence_max = silence_max;
  how.take = [&](std::string_view part) { return (*upload)->take(part); };
  auto answer = tls::ask(**stream, ask, how);
  if (!answer) return answer.error();
  if (answer->status != 200) return fail(errc::unavailable, from.name + " has no such image file");
  auto fingerprint = (*upload)->finish();
  if (!fingerprint) return fingerprint.error();
  if (*fingerprint != what.fingerprint)
    return fail(errc::unavailable,
                "the copy on " + from.name + " is damaged: its fingerprint is " + *fingerprint);
  return (*upload)->keep();
}

}  // namespace muster::images
