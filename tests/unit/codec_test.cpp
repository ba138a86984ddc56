#include "schemas/codec/codec.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <random>

using namespace muster;

namespace {

/// One filled row of every table.
std::vector<object> samples() {
  const record_head head{{7}, {3}, {11}, {12}, 1'700'000'000'000, 1'700'000'000'500};
  std::vector<object> all;
  all.emplace_back(counters{head, 5, 6, 7});
  all.emplace_back(cluster{head, "uuid", true, "pem", 2, 3, 4});
  all.emplace_back(server_config{head, {{"user.a", "b"}}});
  member m;
  m.head = head;
  m.name = "n1";
  m.address = "10.0.0.1:8443";
  m.fingerprint = "ab";
  m.config = {{"k", "v"}};
  m.roles = {"event-hub"};
  m.state = member_state::evacuated;
  all.emplace_back(m);
  certificate c;
  c.head = head;
  c.fingerprint = "cd";
  c.projects = {"p"};
  c.restricted = true;
  all.emplace_back(c);
  token t;
  t.head = head;
  t.kind = token_kind::trust;
  t.uuid = "u";
  t.addresses = {"a", "b"};
  t.expires_ms = 9;
  all.emplace_back(t);
  all.emplace_back(project{head, "p", "d", {{"features.images", "true"}}});
  all.emplace_back(profile{head, "default", "d", {{"a", "b"}}, {{"root", {{"type", "disk"}}}}});
  all.emplace_back(storage_pool{head, "default", "dir", "", {}});
  all.emplace_back(network{head, "br0", "bridge", "", {}});
  image i;
  i.head = head;
  i.fingerprint = "ef";
  i.size_bytes = 1 << 20;
  i.locations = {{1}, {3}};
  all.emplace_back(i);
  all.emplace_back(image_alias{head, "tiny", "", {7}});
  instance n;
  n.head = head;
  n.name = "c1";
  n.owner = {2};
  n.generation = 4;
  n.wanted = power::frozen;
  n.status = instance_status::running;
  n.devices = {{"root", {{"pool", "default"}}}};
  all.emplace_back(n);
  all.emplace_back(proposer{head, {3}, 4, 5});
  all.emplace_back(seen_request{head, 9, {false, {errc::conflict, "taken"}, {8}, "x"}});
  all.emplace_back(event{head,
                         6,
                         "instance-created",
                         "/1.0/instances/c1",
                         "c1",
                         "default",
                         {{"k", "v"}},
                         {"root", "unix", "@"},
                         {2}});
  all.emplace_back(member_standing{head, true, 7, "voter", "a place is free", 8, 0});
  all.emplace_back(cluster_group{head, "g", "d", {{"user.a", "b"}}});
  all.emplace_back(removed_member{head, "ab", "n9", "10.0.0.9:8443", true, "root"});
  all.emplace_back(warning{head,
                           "u",
                           "t",
                           {2},
                           {table::network, {}, {4}},
                           "m",
                           severity::high,
                           warning_status::acknowledged,
                           3,
                           9});
  all.emplace_back(leftover{head, {table::storage_pool, {}, {4}}, "p", {2}, "busy"});
  return all;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char b : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", b);
    text += two;
  }
  return text;
}

std::string unhex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_of_rows)

BOOST_AUTO_TEST_CASE(every_table_has_a_sample_and_comes_back_as_it_was) {
  const auto all = samples();
  BOOST_TEST(all.size() == std::variant_size_v<object>);
  for (const auto& row : all) {
    auto back = codec::decode_row(codec::encode(row).bytes());
    BOOST_REQUIRE(back.ok());
    BOOST_CHECK(*back == row);
  }
}

/// The samples above stand as older builds wrote them.
BOOST_AUTO_TEST_CASE(fields_added_later_come_back) {
  member m;
  m.own_config = {{"core.metrics_address", ":8444"}};
  cluster c;
  c.fingerprint = "ab";
  for (const object& row : {object{m}, object{c}})
    BOOST_CHECK(*codec::decode_row(codec::encode(row).bytes()) == row);
}

BOOST_AUTO_TEST_CASE(parts_come_back) {
  storage_pool p;
  p.across = {true, 4, {{{2}, {{{"source", "/x"}}, part_state::errored, "no", 3}}, {{7}, {}}}};
  network n;
  n.across = p.across;
  for (const object& row : {object{p}, object{n}}) {
    auto back = codec::decode_row(codec::encode(row).bytes());
    BOOST_REQUIRE(back.ok());
    BOOST_CHECK(*back == row);
  }
}

BOOST_AUTO_TEST_CASE(a_cut_row_is_refused_or_harmless) {
  for (const auto& row : samples()) {
    const auto whole = codec::encode(row);
    for (std::size_t size = 0; size < whole.size_bytes(); size += 3)
      (void)codec::decode_row(whole.bytes().substr(0, size)).ok();
    BOOST_CHECK(!codec::decode_row({}).ok());
  }
}

BOOST_AUTO_TEST_CASE(flipped_bits_are_refused_or_harmless) {
  std::mt19937 chance(1);
  for (const auto& row : samples()) {
    const auto whole = std::string(codec::encode(row).bytes());
    for (int i = 0; i < 400; ++i) {
      auto bytes = whole;
      bytes[chance() % bytes.size()] ^= static_cast<char>(1 << chance() % 8);
      (void)codec::decode_row(bytes).ok();
    }
  }
}

/// Rows as an older build has written them are read as they were meant. MUSTER_WRITE_GOLDEN=1
/// appends nothing and changes nothing: it writes the file anew, which only a new table justifies.
BOOST_AUTO_TEST_CASE(rows_of_older_builds_are_read) {
  const auto all = samples();
  if (std::getenv("MUSTER_WRITE_GOLDEN")) {
    std::ofstream out(MUSTER_GOLDEN);
    for (const auto& row : all) out << hex(codec::encode(row).bytes()) << "\n";
  }
  std::ifstream in(MUSTER_GOLDEN);
  std::string line;
  std::size_t n = 0;
  while (std::getline(in, line)) {
    auto row = codec::decode_row(unhex(line));
    BOOST_REQUIRE(row.ok());
    BOOST_CHECK_MESSAGE(*row == all.at(n), "golden row " << n);
    ++n;
  }
  BOOST_TEST(n == all.size());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(codec_of_messages)

BOOST_AUTO_TEST_CASE(commands_come_back) {
  for (const auto& row : samples()) {
    command c{{{1}, {2}, 3}, {"root", "unix", "@"}, "trace", create_object{row}};
    auto back = codec::decode_command(codec::encode(c));
    BOOST_REQUIRE(back.ok());
    BOOST_CHECK(*back == c);
  }
  const command others[] = {
      {{{1}, {2}, 3}, {}, {}, join_member{"hash", {}, {{table::network, "n", "k", "v"}}}},
      {{{1}, {2}, 3}, {}, {}, move_instance{{table::instance, {1}, {2}}, {3}}},
      {{{1}, {2}, 3}, {}, {}, want_instance{{table::instance, {1}, {2}}, power::running, "start"}},
      {{{1}, {2}, 3},
       {},
       {},
       report_instance{{table::instance, {1}, {2}}, 4, instance_status::frozen, "paused"}},
      {{{1}, {2}, 3}, {}, {}, set_config{{{"a", "b"}}, {4}}},
      {{{1}, {2}, 3}, {}, {}, expire_tokens{}},
      {{{1}, {2}, 3}, {}, {}, note_member{{4}, false}},
      {{{1}, {2}, 3}, {}, {}, note_health{{{{4}, true, 5, 2}, {{6}, false, 0, 0}}}},
      {{{1}, {2}, 3}, {}, {}, raise_level{2}},
      {{{1}, {2}, 3}, {}, {}, recover_cluster{2, 3, {4}, {{5}, {6}}}},
      {{{1}, {2}, 3}, {}, {}, note_roles{{{{4}, "voter", "why"}}}},
      {{{1}, {2}, 3}, {}, {}, set_config{{}, {4}, {2}, {{"a", "b"}}}},
      {{{1}, {2}, 3}, {}, {}, put_group{{{}, "g", "d", {}}, true, true, {"n1"}, {7}}},
      {{{1}, {2}, 3}, {}, {}, remove_member{{4}, true}},
      {{{1}, {2}, 3}, {}, {}, relocate_member{{4}, "a:1"}},
      {{{1}, {2}, 3}, {}, {}, set_cluster_certificate{"pem", "ab", {{"uuid", "sealed"}}, {5}}},
      {{{1}, {2}, 3},
       {},
       {},
       report_part{
           {table::network, {}, {2}}, {3}, 4, part_state::errored, "why", {{"source", "x"}}}},
      {{{1}, {2}, 3},
       {},
       {},
       raise_warning{"t", {3}, {table::network, {}, {2}}, "m", severity::moderate}},
      {{{1}, {2}, 3}, {}, {}, settle_warning{"t", {3}, {table::network, {}, {2}}}},
  };
  for (const auto& c : others) {
    auto back = codec::decode_command(codec::encode(c));
    BOOST_REQUIRE(back.ok());
    BOOST_CHECK(*back == c);
  }
}

BOOST_AUTO_TEST_CASE(link_messages_come_back_and_cut_ones_do_not_crash) {
  raft::entry e;
  e.term = {4};
  e.index = {9};
  e.payload = blob::copy_of("12345678abcdefgh");
  codec::link_message m;
  m.sequence = 3;
  m.session = 8;
  m.body = raft::message{{1}, {2}, {4}, raft::append_request{{8}, {4}, {7}, {e}}};
  const auto bytes = codec::encode(m);
  auto back = codec::decode_link_message(bytes);
  BOOST_REQUIRE(back.ok());
  const auto& append = std::get<raft::append_request>(std::get<raft::message>(back->body).body);
  BOOST_REQUIRE(append.entries.size() == 1U);
  BOOST_CHECK(append.entries[0] == e);
  for (std::size_t words = 0; words < bytes.words().size(); ++words)
    (void)codec::decode_link_message(blob(bytes.owner(), words)).ok();
}

BOOST_AUTO_TEST_CASE(chains_come_back) {
  const auto back = [](raft::message_body body) {
    codec::link_message m;
    m.body = raft::message{{1}, {2}, {4}, std::move(body)};
    auto read = codec::decode_link_message(codec::encode(m));
    BOOST_REQUIRE(read.ok());
    return std::get<raft::message>(read->body).body;
  };
  const raft::chain_point at{{9}, 0xfedcba9876543210ULL};
  raft::append_response a;
  a.applied = at;
  BOOST_CHECK(std::get<raft::append_response>(back(a)).applied == at);
  BOOST_CHECK(std::get<raft::heartbeat>(back(raft::heartbeat{{7}, 3, at})).condemned == at);
  const auto h = std::get<raft::heartbeat_response>(back(raft::heartbeat_response{3, at, true}));
  BOOST_CHECK(h.applied == at && h.condemned && h.read_round == 3);
  raft::snapshot_offer offer;
  offer.meta.digest = at.digest;
  BOOST_CHECK(std::get<raft::snapshot_offer>(back(offer)).meta == offer.meta);
}

BOOST_AUTO_TEST_CASE(garbage_is_never_a_message) {
  std::mt19937_64 chance(2);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(8 * (1 + chance() % 20), '\0');
    for (auto& b : bytes) b = static_cast<char>(chance());
    (void)codec::decode_link_message(blob::copy_of(bytes)).ok();
    (void)codec::decode_command(blob::copy_of(bytes)).ok();
    (void)codec::decode_join_request(bytes).ok();
    (void)codec::decode_join_accepted(bytes).ok();
    (void)codec::decode_snapshot_manifest(bytes).ok();
  }
}

BOOST_AUTO_TEST_CASE(snapshot_manifests_come_back) {
  const codec::snapshot_manifest m{
      {7}, 1024, {{"CURRENT", 16, std::string(32, 'd')}, {"a", 0, ""}}};
  auto back = codec::decode_snapshot_manifest(codec::encode(m).bytes());
  BOOST_REQUIRE(back.ok());
  BOOST_CHECK(*back == m);
}

BOOST_AUTO_TEST_CASE(probe_reports_come_back) {
  const codec::probe_report p{"n1", "0.1.0", "leader", {3}, "n1", {9}, {8}, {"n1", "n2"}, 1234};
  auto back = codec::decode_probe_report(codec::encode(p));
  BOOST_REQUIRE(back.ok());
  BOOST_CHECK(*back == p);
}

BOOST_AUTO_TEST_SUITE_END()
