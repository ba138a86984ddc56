#pragma once

namespace muster::instances {

/// The helper process: this binary called with `container-helper VERB ...`. It holds the forks,
/// mounts and liblxc calls, so that the daemon holds none. Gives the exit code; a sentence goes to
/// stderr. Verbs: unpack FILE DIRECTORY FINGERPRINT | sweep C | probe C | exec C, and, one at a
/// time for each container, start C | stop C | freeze C | unfreeze C | tidy C | copy C | remove C.
/// C is `by-message`, and a `helper_wish` on descriptor 3, or KEY=VALUE... without configuration.
int helper_main(int argc, char** argv);

}  // namespace muster::instances
