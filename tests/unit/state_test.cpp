#include "storage/rows/state_store.hpp"
#include "tests/unit/state_world.hpp"

#include <filesystem>
#include <random>
#include <set>

using namespace muster;

BOOST_AUTO_TEST_SUITE(apply)

BOOST_AUTO_TEST_CASE(bootstrap_makes_the_default_objects_once) {
  auto w = cluster_of_one();
  BOOST_TEST(w.state.all<member>().size() == 1U);
  BOOST_CHECK(w.state.by_name<project>({}, "default"));
  BOOST_CHECK(w.state.all<storage_pool>().empty());
  BOOST_CHECK(w.state.by_name<profile>(a_profile(w, "x").head.project, "default")->devices.empty());
  bootstrap again;
  BOOST_TEST(!w.apply(again).done);
}

BOOST_AUTO_TEST_CASE(a_request_id_is_applied_once) {
  auto w = cluster_of_one();
  const auto first = w.own(1, create_object{a_profile(w, "p")});
  const auto again = w.own(1, create_object{a_profile(w, "p")});
  BOOST_TEST(first.done);
  BOOST_CHECK(first == again);
  const auto other = w.own(2, create_object{a_profile(w, "p")});
  BOOST_TEST(!other.done);
}

BOOST_AUTO_TEST_CASE(requests_of_an_older_incarnation_are_refused) {
  auto w = cluster_of_one();
  BOOST_TEST(w.own(1, create_object{a_profile(w, "a")}, 2).done);
  BOOST_TEST(!w.own(2, create_object{a_profile(w, "b")}, 1).done);
  BOOST_CHECK(!w.state.find(table::profile, a_profile(w, "b").head.project, "b"));
}

BOOST_AUTO_TEST_CASE(if_match_is_checked_again_when_applied) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{a_profile(w, "p")}).done);
  auto p = *w.state.by_name<profile>(a_profile(w, "p").head.project, "p");
  const auto seen = p.head.modified;
  p.description = "first";
  BOOST_TEST(w.apply(replace_object{p, seen}).done);
  p.description = "second";
  const auto late = w.apply(replace_object{p, seen});
  BOOST_CHECK(!late.done && late.why.code == errc::changed);
}

BOOST_AUTO_TEST_CASE(a_refusal_changes_nothing) {
  auto w = cluster_of_one();
  const auto before = w.state.rows();
  BOOST_TEST(!w.apply(erase_object{{table::profile, {9}, {9}}, {}}).done);
  BOOST_CHECK(before == w.state.rows());
}

BOOST_AUTO_TEST_CASE(a_join_uses_its_token_up_and_can_be_repeated) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "h")}).done);
  BOOST_TEST(!w.apply(join_member{"wrong", named("n2", "f2")}).done);
  BOOST_TEST(!w.apply(join_member{"h", named("n3", "f2")}).done);
  BOOST_TEST(w.state.all<token>().size() == 1U);  // good for another try
  const auto joined = w.apply(join_member{"h", named("n2", "f2")});
  BOOST_TEST(joined.done);
  BOOST_TEST(w.state.all<token>().empty());
  const auto again = w.apply(join_member{"h", named("n2", "f2")});
  BOOST_CHECK(again.done && again.id == joined.id);
  BOOST_TEST(!w.apply(join_member{"h", named("n2", "other")}).done);
}

BOOST_AUTO_TEST_CASE(a_member_that_lost_its_disk_is_replaced_by_a_new_one) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "h")}).done);
  const auto old = w.apply(join_member{"h", named("n2", "f2")});
  auto i = an_instance(w, "c1");
  i.owner = {old.id.value};
  BOOST_REQUIRE(w.apply(create_object{i}).done);
  BOOST_TEST(!w.apply(create_object{join_token_for("n2", "again")}).done);
  auto t = join_token_for("n2", "again");
  t.replaces = {old.id.value};
  BOOST_REQUIRE(w.apply(create_object{t}).done);
  const auto fresh = w.apply(join_member{"again", named("n2", "f3")});
  BOOST_REQUIRE(fresh.done);
  BOOST_CHECK(fresh.id != old.id);
  BOOST_TEST(w.state.all<member>().size() == 2U);
  const auto moved = w.state.all<instance>().at(0);
  BOOST_CHECK(moved.owner.value == fresh.id.value && moved.generation == 2);
}

BOOST_AUTO_TEST_CASE(a_claimed_token_is_for_one_certificate) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "h")}).done);
  BOOST_TEST(w.apply(claim_token{"h", "f2"}).done);
  BOOST_TEST(w.apply(claim_token{"h", "f2"}).done);
  BOOST_TEST(!w.apply(claim_token{"h", "f3"}).done);
  BOOST_TEST(!w.apply(join_member{"h", named("n2", "f3")}).done);
  BOOST_TEST(w.apply(join_member{"h", named("n2", "f2")}).done);
}

BOOST_AUTO_TEST_CASE(an_expired_token_is_refused_and_dropped_by_the_stamp) {
  auto w = cluster_of_one();
  auto t = join_token_for("n2", "h");
  t.expires_ms = 2000;
  BOOST_REQUIRE(w.apply(create_object{t}).done);
  w.now_ms = 2000;
  BOOST_TEST(!w.apply(join_member{"h", named("n2", "f2")}).done);
  w.apply(expire_tokens{});
  BOOST_TEST(w.state.all<token>().empty());
}

BOOST_AUTO_TEST_CASE(an_older_generation_reports_nothing) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "h")}).done);
  const auto n2 = w.apply(join_member{"h", named("n2", "f2")});
  BOOST_REQUIRE(w.apply(create_object{an_instance(w, "c1")}).done);
  const auto row = *w.state.by_name<instance>(an_instance(w, "").head.project, "c1");
  BOOST_TEST(w.apply(report_instance{key_of(row), 1, instance_status::running, "started"}).done);
  BOOST_TEST(w.events.size() == 1U);
  BOOST_TEST(w.apply(move_instance{key_of(row), {n2.id.value}}).done);
  BOOST_TEST(!w.apply(report_instance{key_of(row), 1, instance_status::stopped, "stopped"}).done);
  const auto now = *w.state.by_name<instance>(row.head.project, "c1");
  BOOST_CHECK(now.generation == 2 && now.status == instance_status::running);
}

BOOST_AUTO_TEST_CASE(events_are_numbered_and_bounded) {
  auto w = cluster_of_one();
  for (int i = 0; i < 1100; ++i) w.apply(create_object{a_profile(w, "p" + std::to_string(i))});
  auto events = w.state.all<event>();
  std::sort(events.begin(), events.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  BOOST_TEST(events.size() <= 1024U);
  for (std::size_t i = 1; i < events.size(); ++i)
    BOOST_REQUIRE(events[i].number == events[i - 1].number + 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(views)

/// The store and the maps hold the same after the same commands, also after a flush and a new
/// start.
BOOST_AUTO_TEST_CASE(the_state_store_agrees_with_the_maps) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("state_test." + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  auto store = storage::state_store::open(directory, nullptr);
  BOOST_REQUIRE(store.ok());
  std::mt19937 chance(3);
  world w;
  const auto both = [&](command_body body) {
    w.apply(std::move(body));
    raft::snapshot_meta at;
    at.index = {w.index};
    BOOST_REQUIRE((*store)->write(w.last, at).ok());
  };
  bootstrap b;
  b.first = named("n1", "f1");
  both(b);
  for (int i = 0; i < 600; ++i) {
    const auto p = a_profile(w, "p" + std::to_string(chance() % 20));
    const auto id = w.state.find(table::profile, p.head.project, p.name);
    switch (id ? chance() % 3 : 0) {
      case 0:
        both(create_object{p});
        break;
      case 1:
        both(erase_object{{table::profile, p.head.project, *id}, {}});
        break;
      default:
        both(rename_object{{table::profile, p.head.project, *id},
                           "p" + std::to_string(chance() % 20)});
    }
    if (i == 300) {
      BOOST_REQUIRE((*store)->flush().ok());
      store->reset();
      store = storage::state_store::open(directory, nullptr);
      BOOST_REQUIRE(store.ok());
    }
  }
  const auto view = (*store)->view();
  BOOST_CHECK(view->applied() == w.state.applied());
  std::size_t rows = 0;
  for (unsigned t = 1; t <= static_cast<unsigned>(table::last); ++t)
    view->each(static_cast<table>(t), std::nullopt, [&](const object& o) {
      ++rows;
      BOOST_CHECK(*w.state.get(key_of(o)) == o);
      if (is_named(table_of(o)))
        BOOST_CHECK(view->find(table_of(o), head_of(o).project, name_of(o)) ==
                    std::optional(head_of(o).id));
      return true;
    });
  BOOST_TEST(rows == w.state.rows().size());
  store->reset();
  std::filesystem::remove_all(directory);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(chains)

namespace {

std::uint64_t after(const std::vector<object>& rows) {
  chain c({}, 0);
  c.begin({1});
  for (const auto& row : rows) c.put(row);
  return c.value();
}

server_config config_of(string_map config) {
  server_config row;
  row.config = std::move(config);
  return row;
}

/// Commands of many kinds, some of them refused.
std::vector<command_body> many_commands() {
  std::mt19937 chance(5);
  std::vector<command_body> all;
  bootstrap b;
  b.first = named("n1", "f1");
  all.emplace_back(std::move(b));
  const project_id project{1};
  for (int i = 0; i < 300; ++i) {
    profile p;
    p.head.project = project;
    p.name = "p" + std::to_string(chance() % 10);
    const row_key key{table::profile, project, {2 + chance() % 40}};
    switch (chance() % 4) {
      case 0:
        all.emplace_back(create_object{p});
        break;
      case 1:
        all.emplace_back(erase_object{key, {}});
        break;
      case 2:
        all.emplace_back(rename_object{key, p.name});
        break;
      default:
        all.emplace_back(set_config{{{"user.x", std::string(chance() % 40, 'x')}}, {}});
    }
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_field_and_each_boundary_counts) {
  BOOST_TEST(after({config_of({{"a", "b"}})}) == after({config_of({{"a", "b"}})}));
  const std::vector<std::vector<object>> unlike{
      {},
      {config_of({})},
      {config_of({{"a", "b"}})},
      {config_of({{"ab", ""}})},
      {config_of({{"", "ab"}})},
      {config_of({{"a", ""}, {"b", ""}})},
      {config_of({{"a", "b"}}), config_of({})},
      {config_of({}), config_of({{"a", "b"}})},
      {config_of({{"a", std::string(1, 'x')}})},
      {config_of({{"a", std::string(2, 'x')}})},
      {config_of({{"a", std::string("x\0", 2)}})},
      {config_of({{"a", std::string(16, 'x')}})},
      {config_of({{"a", std::string(17, 'x')}})},
      {config_of({{"a", std::string(32, 'x')}})},
      {counters{}},
      {cluster{}},
  };
  std::set<std::uint64_t> seen;
  for (const auto& rows : unlike) seen.insert(after(rows));
  BOOST_TEST(seen.size() == unlike.size());
  event e;
  const auto before = after({e});
  e.who.address = "@";
  BOOST_TEST(after({e}) != before);
}

BOOST_AUTO_TEST_CASE(every_byte_of_a_text_counts) {
  for (std::size_t size = 1; size < 70; ++size)
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      const auto before = after({config_of({{"k", text}})});
      text[at] = 'y';
      BOOST_REQUIRE(after({config_of({{"k", text}})}) != before);
    }
}

BOOST_AUTO_TEST_CASE(an_erased_row_counts_and_the_unknown_stays_unknown) {
  chain a({4}, 77);
  chain b({4}, 77);
  BOOST_TEST(a.value() == 77U);
  a.begin({5});
  b.begin({5});
  BOOST_TEST(a.value() == b.value());
  a.erase({table::profile, {1}, {2}});
  b.erase({table::profile, {1}, {3}});
  BOOST_TEST(a.value() != b.value());
  chain unknown({4}, 0);
  unknown.begin({5});
  unknown.put(counters{});
  BOOST_TEST(unknown.value() == 0U);
}

/// One entry at a time on maps; in groups of any size on the store, as the applier does it.
BOOST_AUTO_TEST_CASE(groups_and_stores_make_no_difference) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("chain_test." + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  auto opened = storage::state_store::open(directory, nullptr);
  BOOST_REQUIRE(opened.ok());
  auto store = *std::move(opened);
  std::mt19937 chance(9);
  world w;
  const auto commands = many_commands();
  for (std::size_t at = 0; at < commands.size();) {
    auto base = store->view();
    auto meta = store->meta();
    state::transaction tx(*base, meta.index, meta.digest);
    for (auto left = 1 + chance() % 7; left > 0 && at < commands.size(); --left, ++at) {
      const request_id id{{1}, {1}, at + 1};
      w.apply(commands[at], id);
      tx.begin(meta.index = {w.index}, w.now_ms);
      (void)state::apply(tx, {id, {"root", "unix", "@"}, {}, commands[at]});
      BOOST_REQUIRE(tx.digest() == w.digest);
    }
    meta.digest = tx.digest();
    BOOST_REQUIRE(store->write(tx.changes(), meta).ok());
    if (chance() % 20 != 0) continue;
    BOOST_REQUIRE(store->flush().ok());
    base.reset();
    store.reset();
    store = *storage::state_store::open(directory, nullptr);
  }
  store.reset();
  std::filesystem::remove_all(directory);
}

BOOST_AUTO_TEST_SUITE_END()
