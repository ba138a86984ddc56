#include "tests/checkers/history_json.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>

using namespace muster::checkers;

namespace {

operation op(kind what, std::string value, std::uint64_t start, std::uint64_t end,
             std::string result = {}, outcome_of outcome = outcome_of::ok) {
  return {1, what, "k", std::move(value), start, end, outcome, std::move(result)};
}
operation write(std::string v, std::uint64_t start, std::uint64_t end) {
  return op(kind::write, std::move(v), start, end);
}
operation read(std::string v, std::uint64_t start, std::uint64_t end) {
  return op(kind::read, {}, start, end, std::move(v));
}
operation open_write(std::string v, std::uint64_t start) {
  return op(kind::write, std::move(v), start, never, {}, outcome_of::unknown);
}
operation failed_write(std::string v, std::uint64_t start, std::uint64_t end) {
  return op(kind::write, std::move(v), start, end, {}, outcome_of::fail);
}

past of(const std::vector<std::string>& values) {
  past p;
  for (const auto& v : values) p = p.with(v);
  return p;
}
operation append(std::string v, std::uint64_t start, std::uint64_t end,
                 const std::vector<std::string>& before) {
  return op(kind::append, std::move(v), start, end, of(before).text());
}
operation open_append(std::string v, std::uint64_t start) {
  return op(kind::append, std::move(v), start, never, {}, outcome_of::unknown);
}
operation read_all(std::uint64_t start, std::uint64_t end, const std::vector<std::string>& seen) {
  return op(kind::read, {}, start, end, of(seen).text());
}

bool right(const history& h) { return check(h).says == verdict::answer::right; }
bool wrong(const history& h) { return check(h).says == verdict::answer::wrong; }

}  // namespace

BOOST_AUTO_TEST_SUITE(register_checker)

BOOST_AUTO_TEST_CASE(right_histories) {
  BOOST_TEST(right({}));
  BOOST_TEST(right({read("", 1, 2), write("a", 3, 4), read("a", 5, 6)}));
  BOOST_TEST(right({write("a", 1, 10), write("b", 1, 10), read("a", 2, 9), read("b", 9, 12)}));
  // A read beside a write sees either.
  BOOST_TEST(right({write("a", 1, 2), write("b", 3, 9), read("a", 4, 5), read("b", 6, 7)}));
  // An unknown outcome takes effect late, or never.
  BOOST_TEST(right({open_write("a", 1), write("b", 5, 6), read("b", 7, 8), read("a", 20, 21)}));
  BOOST_TEST(right({open_write("a", 1), write("b", 5, 6), read("b", 7, 8)}));
  BOOST_TEST(right({failed_write("a", 1, 2), read("", 3, 4)}));
}

BOOST_AUTO_TEST_CASE(a_stale_read_is_wrong) {
  BOOST_TEST(wrong({write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)}));
  BOOST_TEST(wrong({write("a", 1, 2), read("", 3, 4)}));
}

BOOST_AUTO_TEST_CASE(reads_that_go_back_are_wrong) {
  BOOST_TEST(wrong({write("a", 1, 2), write("b", 3, 20), read("b", 4, 5), read("a", 6, 7)}));
}

BOOST_AUTO_TEST_CASE(a_lost_write_is_wrong) {
  BOOST_TEST(wrong({write("a", 1, 2), write("b", 3, 4), read("b", 5, 6), read("a", 7, 8)}));
}

BOOST_AUTO_TEST_CASE(a_failed_write_that_shows_is_wrong) {
  BOOST_TEST(wrong({failed_write("a", 1, 2), read("a", 3, 4)}));
}

BOOST_AUTO_TEST_CASE(a_write_that_takes_effect_twice_is_wrong) {
  BOOST_TEST(wrong(
      {open_write("a", 1), read("a", 2, 3), write("b", 4, 5), read("b", 6, 7), read("a", 8, 9)}));
}

BOOST_AUTO_TEST_CASE(a_value_before_its_write_is_wrong) {
  BOOST_TEST(wrong({read("a", 1, 2), write("a", 3, 4)}));
  BOOST_TEST(wrong({read("a", 1, 2), open_write("a", 3)}));
}

BOOST_AUTO_TEST_CASE(two_clients_that_disagree_on_the_order_are_wrong) {
  BOOST_TEST(wrong(
      {write("a", 1, 20), write("b", 1, 20), read("a", 2, 3), read("b", 4, 5), read("a", 6, 7)}));
}

BOOST_AUTO_TEST_CASE(many_concurrent_writes_are_decided) {
  history h;
  for (std::uint64_t i = 0; i < 40; ++i) h.push_back(write("w" + std::to_string(i), i, 100 + i));
  for (std::uint64_t i = 0; i < 10; ++i)
    h.push_back(read("w" + std::to_string(i * 3), 40 + 2 * i, 41 + 2 * i));
  BOOST_TEST(right(h));
  h.push_back(read("w0", 90, 91));
  BOOST_TEST(wrong(h));
}

BOOST_AUTO_TEST_CASE(a_value_that_comes_back_is_decided_by_search) {
  BOOST_TEST(right({write("a", 1, 2), write("b", 3, 4), write("a", 5, 6), read("a", 7, 8)}));
  BOOST_TEST(wrong({write("a", 1, 2), write("a", 3, 4), write("b", 5, 6), read("a", 7, 8)}));
}

/// Small random histories, right and wrong ones: both ways agree.
BOOST_AUTO_TEST_CASE(zones_and_search_agree) {
  std::uint64_t seed = 1;
  const auto below = [&](std::uint64_t n) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % n;
  };
  std::size_t rights = 0;
  for (int round = 0; round < 20'000; ++round) {
    history h;
    const auto writes = 1 + below(4);
    for (std::uint64_t i = 0; i < writes; ++i) {
      const auto start = 1 + below(20);
      if (below(4) == 0)
        h.push_back(open_write("w" + std::to_string(i), start));
      else
        h.push_back(write("w" + std::to_string(i), start, start + 1 + below(10)));
    }
    for (std::uint64_t i = below(5); i > 0; --i) {
      const auto start = 1 + below(25);
      const auto value = below(writes + 1);
      h.push_back(
          read(value == writes ? "" : "w" + std::to_string(value), start, start + 1 + below(8)));
    }
    const auto by_zones = check_register(h).says;
    BOOST_REQUIRE(by_zones == search_register(h).says);
    rights += by_zones == verdict::answer::right;
  }
  BOOST_TEST(rights > 1'000U);
  BOOST_TEST(rights < 19'000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(append_checker)

BOOST_AUTO_TEST_CASE(right_histories) {
  BOOST_TEST(right({append("a", 1, 2, {}), append("b", 3, 4, {"a"}), read_all(5, 6, {"a", "b"})}));
  BOOST_TEST(right({append("a", 1, 9, {"b"}), append("b", 1, 9, {})}));
  BOOST_TEST(right({open_append("u", 1), append("a", 3, 4, {}), append("b", 5, 6, {"a", "u"})}));
  BOOST_TEST(right({open_append("u", 1), open_append("v", 1), append("b", 5, 6, {"v", "u"})}));
  BOOST_TEST(right({open_append("u", 1), append("a", 3, 4, {}), read_all(5, 6, {"a"})}));
  BOOST_TEST(right({read_all(1, 2, {})}));
}

BOOST_AUTO_TEST_CASE(many_unknown_appends_are_found_in_any_order) {
  history h;
  std::vector<std::string> all;
  for (int i = 0; i < 16; ++i) h.push_back(open_append("u" + std::to_string(i), 1));
  for (const int i : {9, 2, 14, 7, 0, 11}) all.push_back("u" + std::to_string(i));
  h.push_back(append("a", 3, 4, all));
  BOOST_TEST(right(h));
  all[3] = "u9";  // twice
  h.back() = append("a", 3, 4, all);
  BOOST_TEST(wrong(h));
}

BOOST_AUTO_TEST_CASE(an_answer_that_came_late_tells_the_place) {
  auto late = open_append("u", 1);
  late.result = of({"a"}).text();
  BOOST_TEST(right({append("a", 3, 4, {}), late, append("b", 5, 6, {"a", "u"})}));
  BOOST_TEST(right({append("a", 3, 4, {}), append("b", 5, 6, {}), late}) == false);
  late.result = of({"x"}).text();
  BOOST_TEST(wrong({append("a", 3, 4, {}), late}));
}

BOOST_AUTO_TEST_CASE(a_lost_append_is_wrong) {
  BOOST_TEST(wrong({append("a", 1, 2, {}), append("b", 3, 4, {})}));
  BOOST_TEST(wrong({append("a", 1, 2, {}), append("b", 3, 4, {"a"}), append("c", 5, 6, {"a"})}));
  BOOST_TEST(wrong({append("a", 1, 2, {}), read_all(3, 4, {})}));
}

BOOST_AUTO_TEST_CASE(a_double_append_is_wrong) {
  BOOST_TEST(wrong({append("a", 1, 2, {}), append("b", 3, 4, {"a", "a"})}));
}

BOOST_AUTO_TEST_CASE(a_failed_append_that_shows_is_wrong) {
  auto failed = open_append("f", 1);
  failed.outcome = outcome_of::fail;
  failed.end = 2;
  const auto v = check({failed, append("a", 3, 4, {"f"})});
  BOOST_CHECK(v.says == verdict::answer::wrong);
  BOOST_TEST(v.why.find("reported as failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_order_against_time_is_wrong) {
  BOOST_TEST(wrong({append("b", 1, 2, {"a"}), append("a", 3, 4, {})}));
  // An append nobody had begun yet was seen.
  BOOST_TEST(wrong({append("b", 1, 2, {"u"}), open_append("u", 3)}));
}

BOOST_AUTO_TEST_CASE(a_past_that_changes_is_wrong) {
  BOOST_TEST(wrong({open_append("u", 1), open_append("v", 1), read_all(2, 3, {"u"}),
                    read_all(4, 5, {"v", "u"})}));
  BOOST_TEST(
      wrong({append("a", 1, 9, {}), append("b", 1, 9, {"a"}), read_all(10, 11, {"b", "a"})}));
}

BOOST_AUTO_TEST_CASE(a_stale_read_is_wrong) {
  BOOST_TEST(wrong({append("a", 1, 2, {}), append("b", 3, 4, {"a"}), read_all(5, 6, {"a"})}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(history_lines)

BOOST_AUTO_TEST_CASE(are_read_and_checked) {
  std::istringstream in(
      R"({"client":1,"op":"write","key":"k","value":"a","start_us":1,"end_us":2,"outcome":"ok","result":""}
{"client":2,"op":"read","key":"k","value":"","start_us":3,"end_us":4,"outcome":"ok","result":"a"}
{"client":3,"op":"append","key":"l","value":"x","start_us":3,"outcome":"unknown"}
)");
  const auto h = read_history(in);
  BOOST_REQUIRE(h.ok());
  BOOST_TEST(h->size() == 3U);
  BOOST_TEST(h->back().end == never);
  BOOST_TEST(right(*h));
}

BOOST_AUTO_TEST_CASE(that_make_no_sense_are_refused) {
  for (const auto* line : {"x", R"({"op":"cas","outcome":"ok","start_us":1,"end_us":2})",
                           R"({"op":"read","outcome":"maybe","start_us":1,"end_us":2})",
                           R"({"op":"read","outcome":"ok","start_us":1})",
                           R"({"op":"read","outcome":"ok","start_us":3,"end_us":2})"}) {
    std::istringstream in(line);
    BOOST_TEST(!read_history(in).ok());
  }
}

BOOST_AUTO_TEST_CASE(a_digest_is_that_of_its_text) {
  BOOST_TEST(past{}.text() == "0:cbf29ce484222325");
  BOOST_TEST(of({"a", "b"}).text() == "2:" + of({"a", "b"}).text().substr(2));
  past p;
  BOOST_TEST(past::parse(of({"a", "b"}).text(), p));
  BOOST_CHECK(p == of({"a", "b"}));
  BOOST_TEST(!past::parse("2:xyz", p));
}

BOOST_AUTO_TEST_SUITE_END()
