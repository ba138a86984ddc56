#include "actors/state/transaction.hpp"

#include "schemas/basic/limits.hpp"

namespace muster::state {

void transaction::begin(log_index at, std::uint64_t stamp_ms) {
  MUSTER_ENSURE(applied_ < at, "entries are applied in order, each once");
  applied_ = at;
  chain_.begin(at);
  stamp_ms_ = stamp_ms;
}

row_ptr transaction::get(const row_key& key) const {
  if (const auto own = changes_.rows.find(key); own != changes_.rows.end()) return own->second;
  if (const auto seen = read_.find(key); seen != read_.end()) return seen->second;
  return read_.emplace(key, base_.get(key)).first->second;
}

std::optional<object_id> transaction::find(table where, project_id project,
                                           std::string_view name) const {
  if (auto own = changes_.names.find({where, project, std::string(name)});
      own != changes_.names.end())
    return own->second;
  return base_.find(where, project, name);
}

void transaction::each(table where, std::optional<project_id> project, const visitor& see) const {
  // Merges two ordered sequences: the base, and the rows written here.
  auto own = changes_.rows.lower_bound({where, project.value_or(project_id{}), {}});
  const auto in_range = [&](const row_key& key) {
    return key.where == where && (!project || key.project == *project);
  };
  bool wanted = true;
  const auto show_own_before = [&](const row_key* limit) {
    while (wanted && own != changes_.rows.end() && in_range(own->first) &&
           (!limit || own->first < *limit)) {
      if (own->second) wanted = see(*own->second);
      ++own;
    }
  };
  base_.each(where, project, [&](const object& row) {
    const row_key key = key_of(row);
    show_own_before(&key);
    if (wanted && !changes_.rows.contains(key)) wanted = see(row);
    return wanted;
  });
  show_own_before(nullptr);
}

void transaction::put(object row) {
  const row_key key = key_of(row);
  const auto before = get(key);
  write(key, std::move(row), before.get());
}

void transaction::add(object row) {
  const row_key key = key_of(row);
  write(key, std::move(row), nullptr);
}

void transaction::write(const row_key& key, object row, const object* before) {
  auto& head = head_of(row);
  head.modified = applied_;
  head.modified_ms = stamp_ms_;
  if (!before) {
    head.created = applied_;
    head.created_ms = stamp_ms_;
  }
  if (is_named(key.where)) {
    const auto name = name_of(row);
    const bool renamed = before && name_of(*before) != name;
    if (renamed)
      changes_.names[{key.where, key.project, std::string(name_of(*before))}] = std::nullopt;
    if (!before || renamed) changes_.names[{key.where, key.project, std::string(name)}] = key.id;
  }
  chain_.put(row);
  changes_.rows.insert_or_assign(key, std::make_shared<const object>(std::move(row)));
}

/// Rows without a name are removed unseen.
void transaction::erase(const row_key& key) {
  if (is_named(key.where)) {
    const auto before = get(key);
    if (!before) return;
    changes_.names[{key.where, key.project, std::string(name_of(*before))}] = std::nullopt;
  }
  chain_.erase(key);
  changes_.rows.insert_or_assign(key, nullptr);
}

counters transaction::numbers() {
  auto row = only<counters>().value_or(counters{});
  row.head.id = {1};
  return row;
}

object_id transaction::next_object() {
  auto row = numbers();
  const object_id id{row.next_object++};
  put(row);
  return id;
}

member_id transaction::next_member() {
  auto row = numbers();
  const member_id id{row.next_member++};
  put(row);
  return id;
}

void transaction::emit(event e) {
  auto row = numbers();
  e.number = row.next_event++;
  e.head.id = {e.number % limits::events_kept};
  e.by = asked_;
  put(row);
  add(e);
  e.head.created = e.head.modified = applied_;
  e.head.created_ms = e.head.modified_ms = stamp_ms_;
  events_.push_back(std::move(e));
}

}  // namespace muster::state
