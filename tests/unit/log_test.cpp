#include "schemas/codec/codec.hpp"
#include "storage/identity.hpp"
#include "storage/log/log_record.hpp"
#include "storage/log/raft_store.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace muster;
using namespace muster::storage;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t sector_bytes = 512;

/// A file of some size with records of these payload sizes in it.
struct records {
  static constexpr std::uint64_t number = 7;
  std::string bytes;
  std::vector<std::size_t> begins;
  std::size_t end = 0;

  records(const std::vector<std::size_t>& payloads, std::size_t size_bytes)
      : bytes(size_bytes, '\0') {
    for (const auto size : payloads) {
      std::string record;
      begin_record(record);
      record.append(size, static_cast<char>('a' + begins.size()));
      begins.push_back(end);
      end_record(record, number, end);
      bytes.replace(end, record.size(), record);
      end += record.size();
    }
  }
  /// Where the first record is that is not whole.
  [[nodiscard]] std::size_t whole_until() const {
    std::size_t at = 0;
    while (const auto r = record_at(bytes, number, at)) at += r->size_bytes;
    return at;
  }
  [[nodiscard]] log_end verdict() const { return judge_end(bytes, number, whole_until()); }
};

struct folder {
  std::string path =
      (fs::temp_directory_path() / ("log_test." + std::to_string(::getpid()))).string();
  folder() { fs::remove_all(path); }
  ~folder() { fs::remove_all(path); }
  [[nodiscard]] std::unique_ptr<raft_store> open() const {
    auto store = raft_store::open(path);
    BOOST_REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().detail));
    return *std::move(store);
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& f : fs::directory_iterator(path))
      if (f.path().extension() == ".log") all.push_back(f.path().string());
    std::sort(all.begin(), all.end());
    return all;
  }
};

raft::entry entry_at(std::uint64_t index, std::uint64_t term, std::size_t size_bytes) {
  raft::entry e;
  e.index = {index};
  e.term = {term};
  e.payload = blob::copy_of(std::string(size_bytes, static_cast<char>('a' + index % 26)));
  return e;
}

raft::snapshot_meta snapshot_at(std::uint64_t index) {
  raft::snapshot_meta m;
  m.index = {index};
  m.term = {2};
  return m;
}

void write_some(raft_store& store, std::uint64_t first, std::uint64_t last,
                std::size_t size_bytes) {
  for (auto i = first; i <= last; ++i)
    BOOST_REQUIRE(store.write(raft::hard_state{{2}, {1}}, {}, {entry_at(i, 2, size_bytes)}).ok());
}

std::string content_of(const std::string& path) { return *read_file(path, 64u << 20); }
void put_content(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}
std::size_t written_in(const std::string& bytes) { return bytes.find_last_not_of('\0') + 1; }

}  // namespace

BOOST_AUTO_TEST_SUITE(log_records)

BOOST_AUTO_TEST_CASE(they_follow_each_other_and_are_valid_only_in_their_place) {
  const records r({1, 8, 300, 4096, 0}, 16384);
  BOOST_TEST(r.whole_until() == r.end);
  BOOST_CHECK(r.verdict() == log_end::clean);
  for (const auto at : r.begins) {
    BOOST_CHECK(record_at(r.bytes, records::number, at));
    BOOST_CHECK(!record_at(r.bytes, records::number + 1, at));
    BOOST_CHECK(!record_at(std::string(8, '\0') + r.bytes, records::number, at + 8));
  }
  BOOST_CHECK(!record_at(r.bytes.substr(0, r.end - 8), records::number, r.begins.back() + 8));
}

/// What members have on their disks: later builds read it, too.
BOOST_AUTO_TEST_CASE(the_format_stays) {
  std::string record;
  begin_record(record);
  add_item(record, log_item::compacted, "abc");
  end_record(record, 1, 8);
  std::string shown;
  for (const unsigned char c : record)
    shown += "0123456789abcdef"[c >> 4], shown += "0123456789abcdef"[c & 15];
  BOOST_TEST(shown == "1000000015db1a529a2a0b20518af43303000000030000006162630000000000");
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_anywhere_is_damage) {
  const records whole({40, 700, 2000, 90}, 8192);
  for (std::size_t at = 0; at < whole.end * 8; at += 3) {
    auto r = whole;
    r.bytes[at / 8] = static_cast<char>(r.bytes[at / 8] ^ (1 << at % 8));
    BOOST_REQUIRE_MESSAGE(r.verdict() == log_end::damaged, "bit " << at);
  }
}

/// Any of the sectors of the last record may be missing, in any order.
BOOST_AUTO_TEST_CASE(a_write_that_lost_sectors_is_torn) {
  const records whole({700, 300, 2900}, 16384);
  const auto begin = whole.begins.back();
  const auto first = begin / sector_bytes;
  const auto last = (whole.end - 1) / sector_bytes;
  for (unsigned lost = 1; lost < 1u << (last - first + 1); ++lost) {
    auto r = whole;
    for (auto s = first; s <= last; ++s)
      if (lost >> (s - first) & 1) {
        const auto from = std::max(begin, s * sector_bytes);
        const auto to = std::min(whole.end, (s + 1) * sector_bytes);
        std::fill(r.bytes.begin() + static_cast<std::ptrdiff_t>(from),
                  r.bytes.begin() + static_cast<std::ptrdiff_t>(to), '\0');
      }
    BOOST_TEST(r.whole_until() == begin);
    BOOST_REQUIRE(r.verdict() != log_end::damaged);
  }
}

BOOST_AUTO_TEST_CASE(a_lost_sector_before_a_whole_record_is_damage) {
  records r({700, 3000, 100}, 16384);
  std::fill_n(r.bytes.begin() + 1024, sector_bytes, '\0');
  BOOST_CHECK(r.verdict() == log_end::damaged);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(log_files)

BOOST_AUTO_TEST_CASE(a_flipped_byte_is_an_error_with_a_sentence) {
  const folder at;
  write_some(*at.open(), 1, 20, 200);
  const auto path = at.files().front();
  const auto whole = content_of(path);
  for (std::size_t i = 0; i < written_in(whole); i += 97) {
    auto bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    put_content(path, bytes);
    auto store = raft_store::open(at.path);
    BOOST_REQUIRE(!store.ok());
    BOOST_CHECK(store.error().code == errc::corrupt);
    BOOST_TEST(store.error().detail.find("join again with a new token") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_torn_end_is_cut_and_written_over) {
  const folder at;
  write_some(*at.open(), 1, 19, 300);
  BOOST_REQUIRE(at.open()->write({}, {}, {entry_at(20, 2, 5000)}).ok());
  const auto path = at.files().front();
  auto bytes = content_of(path);
  const auto end = written_in(bytes);
  std::fill_n(
      bytes.begin() + static_cast<std::ptrdiff_t>((end - 1) / sector_bytes * sector_bytes - 1024),
      sector_bytes, '\0');
  put_content(path, bytes);
  {
    auto store = at.open();
    BOOST_TEST(store->take_contents().entries.size() == 19U);
    write_some(*store, 20, 21, 10);
  }
  BOOST_TEST(at.open()->take_contents().entries.size() == 21U);
}

BOOST_AUTO_TEST_CASE(files_are_begun_and_dropped_when_all_in_them_is_compacted) {
  const folder at;
  {
    auto store = at.open();
    write_some(*store, 1, 60, 100'000);
    BOOST_TEST(at.files().size() >= 3U);
    BOOST_REQUIRE(store->compact(snapshot_at(55)).ok());
    write_some(*store, 61, 70, 100);
  }
  BOOST_TEST(at.files().size() <= 2U);
  auto store = at.open();
  const auto kept = store->take_contents();
  BOOST_CHECK((kept.hard == raft::hard_state{{2}, {1}}));
  BOOST_CHECK(kept.start.index == log_index{55});
  BOOST_REQUIRE(kept.entries.size() == 15U);
  BOOST_CHECK(kept.entries.front() == entry_at(56, 2, 100'000));
}

BOOST_AUTO_TEST_CASE(a_record_larger_than_a_file_gets_one_of_its_own) {
  const folder at;
  const auto large = entry_at(1, 2, 3u << 20);
  BOOST_REQUIRE(at.open()->write({}, {}, {large, entry_at(2, 2, 40u << 20)}).ok());
  const auto kept = at.open()->take_contents();
  BOOST_REQUIRE(kept.entries.size() == 2U);
  BOOST_CHECK(kept.entries.front() == large);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_is_found_out) {
  const folder at;
  write_some(*at.open(), 1, 60, 100'000);
  fs::remove(at.files()[1]);
  auto store = raft_store::open(at.path);
  BOOST_REQUIRE(!store.ok());
  BOOST_TEST(store.error().detail.find("is missing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_being_made_does_not_count) {
  const folder at;
  write_some(*at.open(), 1, 5, 700);
  const auto path = at.files().front();
  auto bytes = content_of(path);
  bytes.resize((written_in(bytes) - 1) / sector_bytes * sector_bytes);  // its last sector is lost
  bytes.resize(1u << 20);
  put_content(path, bytes);
  put_content(log_file::path_of(at.path, 2), std::string(5000, '\0'));
  auto store = at.open();
  write_some(*store, 5, 6, 100);
}

BOOST_AUTO_TEST_CASE(what_was_not_synced_is_not_there) {
  const folder at;
  fs::create_directories(at.path);
  auto file = *log_file::make(at.path, 1, 5000);
  BOOST_TEST(file->size_bytes() == 8192U);
  std::string record;
  for (const auto* text : {"one", "two"}) {
    begin_record(record);
    record += text;
    file->write(record);
    if (text[0] == 'o') BOOST_REQUIRE(file->sync().ok());
  }
  const auto bytes = content_of(at.files().front());
  const auto first = record_at(bytes, 1, 0);
  BOOST_REQUIRE(first);
  BOOST_TEST(first->payload.starts_with("one"));
  BOOST_TEST(written_in(bytes) <= first->size_bytes);
}

BOOST_AUTO_TEST_CASE(only_one_process_has_it) {
  const folder at;
  const auto store = at.open();
  auto other = raft_store::open(at.path);
  BOOST_REQUIRE(!other.ok());
  BOOST_CHECK(other.error().code == errc::refused);
}

/// Whatever is done, what is read back is what a plain list would hold, also if the last write
/// tears.
BOOST_AUTO_TEST_CASE(it_holds_what_a_list_would_hold) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    const folder at;
    std::mt19937 chance(seed);
    raft_store::contents wanted;
    auto store = at.open();
    for (int step = 0; step < 60; ++step) {
      const auto last = wanted.start.index.value + wanted.entries.size();
      const auto first = wanted.start.index.value + 1 + chance() % (wanted.entries.size() + 1);
      switch (chance() % 6) {
        case 0: {
          const auto to = wanted.start.index.value + chance() % (wanted.entries.size() + 1);
          BOOST_REQUIRE(store->compact(snapshot_at(to)).ok());
          wanted.entries.erase(
              wanted.entries.begin(),
              wanted.entries.begin() + static_cast<std::ptrdiff_t>(to - wanted.start.index.value));
          wanted.start = snapshot_at(to);
          break;
        }
        case 1: {
          wanted.start = snapshot_at(last + chance() % 50);
          wanted.entries.clear();
          BOOST_REQUIRE(store->write({}, wanted.start, {}).ok());
          break;
        }
        case 2:
          store.reset();
          store = at.open();
          break;
        default: {
          wanted.hard = {{seed + static_cast<unsigned>(step)}, {chance() % 3}};
          std::vector<raft::entry> next;
          for (auto n = chance() % 4 + 1; n > 0; --n)
            next.push_back(entry_at(first + next.size(), chance() % 9, chance() % 60'000));
          BOOST_REQUIRE(store->write(wanted.hard, {}, next).ok());
          wanted.entries.resize(first - wanted.start.index.value - 1);
          wanted.entries.insert(wanted.entries.end(), next.begin(), next.end());
        }
      }
    }
    store.reset();
    const auto kept = at.open()->take_contents();
    BOOST_CHECK(kept.hard == wanted.hard);
    BOOST_CHECK(kept.start == wanted.start);
    BOOST_REQUIRE_MESSAGE(kept.entries == wanted.entries, "seed " << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
