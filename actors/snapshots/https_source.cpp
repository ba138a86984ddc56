#include "actors/snapshots/https_source.hpp"

#include "schemas/basic/limits.hpp"

namespace muster::snapshots {

namespace {

class asker {
public:
  asker(std::function<result<std::shared_ptr<tls::stream>>()> dial, std::stop_token stop)
      : dial_(std::move(dial)), stop_(std::move(stop)) {}

  result<std::string> get(const std::string& target, std::chrono::seconds patience,
                          std::size_t bytes_max) {
    if (!stream_) {
      auto dialled = dial_();
      if (!dialled) return dialled.error();
      stream_ = *std::move(dialled);
    }
    const std::stop_callback wake(stop_, [stream = stream_] { stream->shutdown(); });
    tls::http_request ask;
    ask.target = target;
    auto answer = tls::ask(*stream_, ask, {tls::clock::now() + patience, bytes_max, {}});
    if (!answer) {
      stream_.reset();
      return fail(errc::unavailable, answer.error().detail);
    }
    if (answer->status == 200) return std::move(answer->body);
    return fail(answer->status == 404 ? errc::not_found : errc::unavailable,
                "answered with " + std::to_string(answer->status) + " " + answer->body);
  }

private:
  std::function<result<std::shared_ptr<tls::stream>>()> dial_;
  std::stop_token stop_;
  std::shared_ptr<tls::stream> stream_;
};

}  // namespace

source https_source(std::function<result<std::shared_ptr<tls::stream>>()> dial,
                    std::stop_token stop) {
  const auto asks = std::make_shared<asker>(std::move(dial), std::move(stop));
  source s;
  s.manifest = [asks](log_index at_least) {
    return asks->get("/internal/snapshot?index=" + std::to_string(at_least.value),
                     limits::snapshot_manifest_deadline, limits::snapshot_manifest_max);
  };
  s.chunk = [asks](const std::string& id, std::size_t n) {
    return asks->get("/internal/snapshot/" + id + "/" + std::to_string(n),
                     limits::snapshot_chunk_deadline, limits::snapshot_chunk_bytes_max);
  };
  return s;
}

}  // namespace muster::snapshots
