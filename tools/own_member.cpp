#include "tools/own_member.hpp"

#include "actors/link/tls/https_client.hpp"
#include "http/message/json_reader.hpp"

namespace muster::tools {

namespace {

constexpr auto answer_within = std::chrono::seconds(15);

}  // namespace

result<std::string> ask_member(const std::string& data_dir, const std::string& method,
                               const std::string& target, const std::string& body) {
  const auto deadline = tls::clock::now() + answer_within;
  auto stream = tls::dial_unix(data_dir + "/unix.socket", deadline);
  if (!stream) return fail(errc::unavailable, "no member serves " + data_dir + "/unix.socket");
  tls::http_request ask;
  ask.method = method;
  ask.target = target;
  ask.body = body;
  if (!body.empty()) ask.headers["Content-Type"] = "application/json";
  auto answer = tls::ask(**stream, ask, {deadline, 16u << 20, {}});
  if (!answer) return answer.error();
  if (answer->status >= 400)
    return fail(
        errc::refused,
        http::json_at(answer->body, "error").value_or("error " + std::to_string(answer->status)));
  return http::json_at(answer->body, "metadata").value_or("");
}

}  // namespace muster::tools
