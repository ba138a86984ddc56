#include "schemas/codec.hpp"
#include "storage/snapshot_files.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

/// fuzz-seeds CORPUS: valid inputs of every kind, for the fuzzer to begin with.
namespace {

using namespace muster;
namespace fs = std::filesystem;

fs::path corpus;

void keep(const std::string& target, const std::string& name, std::string_view bytes) {
  fs::create_directories(corpus / target);
  std::ofstream(corpus / target / name, std::ios::binary) << bytes;
}

std::string with_kind(char kind, std::string_view bytes) {
  return std::string(1, kind) + std::string(bytes);
}

raft::configuration members() { return {{{1}, {2}, {3}}, {{1}, {2}}, {{4}}, {{5}}}; }

raft::entry entry_with(blob payload) {
  raft::entry e;
  e.term = {3};
  e.index = {7};
  e.stamp_ms = 1'700'000'000'000;
  e.payload = std::move(payload);
  return e;
}

raft::entry change() {
  auto e = entry_with({});
  e.kind = raft::entry_kind::configuration;
  e.members = std::make_shared<const raft::configuration>(members());
  return e;
}

profile some_profile() {
  profile p;
  p.name = "web";
  p.config = {{"user.value", "x"}, {"limits.cpu", "2"}};
  p.devices = {{"root", {{"type", "disk"}, {"path", "/"}}}};
  return p;
}

command some_command() {
  command c;
  c.body = create_object{some_profile()};
  return c;
}

void frames() {
  int n = 0;
  const auto add = [&n](codec::link_body body) {
    codec::link_message m;
    m.sequence = 4;
    m.session = 2;
    m.body = std::move(body);
    const auto bytes = codec::encode(m);
    keep("link_frames", "message-" + std::to_string(n++), with_kind(0, bytes.bytes()));
    if (n != 1) return;
    std::string flat(4, '\0');  // CAF writes the count of words big-endian
    flat[3] = static_cast<char>(bytes.words().size());
    keep("link_frames", "flat", with_kind(1, flat + std::string(bytes.bytes())));
  };
  add(codec::hello{1, 1, "7b1d", 1, 2, {1}, {9}, {3}, 1, "0.1"});
  add(codec::beat{});
  add(codec::submit{5, codec::encode(some_command())});
  add(codec::submit_refused{5, {errc::busy, "too many"}});
  add(codec::operation_event{"{\"id\":\"x\"}"});
  const auto say = [&add](raft::message_body body) {
    add(raft::message{{1}, {2}, {3}, std::move(body)});
  };
  say(raft::vote_request{true, false, {7}, {3}});
  say(raft::vote_response{true, true});
  say(raft::append_request{{6}, {3}, {5}, {entry_with(codec::encode(some_command())), change()}});
  say(raft::append_response{});
  say(raft::heartbeat{{5}, 8});
  say(raft::heartbeat_response{});
  say(raft::read_request{4});
  say(raft::read_response{4, false, {5}});
  say(raft::snapshot_offer{{{7}, {3}, 1, members()}});
  say(raft::timeout_now{});
  keep("link_frames", "join-request",
       with_kind(2,
                 codec::encode(codec::join_request{"n2", "10.0.0.2:8443", "x86_64", "s"}).bytes()));
  codec::join_accepted accepted;
  accepted.member = {2};
  accepted.peers = {{{1}, "n1", "10.0.0.1:8443", "ab"}};
  keep("link_frames", "join-accepted", with_kind(3, codec::encode(accepted).bytes()));
  codec::probe_report report;
  report.members = {"n1", "n2"};
  keep("link_frames", "report", with_kind(4, codec::encode(report).bytes()));
}

void entries() {
  const auto payload = codec::encode(some_command());
  keep("stored_entries", "command", with_kind(0, codec::encode(entry_with(payload)).bytes()));
  keep("stored_entries", "change", with_kind(0, codec::encode(change()).bytes()));
  keep("stored_entries", "vote", with_kind(1, codec::encode(raft::hard_state{{3}, {2}}).bytes()));
  keep("stored_entries", "start",
       with_kind(2, codec::encode(raft::snapshot_meta{{7}, {3}, 1, members()}).bytes()));
  keep("stored_entries", "row", with_kind(3, codec::encode(object{some_profile()}).bytes()));
  member m;
  m.name = "n1";
  keep("stored_entries", "row-member", with_kind(3, codec::encode(object{m}).bytes()));
  instance i;
  i.name = "c1";
  i.profiles = {"default"};
  keep("stored_entries", "row-instance", with_kind(3, codec::encode(object{i}).bytes()));
  keep("stored_entries", "body", with_kind(4, payload.bytes()));
}

void snapshots() {
  const auto folder = fs::temp_directory_path() / "fuzz-seeds";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(folder / "CURRENT") << "MANIFEST-000004\n";
  std::ofstream(folder / "empty") << "";
  std::ofstream(folder / "000008.sst") << std::string(300, 's');
  auto sender = storage::snapshot_sender::open(folder.string());
  std::string stream;
  for (auto part = (*sender)->next(4096); part.ok() && !part->empty(); part = (*sender)->next(4096))
    stream += *part;
  keep("snapshot_stream", "whole", with_kind(100, stream));
  keep("snapshot_stream", "small-parts", with_kind(8, stream));
  keep("snapshot_stream", "checksum-made", with_kind(101, stream.substr(0, stream.size() - 32)));
  keep("snapshot_stream", "cut", with_kind(100, stream.substr(0, stream.size() / 2)));
}

void heads() {
  keep("request_heads", "get",
       "GET /1.0/profiles?recursion=1&filter=name%20eq%20x HTTP/1.1\r\nHost: m\r\n\r\n");
  const std::string body =
      R"({"name":"web","config":{"a":"b"},"devices":{"d":{"type":"disk"}},"list":["x"],"n":[{}]})";
  keep("request_heads", "post",
       "POST /1.0/profiles?filter=name+eq+web HTTP/1.1\r\nHost: m\r\nContent-Type: "
       "application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body);
  keep("request_heads", "chunked",
       "POST /u HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  keep("request_heads", "upgrade",
       "GET /1.0/events HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  keep("request_heads", "form",
       "POST /u HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
       "9\r\n\r\n--b\r\n--b--");
  keep(
      "request_heads", "continue",
      "PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nRange: bytes=0-1\r\n\r\n{}");
  keep("request_heads", "bare", "DELETE /%2e%2E/%zz HTTP/1.0\r\n\r\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "fuzz-seeds CORPUS\n");
    return 2;
  }
  corpus = argv[1];
  frames();
  entries();
  snapshots();
  heads();
  return 0;
}
