#pragma once

// The composition root: builds the process from its configuration, runs it, stops it in reverse order.

#include "config/config_loader.hpp"

namespace tiercel::app {

// Runs until SIGTERM or SIGINT has been answered by a drain; returns the exit code. A second signal ends it at once.
// Reports what prevents a start on stderr, one line each, and returns 1. REQUIRES: configuration.ok().
int run(const config::loaded& configuration);

}  // namespace tiercel::app
