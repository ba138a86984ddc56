@0xe3f1c7b2a9d84601;
# Rows of the replicated state on disk. Fields are only added; a default means "as before".
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("muster::wire");

struct Pair { key @0 :Text; value @1 :Text; }
struct Device { name @0 :Text; config @1 :List(Pair); }

struct Head {
  id @0 :UInt64;
  project @1 :UInt64;
  created @2 :UInt64;
  modified @3 :UInt64;
  createdMs @4 :UInt64;
  modifiedMs @5 :UInt64;
}

struct Counters { nextObject @0 :UInt64; nextMember @1 :UInt64; nextEvent @2 :UInt64; }
struct Cluster {
  uuid @0 :Text;
  enabled @1 :Bool;
  certificate @2 :Text;
  level @3 :UInt32 = 1;
  epochCounter @4 :UInt64;
  epochRandom @5 :UInt64;
  fingerprint @6 :Text;
}
struct ServerConfig { config @0 :List(Pair); }
struct Member {
  name @0 :Text;
  address @1 :Text;
  certificate @2 :Text;
  fingerprint @3 :Text;
  architecture @4 :Text;
  description @5 :Text;
  failureDomain @6 :Text;
  config @7 :List(Pair);
  groups @8 :List(Text);
  roles @9 :List(Text);
  state @10 :UInt8;
  joinSecretHash @11 :Text;
  ownConfig @12 :List(Pair);
}
struct Certificate {
  fingerprint @0 :Text;
  type @1 :Text;
  name @2 :Text;
  pem @3 :Text;
  description @4 :Text;
  restricted @5 :Bool;
  projects @6 :List(Text);
}
struct Token {
  kind @0 :UInt8;
  uuid @1 :Text;
  name @2 :Text;
  secretHash @3 :Text;
  sealedSecret @4 :Text;
  addresses @5 :List(Text);
  fingerprint @6 :Text;
  expiresMs @7 :UInt64;
  claimedBy @8 :Text;
  restricted @9 :Bool;
  projects @10 :List(Text);
  location @11 :Text;
  replaces @12 :UInt64;
}
struct Project { name @0 :Text; description @1 :Text; config @2 :List(Pair); }
struct Profile { name @0 :Text; description @1 :Text; config @2 :List(Pair); devices @3 :List(Device); }
struct Part { member @0 :UInt64; config @1 :List(Pair); state @2 :UInt8; reason @3 :Text; version @4 :UInt64; }
struct Spread { isPending @0 :Bool; version @1 :UInt64; parts @2 :List(Part); }
struct StoragePool {
  name @0 :Text;
  driver @1 :Text;
  description @2 :Text;
  config @3 :List(Pair);
  across @4 :Spread;
}
struct Network {
  name @0 :Text;
  type @1 :Text;
  description @2 :Text;
  config @3 :List(Pair);
  across @4 :Spread;
}
struct Image {
  fingerprint @0 :Text;
  filename @1 :Text;
  architecture @2 :Text;
  type @3 :Text;
  sizeBytes @4 :UInt64;
  isPublic @5 :Bool;
  autoUpdate @6 :Bool;
  cached @7 :Bool;
  properties @8 :List(Pair);
  profiles @9 :List(Text);
  madeMs @10 :UInt64;
  expiresMs @11 :UInt64;
  locations @12 :List(UInt64);
}
struct ImageAlias { name @0 :Text; description @1 :Text; target @2 :UInt64; }
struct Instance {
  name @0 :Text;
  uuid @1 :Text;
  architecture @2 :Text;
  type @3 :Text;
  description @4 :Text;
  imageFingerprint @5 :Text;
  config @6 :List(Pair);
  devices @7 :List(Device);
  profiles @8 :List(Text);
  ephemeral @9 :Bool;
  stateful @10 :Bool;
  owner @11 :UInt64;
  generation @12 :UInt64;
  wanted @13 :UInt8;
  status @14 :UInt8;
  lastUsedMs @15 :UInt64;
  operation @16 :Text;
}
struct Proposer { current @0 :UInt64; low @1 :UInt64; high @2 :UInt64; }
struct Outcome { done @0 :Bool; code @1 :UInt8; text @2 :Text; id @3 :UInt64; detail @4 :Text; }
struct SeenRequest { result @0 :Outcome; sequence @1 :UInt64; }
struct Requestor { username @0 :Text; protocol @1 :Text; address @2 :Text; }
struct Event {
  action @0 :Text;
  source @1 :Text;
  name @2 :Text;
  project @3 :Text;
  context @4 :List(Pair);
  who @5 :Requestor;
  by @6 :UInt64;
  number @7 :UInt64;
}
struct ClusterGroup { name @0 :Text; description @1 :Text; config @2 :List(Pair); }
struct RemovedMember {
  fingerprint @0 :Text;
  name @1 :Text;
  address @2 :Text;
  forced @3 :Bool;
  by @4 :Text;
}
struct MemberKey { table @0 :UInt8; name @1 :Text; key @2 :Text; value @3 :Text; }
struct RowKey { table @0 :UInt8; project @1 :UInt64; id @2 :UInt64; }
struct Warning {
  uuid @0 :Text;
  type @1 :Text;
  location @2 :UInt64;
  about @3 :RowKey;
  message @4 :Text;
  weight @5 :UInt8;
  status @6 :UInt8;
  count @7 :UInt64;
  lastSeenMs @8 :UInt64;
}
struct Leftover { of @0 :RowKey; ofName @1 :Text; on @2 :UInt64; reason @3 :Text; }

struct MemberStanding {
  isOffline @0 :Bool;
  silentSinceMs @1 :UInt64;
  role @2 :Text;
  roleReason @3 :Text;
  roleSinceMs @4 :UInt64;
  level @5 :UInt32;
}

struct Row {
  head @0 :Head;
  union {
    counters @1 :Counters;
    cluster @2 :Cluster;
    serverConfig @3 :ServerConfig;
    member @4 :Member;
    certificate @5 :Certificate;
    token @6 :Token;
    project @7 :Project;
    profile @8 :Profile;
    storagePool @9 :StoragePool;
    network @10 :Network;
    image @11 :Image;
    imageAlias @12 :ImageAlias;
    instance @13 :Instance;
    proposer @14 :Proposer;
    seenRequest @15 :SeenRequest;
    event @16 :Event;
    memberStanding @17 :MemberStanding;
    clusterGroup @18 :ClusterGroup;
    removedMember @19 :RemovedMember;
    warning @20 :Warning;
    leftover @21 :Leftover;
  }
}
