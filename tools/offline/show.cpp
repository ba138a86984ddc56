#include "actors/node/member_files.hpp"
#include "http/message/json_reader.hpp"
#include "http/message/json_writer.hpp"
#include "tools/offline/edit.hpp"
#include "tools/offline/offline.hpp"
#include "tools/own_member.hpp"

#include <cstdio>
#include <iostream>

namespace muster::tools {

namespace {

/// Of the voters: a member that runs is asked, else its disk is looked at.
result<std::vector<std::string>> voter_addresses(const std::string& data_dir) {
  std::vector<std::string> addresses;
  if (node::is_running(data_dir)) {
    auto json = ask_member(data_dir, "GET", "/internal/status", "");
    if (!json) return json.error();
    auto said = http::json_object::parse(*json);
    if (!said) return said.error();
    for (const auto& m : said->objects("members").value_or(std::vector<http::json_object>{}))
      if (m.text("kind") == "voter") addresses.push_back(m.text("address"));
    return addresses;
  }
  auto here = node::look_offline(data_dir);
  if (!here) return here.error();
  for (const auto& m : here->all)
    if (m.role == "voter") addresses.push_back(m.address);
  return addresses;
}

}  // namespace

status list_database(const std::string& data_dir, const std::string& format) {
  auto found = voter_addresses(data_dir);
  if (!found) return found.error();
  const auto& addresses = *found;
  std::size_t widest = std::string_view("ADDRESS").size();
  for (const auto& a : addresses) widest = std::max(widest, a.size());
  if (format == "json") {
    http::json_writer w;
    w.begin_array();
    for (const auto& a : addresses) w.begin_array().value(a).end_array();
    std::printf("%s\n", w.end_array().take().c_str());
    return ok();
  }
  const auto rule = "+" + std::string(widest + 2, '-') + "+\n";
  const bool is_table = format == "table";
  if (is_table)
    std::printf("%s| %-*s |\n%s", rule.c_str(), static_cast<int>(widest), "ADDRESS", rule.c_str());
  for (const auto& a : addresses) {
    if (is_table)
      std::printf("| %-*s |\n%s", static_cast<int>(widest), a.c_str(), rule.c_str());
    else
      std::printf("%s%s\n", format == "yaml" ? "- - " : "", a.c_str());
  }
  return ok();
}

std::string as_yaml(const node::offline_view& here) {
  std::string text = "# Latest entry: term " + std::to_string(here.last_term.value) + ", index " +
                     std::to_string(here.last.value) + "; epoch " +
                     std::to_string(here.who.epoch_counter) + "\nmembers:\n";
  for (const auto& m : here.all)
    text += "- id: " + std::to_string(m.id.value) + "\n  name: " + m.name +
            "\n  address: " + m.address + "\n  role: " + m.role + "\n";
  return text;
}

status show_cluster(const std::string& data_dir) {
  auto here = node::look_offline(data_dir);
  if (!here) return here.error();
  std::cout << as_yaml(*here);
  return ok();
}

}  // namespace muster::tools
