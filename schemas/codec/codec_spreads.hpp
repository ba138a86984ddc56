#pragma once
#include "schemas/codec/codec_common.hpp"

/// Pools, networks, and what is told about them. Only for codec_records.cpp.
namespace muster::codec::detail {

void put_row(const storage_pool& r, wire::Row::Builder row);
result<object> get_row(wire::StoragePool::Reader from);
void put_row(const network& r, wire::Row::Builder row);
result<object> get_row(wire::Network::Reader from);
void put_row(const warning& r, wire::Row::Builder row);
result<object> get_row(wire::Warning::Reader from);
void put_row(const leftover& r, wire::Row::Builder row);
result<object> get_row(wire::Leftover::Reader from);

}  // namespace muster::codec::detail
