#pragma once
#include "schemas/state_view.hpp"

/// Projects, and what they share.
namespace muster {

inline constexpr std::string_view default_project = "default";

/// Where the objects of `feature` ("images", "profiles", …) lie that a project uses: in itself if
/// it has the feature, else in the default project. None if there is no such project.
project_id home_of(const state_view& s, project_id of, std::string_view feature);
/// The projects whose objects of `feature` lie in `home`, itself included.
std::vector<project_id> users_of(const state_view& s, project_id home, std::string_view feature);
/// Empty for objects that know no project, and for projects that are gone.
std::string project_name(const state_view& s, project_id id);
/// The instances that have the profile, of whichever project.
void each_user_of_profile(const state_view& s, const profile& p,
                          const std::function<void(const instance&)>& see);

}  // namespace muster
