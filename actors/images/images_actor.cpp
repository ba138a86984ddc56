#include "actors/images/images_actor.hpp"

#include "schemas/basic/limits.hpp"
#include "storage/images/image_files.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace muster::images {

namespace {

/// A file is there before its record.
constexpr auto record_comes_within = std::chrono::minutes(10);

/// The same file can belong to images of several projects.
bool is_wanted(const state_view& view, const std::string& fingerprint) {
  bool found = false;
  view.each(table::image, std::nullopt, [&](const object& o) {
    return !(found = std::get<image>(o).fingerprint == fingerprint);
  });
  return found;
}

bool is_used(const state_view& view, const std::string& fingerprint) {
  bool found = false;
  view.each(table::instance, std::nullopt, [&](const object& o) {
    return !(found = std::get<instance>(o).image_fingerprint == fingerprint);
  });
  return found;
}

/// A server that is no member any more, or whose state is wrong, knows nothing.
bool is_free(const images_settings& with, const std::string& fingerprint) {
  const auto now = with.server->acting();
  return now && !is_wanted(*now->view, fingerprint) && !is_used(*now->view, fingerprint);
}

void drop(const images_settings& with, const state_view& view, const std::string& fingerprint) {
  if (is_wanted(view, fingerprint)) return;
  storage::remove_image(with.data_dir, fingerprint, [&] {
    const auto now = with.server->acting();  // it may have come again
    return !now || is_wanted(*now->view, fingerprint);
  });
  with.remove_unpacked(fingerprint, true, [&] { return is_free(with, fingerprint); });
}

/// Records are gone; a server that is no member any more, or whose state is wrong, believes none.
void drop_all(const images_settings& with, const std::vector<std::string>& fingerprints) {
  if (const auto me = with.server->acting())
    for (const auto& fingerprint : fingerprints) drop(with, *me->view, fingerprint);
}

void sweep(const images_settings& with) {
  const auto me = with.server->acting();
  if (!me) return;
  auto old = storage::images_older_than(with.data_dir, record_comes_within);
  std::erase_if(old, [&](const auto& fingerprint) { return is_wanted(*me->view, fingerprint); });
  auto trees = with.unpacked();
  std::erase_if(trees, [&](const auto& fingerprint) {
    return is_wanted(*me->view, fingerprint) || is_used(*me->view, fingerprint);
  });
  if ((old.empty() && trees.empty()) || !with.server->wait_readable()) return;
  drop_all(with, old);
  for (const auto& fingerprint : trees)
    with.remove_unpacked(fingerprint, false, [&] { return is_free(with, fingerprint); });
}

}  // namespace

images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with) {
  storage::remove_unfinished_images(with.data_dir);
  self->state.with = std::move(with);
  return {
      [=](const drop_files& m) { drop_all(self->state.with, m.fingerprints); },
      [=](sweep_files) { sweep(self->state.with); },
  };
}

}  // namespace muster::images
