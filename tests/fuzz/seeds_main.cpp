#include "schemas/codec/codec.hpp"
#include "storage/log/log_record.hpp"
#include "storage/log/log_replay.hpp"
#include "storage/snapshots/snapshot_manifest.hpp"

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

raft::configuration members() {
  raft::configuration c;
  c.voters = {{1}, {2}, {3}};
  c.outgoing = {{1}, {2}};
  c.standbys = {{4}};
  c.spares = {{5}};
  return c;
}

raft::snapshot_meta start() {
  raft::snapshot_meta m;
  m.index = {7};
  m.term = {3};
  m.members = members();
  return m;
}

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

void keep_message(codec::link_body body) {
  static int count = 0;
  codec::link_message m;
  m.sequence = 4;
  m.session = 2;
  m.body = std::move(body);
  const auto bytes = codec::encode(m);
  keep("link_frames", "message-" + std::to_string(count++), with_kind(0, bytes.bytes()));
  if (count != 1) return;
  std::string flat(4, '\0');  // CAF writes the count of words big-endian
  flat[3] = static_cast<char>(bytes.words().size());
  keep("link_frames", "flat", with_kind(1, flat + std::string(bytes.bytes())));
}

void keep_raft(raft::message_body body) {
  raft::message m;
  m.from = {1};
  m.to = {2};
  m.term = {3};
  m.body = std::move(body);
  keep_message(std::move(m));
}

void raft_frames() {
  keep_raft(raft::vote_request{});
  keep_raft(raft::vote_response{});
  raft::append_request append;
  append.entries = {entry_with(codec::encode(some_command())), change()};
  keep_raft(std::move(append));
  keep_raft(raft::append_response{});
  keep_raft(raft::heartbeat{});
  keep_raft(raft::heartbeat_response{});
  keep_raft(raft::read_request{});
  keep_raft(raft::read_response{});
  raft::snapshot_offer offer;
  offer.meta = start();
  keep_raft(std::move(offer));
  keep_raft(raft::timeout_now{});
}

void frames() {
  codec::hello hello;
  hello.cluster_uuid = "7b1d";
  hello.member = {1};
  hello.version = "0.1";
  keep_message(hello);
  keep_message(codec::beat{});
  codec::submit submit;
  submit.command = codec::encode(some_command());
  keep_message(std::move(submit));
  codec::submit_refused refused;
  refused.why = {errc::busy, "too many"};
  keep_message(std::move(refused));
  codec::operation_event event;
  event.json = R"({"id":"x"})";
  keep_message(std::move(event));
  codec::join_request request;
  request.name = "n2";
  request.secret = "s";
  keep("link_frames", "join-request", with_kind(2, codec::encode(request).bytes()));
  codec::join_accepted accepted;
  accepted.member = {2};
  accepted.peers.emplace_back().name = "n1";
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
  keep("stored_entries", "start", with_kind(2, codec::encode(start()).bytes()));
  keep("stored_entries", "row", with_kind(3, codec::encode(object{some_profile()}).bytes()));
  member m;
  m.name = "n1";
  keep("stored_entries", "row-member", with_kind(3, codec::encode(object{m}).bytes()));
  instance i;
  i.name = "c1";
  i.profiles = {"default"};
  keep("stored_entries", "row-instance", with_kind(3, codec::encode(object{i}).bytes()));
  keep("stored_entries", "body", with_kind(4, payload.bytes()));
  std::string record;
  storage::begin_record(record);
  const auto head_bytes = record.size();
  using storage::log_item;
  storage::add_item(record, log_item::hard_state,
                    codec::encode(raft::hard_state{{3}, {2}}).bytes());
  storage::add_item(record, log_item::compacted, codec::encode(start()).bytes());
  storage::add_item(record, log_item::entry, codec::encode(entry_with(payload)).bytes());
  keep("stored_entries", "log-payload", with_kind(6, std::string_view(record).substr(head_bytes)));
  storage::end_record(record, 1, 0);
  keep("stored_entries", "log", with_kind(5, record));
  keep("stored_entries", "log-torn",
       with_kind(5, record + std::string(600, '\0') + record.substr(0, record.size() / 2)));
}

void keep_snapshot(const std::string& name, char how, const std::string& manifest,
                   const std::string& chunks) {
  std::string bytes(1, how);
  bytes += static_cast<char>(manifest.size() / 256);
  bytes += static_cast<char>(manifest.size() % 256);
  keep("snapshot_stream", name, bytes + manifest + chunks);
}

void snapshots() {
  const auto folder = fs::temp_directory_path() / "fuzz-seeds";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(folder / "CURRENT") << "MANIFEST-000004\n";
  std::ofstream(folder / "empty") << "";
  std::ofstream(folder / "000008.sst") << std::string(300, 's');
  const auto m = storage::snapshot_manifest::describe(folder.string(), {7}, 128);
  std::string chunks;
  for (std::size_t n = 0; n < m->chunks().size(); ++n) chunks += *m->read_chunk(folder.string(), n);
  keep_snapshot("whole", 0, m->bytes(), chunks);
  keep_snapshot("digests-made", 1, m->bytes(), std::string(chunks.size(), 'x'));
  keep_snapshot("goes-on", 2, m->bytes(), chunks);
  keep_snapshot("cut", 2, m->bytes(), chunks.substr(0, chunks.size() / 2));
  keep_snapshot("cut-manifest", 0, m->bytes().substr(0, 40), "");
  auto out = *codec::decode_snapshot_manifest(m->bytes());
  out.files[0].name = "../x";
  keep_snapshot("parent", 1, std::string(codec::encode(out).bytes()), chunks);
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
  keep("request_heads", "two-spaces", "GET /1.0/events  HTTP/1.1\r\nHost: m\r\n\r\n");
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
  raft_frames();
  entries();
  snapshots();
  heads();
  return 0;
}
