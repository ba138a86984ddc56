#include "http/routing/endpoints.hpp"

#include <array>
#include <vector>

namespace muster::http {

namespace {

/// Of the server and the cluster.
constexpr std::array of_server{
    endpoint{"GET", "/", open_to::anybody},
    endpoint{"GET", "/1.0", open_to::anybody},
    endpoint{"PUT", "/1.0", open_to::whole},
    endpoint{"PATCH", "/1.0", open_to::whole},
    endpoint{"GET", "/1.0/events", open_to::bounded},
    endpoint{"GET", "/1.0/certificates", open_to::whole},
    endpoint{"POST", "/1.0/certificates", open_to::token},
    endpoint{"GET", "/1.0/certificates/{fingerprint}", open_to::itself},
    endpoint{"PUT", "/1.0/certificates/{fingerprint}", open_to::whole},
    endpoint{"PATCH", "/1.0/certificates/{fingerprint}", open_to::whole},
    endpoint{"DELETE", "/1.0/certificates/{fingerprint}", open_to::whole},
    endpoint{"GET", "/1.0/cluster", open_to::bounded},
    endpoint{"PUT", "/1.0/cluster", open_to::whole},
    endpoint{"PUT", "/1.0/cluster/certificate", open_to::whole},
    endpoint{"GET", "/1.0/cluster/groups", open_to::bounded},
    endpoint{"POST", "/1.0/cluster/groups", open_to::whole},
    endpoint{"GET", "/1.0/cluster/groups/{name}", open_to::bounded},
    endpoint{"PUT", "/1.0/cluster/groups/{name}", open_to::whole},
    endpoint{"PATCH", "/1.0/cluster/groups/{name}", open_to::whole},
    endpoint{"POST", "/1.0/cluster/groups/{name}", open_to::whole},
    endpoint{"DELETE", "/1.0/cluster/groups/{name}", open_to::whole},
    endpoint{"GET", "/1.0/cluster/members", open_to::bounded},
    endpoint{"POST", "/1.0/cluster/members", open_to::whole},
    endpoint{"GET", "/1.0/cluster/members/{name}", open_to::bounded},
    endpoint{"PUT", "/1.0/cluster/members/{name}", open_to::whole},
    endpoint{"PATCH", "/1.0/cluster/members/{name}", open_to::whole},
    endpoint{"POST", "/1.0/cluster/members/{name}", open_to::whole},
    endpoint{"DELETE", "/1.0/cluster/members/{name}", open_to::whole},
    endpoint{"GET", "/1.0/cluster/members/{name}/state", open_to::bounded},
    endpoint{"GET", "/1.0/metadata/configuration", open_to::bounded},
    endpoint{"GET", "/1.0/metrics", open_to::metrics},
    endpoint{"GET", "/1.0/networks", open_to::project},
    endpoint{"POST", "/1.0/networks", open_to::whole},
    endpoint{"GET", "/1.0/networks/{name}", open_to::project},
    endpoint{"PUT", "/1.0/networks/{name}", open_to::whole},
    endpoint{"PATCH", "/1.0/networks/{name}", open_to::whole},
    endpoint{"POST", "/1.0/networks/{name}", open_to::whole},
    endpoint{"DELETE", "/1.0/networks/{name}", open_to::whole},
    endpoint{"GET", "/1.0/networks/{name}/leases", open_to::whole},
    endpoint{"GET", "/1.0/networks/{name}/state", open_to::whole},
    endpoint{"GET", "/1.0/operations", open_to::bounded},
    endpoint{"GET", "/1.0/operations/{id}", open_to::bounded},
    endpoint{"DELETE", "/1.0/operations/{id}", open_to::bounded},
    endpoint{"GET", "/1.0/operations/{id}/wait", open_to::bounded},
    endpoint{"GET", "/1.0/operations/{id}/websocket", open_to::bounded},
    endpoint{"GET", "/1.0/projects", open_to::bounded},
    endpoint{"POST", "/1.0/projects", open_to::whole},
    endpoint{"GET", "/1.0/projects/{name}", open_to::named},
    endpoint{"PUT", "/1.0/projects/{name}", open_to::whole},
    endpoint{"PATCH", "/1.0/projects/{name}", open_to::whole},
    endpoint{"POST", "/1.0/projects/{name}", open_to::whole},
    endpoint{"DELETE", "/1.0/projects/{name}", open_to::whole},
    endpoint{"GET", "/1.0/projects/{name}/state", open_to::named},
    endpoint{"GET", "/1.0/storage-pools", open_to::bounded},
    endpoint{"POST", "/1.0/storage-pools", open_to::whole},
    endpoint{"GET", "/1.0/storage-pools/{name}", open_to::bounded},
    endpoint{"PUT", "/1.0/storage-pools/{name}", open_to::whole},
    endpoint{"PATCH", "/1.0/storage-pools/{name}", open_to::whole},
    endpoint{"POST", "/1.0/storage-pools/{name}", open_to::whole},
    endpoint{"DELETE", "/1.0/storage-pools/{name}", open_to::whole},
    endpoint{"GET", "/1.0/storage-pools/{name}/resources", open_to::bounded},
    endpoint{"GET", "/1.0/warnings", open_to::whole},
    endpoint{"GET", "/1.0/warnings/{uuid}", open_to::whole},
    endpoint{"PUT", "/1.0/warnings/{uuid}", open_to::whole},
    endpoint{"PATCH", "/1.0/warnings/{uuid}", open_to::whole},
    endpoint{"DELETE", "/1.0/warnings/{uuid}", open_to::whole}};

/// What lies in projects.
constexpr std::array of_projects{
    endpoint{"GET", "/1.0/images", open_to::published},
    endpoint{"POST", "/1.0/images", open_to::project, "images"},
    endpoint{"GET", "/1.0/images/aliases", open_to::published},
    endpoint{"POST", "/1.0/images/aliases", open_to::project, "images"},
    endpoint{"GET", "/1.0/images/aliases/{name...}", open_to::published},
    endpoint{"PUT", "/1.0/images/aliases/{name...}", open_to::project, "images"},
    endpoint{"PATCH", "/1.0/images/aliases/{name...}", open_to::project, "images"},
    endpoint{"POST", "/1.0/images/aliases/{name...}", open_to::project, "images"},
    endpoint{"DELETE", "/1.0/images/aliases/{name...}", open_to::project, "images"},
    endpoint{"GET", "/1.0/images/{fingerprint}", open_to::published},
    endpoint{"PUT", "/1.0/images/{fingerprint}", open_to::project, "images"},
    endpoint{"PATCH", "/1.0/images/{fingerprint}", open_to::project, "images"},
    endpoint{"DELETE", "/1.0/images/{fingerprint}", open_to::project, "images"},
    endpoint{"GET", "/1.0/images/{fingerprint}/export", open_to::published},
    endpoint{"POST", "/1.0/images/{fingerprint}/secret", open_to::project, "images"},
    endpoint{"GET", "/1.0/instances", open_to::listed},
    endpoint{"POST", "/1.0/instances", open_to::project},
    endpoint{"GET", "/1.0/instances/{name}", open_to::project},
    endpoint{"PUT", "/1.0/instances/{name}", open_to::project},
    endpoint{"PATCH", "/1.0/instances/{name}", open_to::project},
    endpoint{"POST", "/1.0/instances/{name}", open_to::project},
    endpoint{"DELETE", "/1.0/instances/{name}", open_to::project},
    endpoint{"POST", "/1.0/instances/{name}/exec", open_to::project},
    endpoint{"GET", "/1.0/instances/{name}/logs/exec-output", open_to::project},
    endpoint{"GET", "/1.0/instances/{name}/logs/exec-output/{file}", open_to::project},
    endpoint{"DELETE", "/1.0/instances/{name}/logs/exec-output/{file}", open_to::project},
    endpoint{"GET", "/1.0/instances/{name}/state", open_to::project},
    endpoint{"PUT", "/1.0/instances/{name}/state", open_to::project},
    endpoint{"GET", "/1.0/profiles", open_to::listed},
    endpoint{"POST", "/1.0/profiles", open_to::project, "profiles"},
    endpoint{"GET", "/1.0/profiles/{name}", open_to::project},
    endpoint{"PUT", "/1.0/profiles/{name}", open_to::project, "profiles"},
    endpoint{"PATCH", "/1.0/profiles/{name}", open_to::project, "profiles"},
    endpoint{"POST", "/1.0/profiles/{name}", open_to::project, "profiles"},
    endpoint{"DELETE", "/1.0/profiles/{name}", open_to::project, "profiles"}};

/// Between members, and for tools on this server.
constexpr std::array of_members{
    endpoint{"POST", "/internal/cluster/address", open_to::members},
    endpoint{"GET", "/internal/cluster/certificate", open_to::members},
    endpoint{"PUT", "/internal/cluster/certificate", open_to::members},
    endpoint{"DELETE", "/internal/cluster/certificate", open_to::members},
    endpoint{"POST", "/internal/cluster/join", open_to::token},
    endpoint{"DELETE", "/internal/cluster/raft-node/{address}", open_to::members},
    endpoint{"POST", "/internal/cluster/removed", open_to::members},
    endpoint{"GET", "/internal/current", open_to::members},
    endpoint{"GET", "/internal/images/coming", open_to::members},
    endpoint{"GET", "/internal/images/dropped", open_to::members},
    endpoint{"GET", "/internal/images/status", open_to::members},
    endpoint{"GET", "/internal/images/{fingerprint}", open_to::members},
    endpoint{"POST", "/internal/images/{fingerprint}/check", open_to::members},
    endpoint{"GET", "/internal/images/{fingerprint}/chunks", open_to::members},
    endpoint{"POST", "/internal/images/{fingerprint}/fetch", open_to::members},
    endpoint{"GET", "/internal/instances/state", open_to::members},
    endpoint{"POST", "/internal/instances/{name}/owner", open_to::members},
    endpoint{"POST", "/internal/knock", open_to::members},
    endpoint{"GET", "/internal/networks/{name}/leases", open_to::members},
    endpoint{"GET", "/internal/operations", open_to::members},
    endpoint{"POST", "/internal/placement", open_to::members},
    endpoint{"GET", "/internal/ready", open_to::members},
    endpoint{"GET", "/internal/roles-rest", open_to::members},
    endpoint{"PUT", "/internal/shutdown", open_to::members},
    endpoint{"GET", "/internal/snapshot", open_to::members},
    endpoint{"GET", "/internal/snapshot/{id}/{chunk}", open_to::members},
    endpoint{"GET", "/internal/sql", open_to::members},
    endpoint{"POST", "/internal/sql", open_to::members},
    endpoint{"GET", "/internal/status", open_to::members}};

std::string_view shown(open_to may) {
  switch (may) {
    case open_to::anybody:
      return "anybody";
    case open_to::token:
      return "whoever has a token";
    case open_to::metrics:
      return "every client, for what it sees, and certificates for metrics";
    case open_to::bounded:
      return "every client, for what it sees";
    case open_to::published:
      return "clients that see the project, and who shows no certificate for what is public";
    case open_to::project:
      return "clients that see the project";
    case open_to::listed:
      return "clients that see the project, or all projects for what they see";
    case open_to::named:
      return "clients that see the project it names";
    case open_to::itself:
      return "the client it names";
    case open_to::whole:
      return "clients without bounds";
    case open_to::members:
      return "members, and the unix socket";
  }
  return {};
}

}  // namespace

std::span<const endpoint> endpoints() {
  static const auto all = [] {
    std::vector<endpoint> rows(of_server.begin(), of_server.end());
    rows.insert(rows.end(), of_projects.begin(), of_projects.end());
    rows.insert(rows.end(), of_members.begin(), of_members.end());
    return rows;
  }();
  return all;
}

std::string endpoints_as_text() {
  std::string text =
      "# Endpoints\n\n"
      "Made from `http/routing/endpoints.cpp`, which decides. Clients without bounds and the unix "
      "socket may ask everything but what is for members alone; a certificate for metrics what "
      "anybody may, and metrics. `/1.0/containers` and `/1.0/virtual-machines` are views of "
      "`/1.0/instances`; HEAD is answered as GET without its body.\n\n"
      "| | path | who may ask |\n|---|---|---|\n";
  for (const auto& row : endpoints()) {
    text += "| " + std::string(row.method) + " | `" + std::string(row.path) + "` | ";
    text += shown(row.may);
    if (!row.feature.empty())
      text += " (that it lies in, by `features." + std::string(row.feature) + "`)";
    text += " |\n";
  }
  return text;
}

}  // namespace muster::http
