#include "http/resources/resources.hpp"

namespace muster::http {

namespace {

response replace_certificate(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const tls::pem_pair next{body->text("cluster_certificate"),
                           body->text("cluster_certificate_key")};
  if (auto good = body->good(); !good) return error(good.error());
  if (next.certificate.empty()) return error(400, "No certificate provided");
  if (next.key.empty()) return error(400, "No certificate key provided");
  if (!tls::fingerprint_of(next.certificate))
    return error(400, "Certificate must be base64 encoded PEM certificate");
  if (next.key.find("-----BEGIN") == std::string::npos)
    return error(400, "Private key must be base64 encoded PEM key");
  if (!tls::is_pair(next)) return error(400, "The private key does not belong to the certificate");
  if (!a.server().is_clustered()) return error(400, "This server is not clustered");
  auto done = a.server().replace_certificate(next, a.online(), api::requestor_of(r), r.trace);
  return done ? empty_sync() : error(done.error());
}

/// Between members only: see api::may.
response between_members(api& a, const request& r) {
  if (a.access_of(r) != access::member) return error(403, "not authorized");
  response out;
  out.content_type = "application/octet-stream";
  if (r.method == "GET") out.body = a.server().packed_pair();
  if (r.method == "DELETE") a.server().drop_ready();
  if (r.method != "PUT") return out;
  auto pair = node::unpack_pair(r.body);
  if (!pair) return error(pair.error());
  auto laid = a.server().lay_ready(*pair);
  return laid ? out : error(laid.error());
}

}  // namespace

void add_cluster_certificate_routes(router& routes, api& a) {
  routes.add("PUT", "/1.0/cluster/certificate",
             [&a](const request& r, const captures&) { return replace_certificate(a, r); });
  for (const char* method : {"GET", "PUT", "DELETE"})
    routes.add(method, "/internal/cluster/certificate",
               [&a](const request& r, const captures&) { return between_members(a, r); });
}

}  // namespace muster::http
