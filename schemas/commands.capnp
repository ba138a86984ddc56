@0xb4a8e0f5d17c2903;
# Commands in the raft log. Fields are only added; a default means "as before".
using Cxx = import "/capnp/c++.capnp";
using import "records.capnp".Row;
using import "records.capnp".Pair;
using import "records.capnp".Requestor;
using import "records.capnp".RowKey;
using import "records.capnp".MemberKey;
$Cxx.namespace("muster::wire");

struct HealthChange { about @0 :UInt64; isOffline @1 :Bool; silentSinceMs @2 :UInt64; level @3 :UInt32; }
struct RoleChange { about @0 :UInt64; role @1 :Text; reason @2 :Text; }
struct ReportPart {
  key @0 :RowKey;
  member @1 :UInt64;
  version @2 :UInt64;
  state @3 :UInt8;
  reason @4 :Text;
  config @5 :List(Pair);
}
struct RaiseWarning {
  type @0 :Text;
  location @1 :UInt64;
  about @2 :RowKey;
  message @3 :Text;
  weight @4 :UInt8;
}
struct SettleWarning { type @0 :Text; location @1 :UInt64; about @2 :RowKey; }

struct RecoverCluster { epochCounter @0 :UInt64; epochRandom @1 :UInt64; survivor @2 :UInt64; dead @3 :List(UInt64); }

struct Command {
  member @0 :UInt64;
  incarnation @1 :UInt64;
  sequence @2 :UInt64;
  who @3 :Requestor;
  trace @4 :Text;
  union {
    bootstrap :group {
      uuid @5 :Text;
      epochRandom @6 :UInt64;
      first @7 :Row;
      enabled @8 :Bool;
      clusterCertificate @9 :Text;
    }
    enableCluster :group { name @10 :Text; address @11 :Text; certificate @12 :Text; }
    createObject @13 :Row;
    replaceObject :group { value @14 :Row; expected @15 :UInt64; }
    eraseObject :group { key @16 :RowKey; expected @17 :UInt64; }
    renameObject :group { key @18 :RowKey; name @19 :Text; }
    setConfig :group {
      changes @20 :List(Pair);
      expected @21 :UInt64;
      ownOf @45 :UInt64;
      ownChanges @46 :List(Pair);
    }
    claimToken :group { secretHash @22 :Text; fingerprint @23 :Text; }
    redeemToken :group { secretHash @24 :Text; value @25 :Row; }
    joinMember :group { secretHash @26 :Text; value @27 :Row; config @63 :List(MemberKey); }
    moveInstance :group { key @28 :RowKey; owner @29 :UInt64; }
    wantInstance :group { key @30 :RowKey; wanted @31 :UInt8; action @32 :Text; }
    reportInstance :group { key @33 :RowKey; generation @34 :UInt64; status @35 :UInt8; action @36 :Text; }
    locateImage :group { key @37 :RowKey; member @38 :UInt64; present @39 :Bool; }
    expireTokens @40 :Void;
    noteMember :group { about @41 :UInt64; condemned @42 :Bool; }
    noteHealth @43 :List(HealthChange);
    noteRoles @44 :List(RoleChange);
    putGroup :group {
      value @47 :Row;
      isNew @48 :Bool;
      setsMembers @49 :Bool;
      members @50 :List(Text);
      expected @51 :UInt64;
    }
    removeMember :group { who @52 :UInt64; force @53 :Bool; }
    relocateMember :group { who @54 :UInt64; address @55 :Text; }
    setClusterCertificate :group {
      certificate @56 :Text;
      fingerprint @57 :Text;
      sealed @58 :List(Pair);
      expected @59 :UInt64;
    }
    reportPart @60 :ReportPart;
    raiseWarning @61 :RaiseWarning;
    settleWarning @62 :SettleWarning;
    recoverCluster @64 :RecoverCluster;
    raiseLevel @65 :UInt32;
  }
}
