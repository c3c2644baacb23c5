#pragma once

#include "script.hpp"
#include "stage.hpp"

#include <string>
#include <vector>

namespace tiercel::conformance {

// Plays one case. What came out differently from what the case says, a sentence each; empty: the case holds.
// REQUIRES: the stage moves time, or the case needs no clock.
std::vector<std::string> play(const script& s, stage& on);

}  // namespace tiercel::conformance
