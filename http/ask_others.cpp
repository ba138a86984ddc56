#include "http/api.hpp"

#include <atomic>
#include <thread>

namespace muster::http {

namespace {

constexpr auto answer_within = std::chrono::seconds(1);
constexpr std::size_t bytes_max = 4u << 20;
constexpr std::size_t threads_max = 16;

}  // namespace

std::vector<std::string> api::ask_others(const state_view& s, const std::string& target) {
  const auto deadline = clock::now() + answer_within;
  std::vector<member> others;
  const auto who = online();
  for (auto& m : s.all<member>())
    if (m.id() != node_.self() && who.contains(m.id())) others.push_back(std::move(m));
  std::vector<std::optional<std::string>> said(others.size());
  std::atomic<std::size_t> next{0};
  const auto ask_some = [&] {
    for (auto i = next++; i < others.size(); i = next++) {
      auto stream = node_.dial_member(others[i].address, others[i].fingerprint, deadline);
      if (!stream) continue;
      tls::http_request ask;
      ask.target = target;
      auto answer = tls::ask(**stream, ask, {deadline, bytes_max, {}});
      if (answer && answer->status == 200) said[i] = std::move(answer->body);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(threads_max, others.size()); ++i)
      threads.emplace_back(ask_some);
  }
  std::vector<std::string> all;
  for (auto& one : said)
    if (one) all.push_back(*std::move(one));
  return all;
}

}  // namespace muster::http
