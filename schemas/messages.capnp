@0xd92b7c40e6f81a35;
# Messages between members. Fields are only added; a default means "as before".
using Cxx = import "/capnp/c++.capnp";
using import "records.capnp".MemberKey;
$Cxx.namespace("muster::wire");

struct Configuration {
  voters @0 :List(UInt64);
  outgoing @1 :List(UInt64);
  standbys @2 :List(UInt64);
  spares @3 :List(UInt64);
}
struct HardState { term @0 :UInt64; vote @1 :UInt64; }
struct SnapshotMeta {
  index @0 :UInt64;
  term @1 :UInt64;
  stampMs @2 :UInt64;
  members @3 :Configuration;
  digest @4 :UInt64;
}
struct Entry {
  term @0 :UInt64;
  index @1 :UInt64;
  kind @2 :UInt8;
  stampMs @3 :UInt64;
  payload @4 :Data;           # a Command, whole words
  members @5 :Configuration;
}
struct RaftMessage {
  from @0 :UInt64;
  to @1 :UInt64;
  term @2 :UInt64;
  union {
    voteRequest :group { isPre @3 :Bool; disruptive @4 :Bool; lastIndex @5 :UInt64; lastTerm @6 :UInt64; }
    voteResponse :group { isPre @7 :Bool; granted @8 :Bool; }
    appendRequest :group {
      previousIndex @9 :UInt64;
      previousTerm @10 :UInt64;
      commit @11 :UInt64;
      entries @12 :List(Entry);
    }
    appendResponse :group {
      rejected @13 :Bool;
      match @14 :UInt64;
      rejectedAt @15 :UInt64;
      hintIndex @16 :UInt64;
      hintTerm @17 :UInt64;
    }
    heartbeat :group { commit @18 :UInt64; readRound @19 :UInt64; }
    heartbeatResponse :group { readRound @20 :UInt64; applied @21 :UInt64; }
    readRequest :group { tag @22 :UInt64; }
    readResponse :group { tag @23 :UInt64; refused @24 :Bool; index @25 :UInt64; }
    snapshotOffer @26 :SnapshotMeta;
    timeoutNow @27 :Void;
  }
  # Of the chain: where an answer's sender stands; heartbeat: where its receiver differs.
  chainIndex @28 :UInt64;
  chainDigest @29 :UInt64;
  condemned @30 :Bool;        # heartbeatResponse
}

# First message of a session, both ways.
struct Hello {
  protocolLowest @0 :UInt32;
  protocolHighest @1 :UInt32;
  clusterUuid @2 :Text;
  epochCounter @3 :UInt64;
  epochRandom @4 :UInt64;
  member @5 :UInt64;
  incarnation @6 :UInt64;
  term @7 :UInt64;
  level @8 :UInt32;
  version @9 :Text;
}

# Everything a session carries after its hello. In order, at most once.
struct LinkMessage {
  sequence @0 :UInt64;
  session @1 :UInt64;         # chosen by the dialler; messages of another session are dropped
  acknowledged @2 :UInt64;    # highest sequence the sender has taken in this session
  deadlineMs @3 :UInt64;      # milliseconds left when it was sent; 0: none
  union {
    hello @4 :Hello;
    beat @5 :Void;
    raft @6 :RaftMessage;
    submit :group { tag @7 :UInt64; command @8 :Data; }
    submitRefused :group { tag @9 :UInt64; code @10 :UInt8; text @11 :Text; }
    operationEvent @12 :Text; # JSON of an Incus event, to be shown on this member too
    handOver @13 :Bool;       # false: the sender stops soon; true: its roles are with others, as far as may be
  }
  wallMs @14 :UInt64;         # beat: the sender's clock
}

# What a joining server sends and gets, over HTTPS.
struct JoinRequest {
  name @0 :Text;
  address @1 :Text;
  architecture @2 :Text;
  secret @3 :Text;            # of the token; empty if the certificate has claimed it before
  memberConfig @4 :List(MemberKey);
}
struct Peer { id @0 :UInt64; name @1 :Text; address @2 :Text; fingerprint @3 :Text; }
struct JoinAccepted {
  member @0 :UInt64;
  clusterUuid @1 :Text;
  epochCounter @2 :UInt64;
  epochRandom @3 :UInt64;
  certificate @4 :Text;       # cluster.crt
  key @5 :Text;               # cluster.key
  peers @6 :List(Peer);
}

# What a member tells of a snapshot before it gives out chunks of it. Its SHA-256 is the snapshot's id.
struct SnapshotManifest {
  index @0 :UInt64;           # the state holds this entry and all before it
  chunkBytes @1 :UInt32;      # of each but the last of a file
  files @2 :List(SnapshotFile);
}
struct SnapshotFile {
  name @0 :Text;
  sizeBytes @1 :UInt64;
  digests @2 :Data;           # SHA-256 of each chunk, one behind the other
}

# What `muster probe` is told.
struct ProbeReport {
  name @0 :Text;
  version @1 :Text;
  role @2 :Text;
  term @3 :UInt64;
  leader @4 :Text;
  commit @5 :UInt64;
  applied @6 :UInt64;
  members @7 :List(Text);
  uptimeMs @8 :UInt64;
}
