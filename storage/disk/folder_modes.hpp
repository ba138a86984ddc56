#pragma once
#include <string>

/// Who may pass into what lies below the data directory: nobody else, except that the users of
/// unprivileged containers pass through to the files of their own.
namespace muster::storage {

/// Makes DIR/containers, and gives every folder of DIR and of its pools the mode it is to have.
void close_folders(const std::string& data_dir);
/// One pool: DIR/storage-pools/NAME.
void close_pool(const std::string& place);
/// The folder of one container: whoever is root in it passes through, and nobody else.
void close_container(const std::string& directory, unsigned root_user);

}  // namespace muster::storage
